"""When a stream that is to end begins to, and when it gives up. Pure; time is passed in."""

from __future__ import annotations

__all__ = ["Closing"]

_TIDYING_SECONDS = 0.1  # of the time to close, for what is left to get onto the disk


class Closing:
    """The times of one stream's end.

    Args:
        now: seconds on a monotonic clock.
        timeout: seconds to spend at most.
        away_timeout: the same, while there is no server.
        grace: seconds that it goes on as before.

    Example:
        >>> closing = Closing(now=10.0, timeout=2.0, away_timeout=0.5, grace=1.0)
        >>> closing.begins(10.5), closing.begins(11.0), closing.over(11.6, present=False), closing.over(11.6, present=True)
        (False, True, True, False)
    """

    def __init__(self, now: float, timeout: float, away_timeout: float, grace: float = 0.0) -> None:
        self._begins = now + grace
        self._ends = self._begins + _within(timeout)
        self._ends_away = self._begins + _within(min(away_timeout, timeout))

    def hurry(self, now: float, timeout: float, away_timeout: float) -> None:
        """Begin at once, and end by these times if they are sooner."""
        self._begins = min(self._begins, now)
        self._ends = min(self._ends, now + _within(timeout))
        self._ends_away = min(self._ends_away, now + _within(min(away_timeout, timeout)))

    def begins(self, now: float) -> bool:
        """Return whether nothing new is to be expected any more."""
        return now >= self._begins

    def over(self, now: float, *, present: bool) -> bool:
        """Return whether it is given up; `present`: whether the server is there."""
        return now >= (self._ends if present else self._ends_away)

    def seconds_left(self, now: float, *, present: bool) -> float:
        """Return for how long nothing changes here."""
        until = self._begins if now < self._begins else self._ends if present else self._ends_away
        return max(0.0, until - now)


def _within(timeout: float) -> float:
    return max(timeout - _TIDYING_SECONDS, 0.75 * timeout)
