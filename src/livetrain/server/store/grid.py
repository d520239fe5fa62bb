"""Stretches of equal extent on an axis: whole multiples of a width, counted from zero, so that they never move. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Axis", "Window", "coarser", "fit_width", "slots_between", "widths"]

Axis = Literal["step", "time"]
"""What the points of a curve are ordered by: their step, or their time in microseconds."""

_DECADE: Final = (1, 2, 5)
_WIDEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an axis.

    Attributes:
        axis: whose.
        first: where it begins: a step, or Unix microseconds; None: with the first point.
        last: where it ends, itself included; None: with the last point.
    """

    axis: Axis = "step"
    first: int | None = None
    last: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it has no bound."""
        return self.first is None and self.last is None

    @property
    def empty(self) -> bool:
        """Whether it ends before it begins."""
        return self.first is not None and self.last is not None and self.last < self.first

    def covers(self, first: int, last: int) -> bool:
        """Whether a stretch lies inside as a whole."""
        return (self.first is None or first >= self.first) and (
            self.last is None or last <= self.last
        )


def slots_between(first: int, last: int, width: int) -> int:
    """Return how many stretches of a width there are from the one of ``first`` to the one of ``last``."""
    return last // width - first // width + 1


def widths(axis: Axis) -> Iterator[int]:
    """Yield the widths there are, ascending: powers of two for steps; 1, 2, 5, 10, 20, 50 … microseconds for times."""
    unit = 1
    while unit < _WIDEST:
        if axis == "step":
            yield unit
            unit *= 2
        else:
            yield from (unit * factor for factor in _DECADE)
            unit *= 10


def fit_width(axis: Axis, first: int, last: int, stretches: int) -> int:
    """Return the smallest width with at most ``stretches`` stretches from ``first`` to ``last``.

    Example:
        >>> fit_width("step", 0, 999, 300)
        4
        >>> fit_width("time", 0, 999_999, 300)
        5000
    """
    width = 1
    for width in widths(axis):
        if slots_between(first, last, width) <= stretches:
            return width
    return width


def coarser(axis: Axis, width: int) -> int | None:
    """Return the next width whose stretches are made of whole stretches of this one; None: there is none.

    Example:
        >>> coarser("step", 4), coarser("time", 2_000), coarser("time", 5_000)
        (8, 10000, 10000)
    """
    wider = next((w for w in widths(axis) if w > width and w % width == 0), None)
    return wider
