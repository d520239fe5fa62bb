"""What a `set` command can change: a learning rate, a batch size, or anything the user gave a handler for.

A setting is checked on the stream's thread, when the command comes, and applied on the training's, at a step boundary.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "BatchSize",
    "GroupRate",
    "Handled",
    "LearningRate",
    "Refused",
    "Setting",
    "check_parameters",
    "learning_rates",
    "number_within",
]

_MAX_UNDO = 32
_FOLLOW: tuple[float | None, float] = (None, 1.0)


class Refused(Exception):  # noqa: N818  # an answer, not an error
    """A value that is not taken; the text says why, for the one who gave the command."""


class Setting(Protocol):
    """One thing that can be set."""

    declaration: pb.ControlParameter

    def check(self, text: str) -> None:
        """Raise `Refused` if this value cannot be taken now."""

    def apply(self, text: str) -> str:
        """Take the value and return what took effect."""

    def hold(self) -> None:
        """At each step boundary: see that what was set still holds."""


def number_within(name: str, text: str, low: float, high: float, *, whole: bool = False) -> float:
    """Read a number that must lie in [low, high].

    Raises:
        Refused: it is no number, not finite, or outside.
    """
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        raise Refused(f"{name}={text!r} is not a {'whole ' if whole else ''}number") from None
    if not math.isfinite(value):
        raise Refused(f"{name}={text} is not a finite number")
    if not low <= value <= high:
        raise Refused(f"{name}={text} is outside {low:g} to {high:g}, which this training allows")
    return value


def _declare(name: str, kind: str, low: float, high: float, default: str) -> pb.ControlParameter:
    return pb.ControlParameter(
        name=name, kind=kind, minimum=low, maximum=high, default_value=default
    )


class GroupRate:
    """The learning rate of one parameter group, beside whatever scheduler there is.

    Three modes. *Follow*: the scheduler's value, nothing of ours. *Hold*: a value that stays, whatever
    the scheduler writes. *Scale*: the scheduler's value times a factor. What the scheduler writes is
    noticed, because it differs from what we left there, and is kept, so that *follow* finds it again.

    Args:
        group: of an optimizer: a mapping with ``"lr"``.
        low, high: a factor must not carry the rate out of these.
    """

    def __init__(self, group: dict[str, Any], low: float, high: float) -> None:
        self._group = group
        self._low, self._high = low, high
        self._scheduled = self._written = group["lr"]
        self._mode: tuple[float | None, float] = _FOLLOW  # held value, or None and a factor
        self._undo: deque[tuple[float | None, float]] = deque(maxlen=_MAX_UNDO)

    @property
    def value(self) -> float:
        """The rate as it is now."""
        return float(self._group["lr"])

    def check(self, name: str, text: str) -> None:
        """Raise `Refused` unless it is a rate, ``x`` and a factor, ``follow`` or ``undo``."""
        if text == "follow":
            return
        if text == "undo":
            if not self._undo:
                raise Refused("nothing was set that could be undone")
        elif text.startswith("x"):
            factor = number_within("factor", text[1:], 0.0, 1e6) * self._mode[1]
            number_within(name, repr(float(self._scheduled) * factor), self._low, self._high)
        else:
            number_within(name, text, self._low, self._high)

    def apply(self, text: str) -> None:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``, which was checked."""
        self._notice()
        if text == "undo":
            self._mode = self._undo.pop()
        else:
            self._undo.append(self._mode)
            if text == "follow":
                self._mode = _FOLLOW
            elif text.startswith("x"):
                self._mode = None, self._mode[1] * float(text[1:])
            else:
                self._mode = float(text), 1.0
        self._write()

    def hold(self) -> None:
        """Notice what a scheduler wrote and put ours in its place."""
        if self._mode is not _FOLLOW:
            self._notice()
            self._write()

    def _notice(self) -> None:
        if self._group["lr"] != self._written:
            self._scheduled = self._written = self._group["lr"]

    def _write(self) -> None:
        held, factor = self._mode
        if held is not None:
            self._group["lr"] = held
        elif self._mode is _FOLLOW:
            self._group["lr"] = self._scheduled
        else:
            # A scheduler that rises must not carry a factor out of the range.
            self._group["lr"] = min(max(self._scheduled * factor, self._low), self._high)
        self._written = self._group["lr"]


class LearningRate:
    """The learning rate of some parameter groups together.

    Args:
        groups: they may be shared with other settings.
        low, high: what may be set.
        name: ``"learning_rate"``, with ``/...`` for one of several.

    Example:
        >>> group = {"lr": 0.1}
        >>> rate = LearningRate([GroupRate(group, 0.0, 10.0)], 0.0, 10.0)
        >>> rate.apply("x0.5"), group["lr"]
        ('0.05', 0.05)
        >>> rate.apply("follow"), group["lr"]
        ('0.1', 0.1)
    """

    def __init__(
        self, groups: Sequence[GroupRate], low: float, high: float, name: str = "learning_rate"
    ) -> None:
        self._groups = groups
        self._name = name
        self.declaration = _declare(name, "float", low, high, f"{groups[0].value:g}")

    def check(self, text: str) -> None:
        """Raise `Refused` unless every group can take it."""
        for group in self._groups:
            group.check(self._name, text)

    def apply(self, text: str) -> str:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``; return the rate of the first group."""
        self.check(text)
        for group in self._groups:
            group.apply(text)
        return f"{self._groups[0].value:.10g}"

    def hold(self) -> None:
        """See that no scheduler undid it."""
        for group in self._groups:
            group.hold()


def learning_rates(
    groups: Sequence[dict[str, Any]], low: float, high: float, name: str
) -> list[LearningRate]:
    """Return the settings of an optimizer: all of its groups together, and each where there are several."""
    rates = [GroupRate(group, low, high) for group in groups]
    together = LearningRate(rates, low, high, name)
    if len(rates) == 1:
        return [together]
    each = (LearningRate([rate], low, high, f"{name}/group{i}") for i, rate in enumerate(rates))
    return [together, *each]


class BatchSize:
    """The batch size of a batch sampler, which reads its ``batch_size`` for each batch that it makes.

    It takes effect with the first batch that is drawn after it: a loader with workers has drawn some ahead.
    """

    def __init__(self, sampler: Any, low: float, high: float) -> None:
        self._sampler = sampler
        self._low, self._high = max(low, 1), high
        self.declaration = _declare("batch_size", "int", self._low, high, str(sampler.batch_size))

    def check(self, text: str) -> None:
        """Raise `Refused` unless it is a whole number within the range."""
        number_within("batch_size", text, self._low, self._high, whole=True)

    def apply(self, text: str) -> str:
        """Write it into the sampler."""
        self.check(text)
        self._sampler.batch_size = int(text)
        return str(self._sampler.batch_size)

    def hold(self) -> None:
        """Nothing undoes it."""


class Handled:
    """A setting that the user's own function carries out: ``handler(value)``, a float or int; what it returns took effect."""

    def __init__(
        self, name: str, handler: Callable[[float], Any], low: float, high: float, *, whole: bool
    ) -> None:
        self._name, self._handler, self._whole = name, handler, whole
        self._low, self._high = low, high
        self.declaration = _declare(name, "int" if whole else "float", low, high, "")

    def check(self, text: str) -> None:
        """Raise `Refused` unless it is a number within the range."""
        number_within(self._name, text, self._low, self._high, whole=self._whole)

    def apply(self, text: str) -> str:
        """Call the handler on the training's thread."""
        value = number_within(self._name, text, self._low, self._high, whole=self._whole)
        took = self._handler(value)
        return str(value if took is None else took)

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
