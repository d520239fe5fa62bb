"""What a `set` command can change: a learning rate, a batch size, or anything the user gave a handler for.

A setting is checked on the stream's thread, when the command comes, and applied on the training's, at a step boundary.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["BatchSize", "Handled", "LearningRate", "Refused", "Setting", "number_within"]

_MAX_UNDO = 32


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


class LearningRate:
    """The learning rate of an optimizer's parameter groups, beside whatever scheduler there is.

    Three modes. *Follow*: the scheduler's value, nothing of ours. *Hold*: a value that stays, whatever the scheduler writes.
    *Scale*: the scheduler's value times a factor. What the scheduler writes is noticed, because it differs from what we left there,
    and is kept, so that *follow* finds it again.

    Args:
        groups: the optimizer's ``param_groups``, or some of them: mappings with ``"lr"``.
        low, high: what may be set.
        name: ``"learning_rate"``, with ``/N`` for one group of several.

    Example:
        >>> groups = [{"lr": 0.1}]
        >>> rate = LearningRate(groups, 0.0, 10.0)
        >>> rate.apply("x0.5"), groups[0]["lr"]
        ('0.05', 0.05)
        >>> rate.apply("follow"), groups[0]["lr"]
        ('0.1', 0.1)
    """

    def __init__(
        self, groups: list[dict[str, Any]], low: float, high: float, name: str = "learning_rate"
    ) -> None:
        self._groups = groups
        self._low, self._high = low, high
        self._name = name
        self._held: float | None = None
        self._factor: float | None = None
        self._scheduled = [group["lr"] for group in groups]
        self._written: list[Any] = list(self._scheduled)
        self._undo: deque[tuple[float | None, float | None]] = deque(maxlen=_MAX_UNDO)
        self.declaration = _declare(name, "float", low, high, f"{float(groups[0]['lr']):g}")

    def check(self, text: str) -> None:
        """Raise `Refused` unless it is a rate, ``x`` and a factor, ``follow`` or ``undo``."""
        if text == "follow":
            return
        if text == "undo":
            if not self._undo:
                raise Refused("nothing was set that could be undone")
            return
        if text.startswith("x"):
            factor = (self._factor or 1.0) * number_within("factor", text[1:], 0.0, 1e6)
            for scheduled in self._scheduled:
                number_within(self._name, repr(float(scheduled) * factor), self._low, self._high)
            return
        number_within(self._name, text, self._low, self._high)

    def apply(self, text: str) -> str:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``; return the rate of the first group."""
        self._notice()
        self.check(text)
        if text == "undo":
            self._held, self._factor = self._undo.pop()
        else:
            self._undo.append((self._held, self._factor))
            if text == "follow":
                self._held = self._factor = None
            elif text.startswith("x"):
                self._held, self._factor = None, (self._factor or 1.0) * float(text[1:])
            else:
                self._held, self._factor = float(text), None
        self._write()
        return f"{float(self._groups[0]['lr']):.10g}"

    def hold(self) -> None:
        """Notice what a scheduler wrote and put ours in its place."""
        if self._held is not None or self._factor is not None:
            self._notice()
            self._write()

    def _notice(self) -> None:
        for index, group in enumerate(self._groups):
            if group["lr"] != self._written[index]:
                self._scheduled[index] = group["lr"]
        self._written = [group["lr"] for group in self._groups]

    def _write(self) -> None:
        for index, group in enumerate(self._groups):
            if self._held is not None:
                group["lr"] = self._held
            elif self._factor is not None:
                # A scheduler that rises must not carry a factor out of the range.
                scaled = self._scheduled[index] * self._factor
                group["lr"] = min(max(scaled, self._low), self._high)
            else:
                group["lr"] = self._scheduled[index]
        self._written = [group["lr"] for group in self._groups]


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
