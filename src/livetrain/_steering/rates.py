"""The learning rate of an optimizer, set from outside beside whatever scheduler there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from livetrain._steering.schedulers import make_way
from livetrain._steering.settings import Refused, declare, number_within

__all__ = ["GroupRate", "LearningRate", "learning_rates"]

_MAX_UNDO = 32
_Mode = tuple[float | None, float]  # a value that is held, or None and a factor
_FOLLOW: _Mode = (None, 1.0)


class GroupRate:
    """The learning rate of one parameter group, beside whatever scheduler there is.

    Three modes. *Follow*: the scheduler's value, nothing of ours. *Hold*: a value that stays, whatever
    the scheduler writes. *Scale*: the scheduler's value times a factor. What the scheduler writes is
    noticed, because it differs from what we left there, and is kept, so that *follow* finds it again.

    Args:
        optimizer: its group is looked up each time, for ``load_state_dict`` puts new ones in their place.
        index: of the group.
        low, high: a factor must not carry the rate out of these.
    """

    def __init__(self, optimizer: Any, index: int, low: float, high: float) -> None:
        self._optimizer, self._index = optimizer, index
        self._low, self._high = low, high
        self._mode = _FOLLOW
        self._scheduled = self._written = self.value
        self._undo: deque[_Mode] = deque(maxlen=_MAX_UNDO)
        self._lent = 0

    @property
    def value(self) -> float:
        """The rate as it is now."""
        return float(self._optimizer.param_groups[self._index]["lr"])

    def check(self, name: str, text: str) -> None:
        """Raise `Refused` unless it is a rate, ``x`` and a factor, ``follow`` or ``undo``."""
        if text == "follow":
            return
        if text == "undo":
            if not self._undo:
                raise Refused("nothing was set that could be undone")
        elif text.startswith("x"):
            factor = number_within("factor", text[1:], 0.0, 1e6)
            held, scale = self._mode
            wanted = held * factor if held is not None else self._scheduled * scale * factor
            number_within(name, f"{wanted:.6g}", self._low, self._high)
        else:
            number_within(name, text, self._low, self._high)

    def apply(self, text: str) -> None:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``, which was checked."""
        self._notice()
        if text == "undo":
            self._mode = self._undo.pop()
        else:
            self._undo.append(self._mode)
            held, scale = self._mode
            if text == "follow":
                self._mode = _FOLLOW
            elif text.startswith("x"):
                factor = float(text[1:])
                self._mode = (None, scale * factor) if held is None else (held * factor, 1.0)
            else:
                self._mode = float(text), 1.0
        self._write(self._wanted())

    def hold(self) -> None:
        """Notice what was written beside us and put ours in its place."""
        if self._mode is not _FOLLOW and not self._lent:
            self._notice()
            self._write(self._wanted())

    def lend(self) -> None:
        """Let a scheduler find what it left itself: one that goes on from there would go on from ours."""
        self._lent += 1
        if self._lent == 1 and self._mode is not _FOLLOW:
            self._notice()
            self._write(self._scheduled)

    def take_back(self) -> None:
        """Notice what the scheduler made of it, and put ours in its place."""
        self._lent -= 1
        self.hold()

    def _notice(self) -> None:
        now = self.value
        if now != self._written:
            self._scheduled = self._written = now

    def _wanted(self) -> float:
        held, factor = self._mode
        if held is not None:
            return held
        if self._mode is _FOLLOW:
            return self._scheduled
        # A scheduler that rises must not carry a factor out of the range.
        return min(max(self._scheduled * factor, self._low), self._high)

    def _write(self, value: float) -> None:
        group = self._optimizer.param_groups[self._index]
        if hasattr(group["lr"], "fill_"):  # a tensor, which a compiled or captured step has hold of
            group["lr"].fill_(value)
        else:
            group["lr"] = value
        self._written = self.value


class _Rates:
    """The rates of all groups of one optimizer, those too that are added while it trains."""

    def __init__(self, optimizer: Any, low: float, high: float) -> None:
        self._optimizer = optimizer
        self._low, self._high = low, high
        self._each: list[GroupRate] = []
        self._alone = True  # no scheduler was asked to make way yet

    def groups(self, only: int | None) -> Sequence[GroupRate]:
        """Return the rate of one group, or of all."""
        while len(self._each) < len(self._optimizer.param_groups):
            self._each.append(GroupRate(self._optimizer, len(self._each), self._low, self._high))
        return self._each if only is None else self._each[only : only + 1]

    def changed(self) -> None:
        """Have schedulers make way from now on: only when a rate was set, for most trainings are never touched."""
        if self._alone:
            self._alone = False
            make_way(self._optimizer, self._each)


class LearningRate:
    """The learning rate of an optimizer, or of one of its groups.

    Args:
        rates: of the optimizer.
        only: the group; None: all.
        low, high: what may be set.
        name: ``"learning_rate"``, with ``/...`` for one of several.

    Example:
        >>> import types
        >>> optimizer = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
        >>> rate = learning_rates(optimizer, 0.0, 10.0, "learning_rate")[0]
        >>> rate.apply("x0.5")
        >>> rate.current()
        '0.05'
        >>> rate.apply("follow")
        >>> rate.current()
        '0.1'
    """

    may_fail = False

    def __init__(self, rates: _Rates, only: int | None, low: float, high: float, name: str) -> None:
        self._rates = rates
        self._only = only
        self._name = name
        self.declaration = declare(name, "float", low, high, self.current())

    def current(self) -> str:
        """Return the rate; several, where the groups differ."""
        values = [f"{group.value:.10g}" for group in self._groups]
        return values[0] if len(set(values)) == 1 else ", ".join(values)

    def check(self, text: str) -> None:
        """Raise `Refused` unless every group can take it."""
        for group in self._groups:
            group.check(self._name, text)

    def apply(self, text: str) -> None:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``.

        Raises:
            Refused: it is none, or outside the range; nothing changes.
        """
        self.check(text)
        for group in self._groups:
            group.apply(text)
        self._rates.changed()

    def waits(self) -> str:
        """It is in effect at once."""
        return ""

    def hold(self) -> None:
        """See that no scheduler undid it."""
        for group in self._groups:
            group.hold()

    @property
    def _groups(self) -> Sequence[GroupRate]:
        return self._rates.groups(self._only)


def learning_rates(optimizer: Any, low: float, high: float, name: str) -> list[LearningRate]:
    """Return the settings of an optimizer: all of its groups together, and each where there are several."""
    rates = _Rates(optimizer, low, high)
    together = LearningRate(rates, None, low, high, name)
    count = len(optimizer.param_groups)
    if count == 1:
        return [together]
    return [
        together,
        *(LearningRate(rates, i, low, high, f"{name}/group{i}") for i in range(count)),
    ]
