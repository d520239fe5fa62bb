"""What a `set` command can change, and how the texts of a command are read.

A setting is checked on the stream's thread, when the command comes, and applied on the training's, at a step boundary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Handled", "Refused", "Setting", "check_parameters", "declare", "number_within"]


class Refused(Exception):  # noqa: N818  # an answer, not an error
    """A value that is not taken; the text says why, for the one who gave the command."""


class Setting(Protocol):
    """One thing that can be set; `may_fail`: a function of the user's carries it out, and may raise."""

    declaration: pb.ControlParameter
    may_fail: bool

    def current(self) -> str:
        """Return what holds; empty: that is not known."""

    def check(self, text: str) -> None:
        """Raise `Refused` if this value cannot be taken now."""

    def apply(self, text: str) -> None:
        """Take the value, which was checked."""

    def waits(self) -> str:
        """Say why what was taken is not in effect yet; empty: it is."""

    def hold(self) -> None:
        """At each step boundary: see that what was set still holds."""


def number_within(name: str, text: str, low: float, high: float, *, whole: bool = False) -> float:
    """Read a number that must lie in [low, high].

    Raises:
        Refused: it is no number, not finite, or outside.
    """
    try:
        value = float(text)
        if whole and math.isfinite(value):
            value = int(text) if text.strip().lstrip("+-").isdigit() else _whole(value)
    except ValueError:
        raise Refused(f"{name}={text!r} is not a {'whole ' if whole else ''}number") from None
    if not math.isfinite(value):
        raise Refused(f"{name}={text} is not a finite number")
    if not low <= value <= high:
        raise Refused(f"{name}={text} is outside {low:g} to {high:g}, which this training allows")
    return value


def _whole(value: float) -> int:
    """Return a whole number that came as a float, such as ``64.0``.

    Raises:
        ValueError: it is none.
    """
    if not value.is_integer():
        raise ValueError(value)
    return int(value)


def declare(name: str, kind: str, low: float, high: float, default: str) -> pb.ControlParameter:
    """Return how the server is told of a setting; `default` is what holds when it is declared."""
    return pb.ControlParameter(
        name=name, kind=kind, minimum=low, maximum=high, default_value=default
    )


class Handled:
    """A setting that the user's own function carries out: ``handler(value)``, a float or int; what it returns took effect."""

    may_fail = True

    def __init__(
        self, name: str, handler: Callable[[float], Any], low: float, high: float, *, whole: bool
    ) -> None:
        self._name, self._handler, self._whole = name, handler, whole
        self._low, self._high = low, high
        self._current = ""
        self.declaration = declare(name, "int" if whole else "float", low, high, "")

    def current(self) -> str:
        """Return what the handler said last."""
        return self._current

    def check(self, text: str) -> None:
        """Raise `Refused` unless it is a number within the range."""
        number_within(self._name, text, self._low, self._high, whole=self._whole)

    def apply(self, text: str) -> None:
        """Call the handler on the training's thread."""
        value = number_within(self._name, text, self._low, self._high, whole=self._whole)
        took = self._handler(value)
        self._current = str(value if took is None else took)

    def waits(self) -> str:
        """It is in effect when the handler returned."""
        return ""

    def hold(self) -> None:
        """The handler's own matter."""


def check_parameters(declared: pb.ControlDeclaration, given: Mapping[str, str]) -> dict[str, Any]:
    """Read the parameters of a custom command as their declared kinds.

    Raises:
        Refused: one is unknown, missing, or no such value.
    """
    known = {parameter.name: parameter for parameter in declared.parameters}
    for name in given:
        if name not in known:
            raise Refused(f"{declared.verb} has no parameter {name!r}")
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        text = given.get(name, parameter.default_value)
        if parameter.kind in ("float", "int"):
            low = parameter.minimum if parameter.HasField("minimum") else -math.inf
            high = parameter.maximum if parameter.HasField("maximum") else math.inf
            values[name] = number_within(name, text, low, high, whole=parameter.kind == "int")
        elif parameter.kind == "choice" and text not in parameter.choices:
            raise Refused(f"{name}={text!r} is not one of {', '.join(parameter.choices)}")
        else:
            values[name] = text
    return values
