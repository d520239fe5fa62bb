"""Notices that the process itself was stopped, as by SIGSTOP or a suspended machine. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["Wakefulness"]

_ASLEEP_SECONDS: Final = 5.0
"""A paused training looks around some times a second: after a gap of this length it was not running."""


class Wakefulness:
    """How long a paused training has been awake, told from how often it looks.

    Attributes:
        slept: seconds since `begin` in which the process did not run.

    Example:
        >>> awake = Wakefulness()
        >>> awake.begin(0.0)
        >>> for now in (0.1, 0.2, 3600.2, 3600.3):
        ...     awake.look(now)
        >>> awake.slept, round(awake.seconds(3600.3), 1)
        (3600.0, 0.1)
    """

    def __init__(self) -> None:
        self.slept = 0.0
        self._since = 0.0
        self._looked = 0.0

    def begin(self, now: float) -> None:
        """A pause begins; `now` in seconds, monotonic."""
        self.slept, self._since, self._looked = 0.0, now, now

    def look(self, now: float) -> None:
        """The training looks around."""
        gap, self._looked = now - self._looked, now
        if gap >= _ASLEEP_SECONDS:
            self.slept += gap
            self._since = now

    def seconds(self, now: float) -> float:
        """Return for how long it has been awake without a break."""
        return now - self._since
