"""The learning rate of one parameter group, beside whatever writes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from livetrain._steering.schedule import Schedule
from livetrain._steering.settings import Refused, number_within

__all__ = ["FOLLOW", "GroupRate", "Mode"]

_MAX_UNDO = 32
Mode = tuple[float | None, float]
"""A value that is held; or None, and a factor."""
FOLLOW: Mode = (None, 1.0)


class GroupRate:
    """The learning rate of one parameter group, beside whatever scheduler there is.

    Three modes. *Follow*: the schedule's value, nothing of ours. *Hold*: a value that stays, whatever is written. *Scale*: the
    schedule's value times a factor. What others write is noticed, because it is another object than what we left there, and is
    kept, so that *follow* finds the schedule again.

    Args:
        optimizer: returns it, None when it is gone; its group is looked up each time, for ``load_state_dict`` puts new ones there.
        index: of the group.
        low, high: a factor must not carry the rate out of these.
        mode: what it begins with.
    """

    def __init__(
        self,
        optimizer: Callable[[], Any],
        index: int,
        low: float,
        high: float,
        mode: Mode = FOLLOW,
    ) -> None:
        self._optimizer, self._index = optimizer, index
        self._low, self._high = low, high
        self.mode = mode
        self._undo: deque[Mode] = deque(maxlen=_MAX_UNDO)
        self._lent = 0
        self._left: Any = None
        self._version: int | None = None
        self._schedule = Schedule(self.value)
        self._remember()
        self.hold()

    @property
    def _group(self) -> Any:
        return self._optimizer().param_groups[self._index]

    @property
    def value(self) -> float:
        """The rate as it is now."""
        return float(self._group["lr"])

    @property
    def scheduled(self) -> float:
        """What the schedule says."""
        return self.value if self.mode == FOLLOW else self._schedule.value

    def check(self, name: str, text: str) -> None:
        """Raise `Refused` unless it is a rate, ``x`` and a factor, ``follow`` or ``undo``."""
        if text == "follow":
            return
        if text == "undo":
            if not self._undo:
                raise Refused("nothing was set that could be undone")
        elif text.startswith("x"):
            factor = number_within("factor", text[1:], 0.0, 1e6)
            held, scale = self.mode
            wanted = held * factor if held is not None else self.scheduled * scale * factor
            number_within(name, f"{wanted:.6g}", self._low, self._high)
        else:
            number_within(name, text, self._low, self._high)

    def apply(self, text: str) -> None:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``, which was checked."""
        self._notice()
        if text == "undo":
            self.mode = self._undo.pop()
        else:
            self._undo.append(self.mode)
            held, scale = self.mode
            if text == "follow":
                self.mode = FOLLOW
            elif text.startswith("x"):
                factor = float(text[1:])
                self.mode = (None, scale * factor) if held is None else (held * factor, 1.0)
            else:
                self.mode = float(text), 1.0
        self._write(self._wanted())

    def hold(self) -> bool:
        """Notice what was written beside us and put ours in its place; return whether somebody unknown wrote over ours."""
        if self._lent or (self.mode == FOLLOW and _waits_to_be_read(self._group)):
            return False
        unknown = self._notice()
        if self.mode != FOLLOW:
            self._write(self._wanted())
        return unknown

    def lend(self) -> None:
        """Let a scheduler find what it left itself: one that goes on from there would go on from ours."""
        self._lent += 1
        if self._lent == 1 and self.mode != FOLLOW:
            self._notice()
            self._write(self._schedule.value)

    def take_back(self) -> None:
        """Notice what the scheduler made of it, and put ours in its place."""
        if self._lent == 1:
            self._notice()
        self._lent -= 1
        self.hold()

    def loaded(self) -> None:
        """Take a value that was loaded: a saved state has the schedule's."""
        self._schedule.told(self.value)
        self._remember()
        self.hold()

    def take_over(self, mode: Mode, undo: Sequence[Mode] = ()) -> None:
        """Go on as another group did, whose place this one takes."""
        self._notice()
        self.mode = mode
        self._undo.extend(undo)
        self._write(self._wanted())

    @property
    def undo(self) -> Sequence[Mode]:
        """The modes before, the oldest first."""
        return tuple(self._undo)

    def state(self) -> list[float | None]:
        """Return what another process needs to go on: value held, factor, what the schedule says, the rate."""
        held, factor = self.mode
        return [held, factor, self.scheduled, self.value]

    def resume(self, state: Sequence[Any]) -> None:
        """Go on from what `state` returned. A rate that was saved as ours was is not taken for the schedule's."""
        held, factor, scheduled, ours = state
        found = self.value
        self.mode = FOLLOW
        if abs(found - ours) <= 1e-9 * max(abs(found), abs(ours)):
            self._schedule.told(float(scheduled))
        else:
            self._schedule.told(found)
        self.mode = (None if held is None else float(held)), float(factor)
        self._write(self._wanted())

    def schedule_in(self, saved: Any) -> None:
        """Put the schedule's value into a copy of the group that is saved."""
        if self.mode == FOLLOW:
            return
        rate = saved["lr"]
        scheduled = self._schedule.value
        saved["lr"] = rate.clone().fill_(scheduled) if hasattr(rate, "fill_") else scheduled

    # ------------------------------------------------------------ what is there

    def _notice(self) -> bool:
        """Take what others wrote since we looked; return whether somebody unknown wrote over ours."""
        rate = self._group["lr"]
        if rate is self._left and getattr(rate, "_version", None) == self._version:
            return False
        left, value = self._left_value, float(rate)
        known = self._lent > 0 or self.mode == FOLLOW
        if known:
            self._schedule.told(value)
        else:
            self._schedule.wrote(value, left)
        self._remember()
        return not known

    def _remember(self) -> None:
        rate = self._group["lr"]
        self._left, self._left_value = rate, float(rate)
        self._version = getattr(rate, "_version", None)

    def _wanted(self) -> float:
        held, factor = self.mode
        if held is not None:
            return held
        if self.mode == FOLLOW:
            return self._schedule.value
        # A scheduler that rises must not carry a factor out of the range.
        return min(max(self._schedule.value * factor, self._low), self._high)

    def _write(self, value: float) -> None:
        group = self._group
        if self._left_value != value or group["lr"] is not self._left:
            if hasattr(group["lr"], "fill_"):  # a tensor, which a compiled or captured step holds
                group["lr"].fill_(value)
            else:
                group["lr"] = value * 1.0  # an object of our own, by which it is known again
            self._remember()


def _waits_to_be_read(group: Any) -> bool:
    """Return whether reading the rate may wait for a device, which is not done for nothing."""
    return getattr(group, "costly", False) or hasattr(group["lr"], "fill_")
