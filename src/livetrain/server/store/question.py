"""What somebody wants to know of curves, and the answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from livetrain.server.series import Series
from livetrain.server.store.buckets import Rows
from livetrain.server.store.grid import Axis, Window

__all__ = ["Buckets", "Curve", "Lost", "Question", "Stat"]

Stat = Literal["points", "buckets"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which points, and how.

    Attributes:
        window: which part of the axis.
        points: how many points or buckets a curve may have at most; None: every point.
        stat: real points, or what is known of the points of stretches of equal extent.
        attempt: which start of the training; None: each from its first step on until the next one's first step.
    """

    window: Window = field(default_factory=Window)
    points: int | None = None
    stat: Stat = "points"
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Points that are damaged in the store; between these steps there were so many of them."""

    first_step: int
    last_step: int
    points: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Real points of a curve, ascending on the axis.

    Attributes:
        series: the points.
        total: how many there are in the window without thinning.
        lost: points that cannot be read any more.
        offset: of the newest record of the run when it was read.
    """

    series: Series
    total: int
    lost: tuple[Lost, ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Buckets:
    """What is known of the points of a curve in stretches of equal extent.

    Attributes:
        rows: a bucket for each stretch that has points, ascending.
        axis: what the stretches are of.
        width: of a stretch, in steps or in microseconds.
        total: how many points there are in the window, those that are not finite too.
        lost: points that cannot be read any more.
        offset: of the newest record of the run when it was read.
    """

    rows: Rows
    axis: Axis
    width: int
    total: int
    lost: tuple[Lost, ...] = ()
    offset: int = 0
