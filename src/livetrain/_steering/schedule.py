"""What the schedule of a learning rate says, told from what is written beside us. Pure."""

from __future__ import annotations

import math

__all__ = ["Schedule"]

_MEMORY = 0.5
"""How much of what earlier writes told of their writer still counts at the next."""


class Schedule:
    """The value that a rate would have had nothing been set.

    Somebody unknown who writes a rate while ours is in place either computes it from what is there (``group["lr"] *= 0.98``) or
    from something else (``group["lr"] = base * 0.98**epoch``). Which of both it is shows in what is written: it goes on from what
    was left there, or from where the schedule was.

    Args:
        value: the rate as it is found.

    Example:
        >>> schedule = Schedule(0.1)
        >>> schedule.wrote(0.0098, left=0.01)  # ours was there
        >>> round(schedule.value, 6)
        0.098
        >>> schedule = Schedule(0.1)
        >>> schedule.wrote(0.098, left=0.01)
        >>> schedule.value
        0.098
    """

    def __init__(self, value: float) -> None:
        self.value = value
        self._trend = 0.0  # logarithm of the last ratio of two values
        self._as_absolute = self._as_relative = 0.0  # how far writes were from what either expects

    def told(self, value: float) -> None:
        """Take the schedule's own value: it was computed without ours."""
        if value > 0 and self.value > 0:
            self._trend = math.log(value) - math.log(self.value)
        self.value = value

    def wrote(self, value: float, left: float) -> None:
        """Take what somebody wrote where `left` was found, which was ours."""
        if not (value > 0 and left > 0 and self.value > 0 and math.isfinite(value)):
            self.told(value)
            return
        relative = self._is_relative(value, left)
        self.told(self.value * (value / left) if relative else value)

    def _is_relative(self, value: float, left: float) -> bool:
        seen = self._as_absolute, self._as_relative
        from_schedule = abs(math.log(value) - math.log(self.value) - self._trend)
        from_ours = abs(math.log(value) - math.log(left) - self._trend)
        self._as_absolute = _MEMORY * self._as_absolute + from_schedule
        self._as_relative = _MEMORY * self._as_relative + from_ours
        if value == left:  # nobody multiplies by 1; a schedule may come to the value that was set
            return seen[1] < seen[0]
        return self._as_relative < self._as_absolute
