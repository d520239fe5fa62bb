"""How late a message of the server's is, with no clock in common: later than the quickest of the same connection was."""

from __future__ import annotations

import math

__all__ = ["ServerClock"]

_WINDOW_SECONDS = 60.0
_DRIFT = 2e-4
"""Seconds that two clocks may part in one."""
_LONGEST_TRIP_SECONDS = 1.0
_JUMP_SECONDS = 30.0
"""No message is so late: a connection that says nothing for half of this is given up. The server's clock was set."""


class ServerClock:
    """Compares the times that the server writes into its messages with those at which they come.

    The difference is that of the clocks and the time on the way; its least stands for the clocks, but for what the quickest
    message took itself, which is no more than the round trip of the registration. So a command that
    sat in a stalled connection is known to be old, whatever clock the server has, and is never taken for younger than it is,
    but for what two clocks may drift apart meanwhile.

    Example:
        >>> clock = ServerClock()
        >>> clock.restart(server_ms=1000, now=50.0, round_trip=0.25)
        >>> clock.late(2000, now=51.0), clock.late(3000, now=55.0)
        (0.25, 3.25)
    """

    def __init__(self) -> None:
        self._base: float | None = None  # what stands for the clocks, seconds
        self._least = math.inf  # of this window
        self._began = 0.0
        self._round_trip = 0.0

    def restart(self, server_ms: int, now: float, round_trip: float) -> None:
        """A connection begins with this answer.

        Args:
            server_ms: when it was sent; 0: it does not say.
            now: when it came.
            round_trip: seconds since it was asked for.
        """
        self._base, self._least, self._began = None, math.inf, now
        self._round_trip = min(round_trip, _LONGEST_TRIP_SECONDS)
        self.late(server_ms, now)

    def late(self, server_ms: int, now: float) -> float:
        """Return how many seconds a message was on its way, at most.

        Args:
            server_ms: when the server sent it, by its own clock; 0: not known, and not late.
            now: when it came, seconds on the monotonic clock.
        """
        if not server_ms:
            return 0.0
        offset = now - server_ms / 1000
        if self._base is None or offset < self._base or offset - self._base > _JUMP_SECONDS:
            self._base = offset
        self._least = min(self._least, offset)
        passed = now - self._began
        if passed >= _WINDOW_SECONDS:
            # Clocks drift a little; what has become later by more than that is late, however long it stays so.
            self._base = min(self._least, self._base + passed * _DRIFT)
            self._least, self._began = math.inf, now
        return self._round_trip + offset - self._base
