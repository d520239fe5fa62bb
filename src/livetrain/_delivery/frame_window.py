"""How many frames may be on their way at once, learned from how long they take; pure.

Frames and numbers share one ordered stream, so a frame that waits in a slow link keeps every number behind it waiting. The
window grows while acknowledgements come quickly, at first by as much as it is, and shrinks as soon as frames queue up, as TCP
Vegas does for packets (Brakmo and Peterson, 1995): what is beyond it is left out, and the newest frame is the one that goes.
"""

from __future__ import annotations

from collections import deque

__all__ = ["FrameWindow"]

_MOST = 10
_MOST_QUICK = 20  # where nothing queues: a training that is busy in Python hears of 60 a second late, and of many at once
_QUICK_SECONDS = 0.15  # a commit and a busy machine explain this much: nothing queues
_SLOW_SECONDS = 0.3


class FrameWindow:
    """The frames that were sent and are not acknowledged.

    Example:
        >>> window = FrameWindow()
        >>> window.open
        True
        >>> window.sent(seq=1, now=0.0)
        >>> window.open
        False
        >>> window.acknowledged(durable_seq=1, now=0.05)
        >>> window.limit
        2
    """

    def __init__(self) -> None:
        self.limit = 1
        self._in_flight: deque[tuple[int, float]] = (
            deque()
        )  # (seq, when), ascending; as long as the limit at most
        self._best_seconds = float("inf")
        self._changed_at = 0  # the last frame that was sent under another limit
        self._starting = True  # every frame came quickly so far

    @property
    def open(self) -> bool:
        """Whether another frame may go."""
        return self.room > 0

    @property
    def room(self) -> int:
        """How many more frames may go now."""
        return self.limit - len(self._in_flight)

    def sent(self, seq: int, now: float) -> None:
        """A frame was sent as part of record `seq`."""
        self._in_flight.append((seq, now))

    def acknowledged(self, durable_seq: int, now: float) -> None:
        """Everything up to and with `durable_seq` arrived."""
        while self._in_flight and self._in_flight[0][0] <= durable_seq:
            seq, sent_at = self._in_flight.popleft()
            seconds = now - sent_at
            # A link that becomes slower for good is learned within some hundred frames.
            self._best_seconds = min(seconds, self._best_seconds * 1.01)
            if seq <= self._changed_at:
                continue  # it was sent under the limit before, and tells nothing about this one
            quick = seconds <= _QUICK_SECONDS
            self._starting = self._starting and quick
            if quick or (seconds <= 1.25 * self._best_seconds and self.limit < _MOST):
                more = self.limit if self._starting else 1
                self._change(min(self.limit + more, _MOST_QUICK))
            elif seconds > _SLOW_SECONDS and (
                seconds > 1.75 * self._best_seconds or self.limit > _MOST
            ):
                self._change(max(self.limit - 1, 1))

    def _change(self, limit: int) -> None:
        self.limit = limit
        self._changed_at = self._in_flight[-1][0] if self._in_flight else 0

    def lost(self) -> None:
        """The connection is gone, and what was on its way with it."""
        self._in_flight.clear()
        self.limit = 1
        self._starting = True
