"""How late a message of the server's is, with no clock in common: later than the quickest of the same connection was."""

from __future__ import annotations

__all__ = ["ServerClock"]

_WINDOW_SECONDS = 60.0
_JUMP_SECONDS = 30.0
"""No message is so late: a connection that says nothing for half of this is given up. The server's clock was set."""


class ServerClock:
    """Compares the times that the server writes into its messages with those at which they come.

    The difference is that of the clocks and the time on the way; its least over the last minute or two stands for the clocks.
    So a command that sat in a stalled connection is known to be old, whatever clock the server has.

    Example:
        >>> clock = ServerClock()
        >>> clock.restart(server_ms=1000, now=50.0)
        >>> clock.late(2000, now=51.0), clock.late(3000, now=55.0)
        (0.0, 3.0)
    """

    def __init__(self) -> None:
        self._least: float | None = None  # of this window, seconds
        self._before: float | None = None  # of the window before
        self._began = 0.0

    def restart(self, server_ms: int, now: float) -> None:
        """A connection begins with this message; 0: it does not say when it was sent."""
        self._least = self._before = None
        self._began = now
        self.late(server_ms, now)

    def late(self, server_ms: int, now: float) -> float:
        """Return how many seconds a message was on its way beyond what is usual.

        Args:
            server_ms: when the server sent it, by its own clock; 0: not known, and not late.
            now: when it came, seconds on the monotonic clock.
        """
        if not server_ms:
            return 0.0
        offset = now - server_ms / 1000
        if now - self._began >= _WINDOW_SECONDS:
            self._before, self._least, self._began = self._least, None, now
        known = [least for least in (self._least, self._before) if least is not None]
        if known and offset - min(known) > _JUMP_SECONDS:
            known, self._before, self._least = [], None, None
        self._least = offset if self._least is None else min(self._least, offset)
        return max(0.0, offset - min(known)) if known else 0.0
