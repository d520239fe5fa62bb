"""How fast a server is listened to: one that talks without end must not take the training's time. Pure."""

from __future__ import annotations

__all__ = ["ReadingPace"]


class ReadingPace:
    """Two buckets, of messages and of bytes, which fill with time; what is not there yet has to be waited for.

    A server has some tens of small messages a second to say: acknowledgements, and now and then a command.

    Args:
        messages: a second, in the long run.
        messages_at_once: after a pause.
        bytes_: a second, in the long run.
        bytes_at_once: after a pause.

    Example:
        >>> pace = ReadingPace(messages=10, messages_at_once=2)
        >>> [pace.delay(now=0.0, size=100) for _ in range(4)]
        [0.0, 0.0, 0.1, 0.2]
        >>> pace.delay(now=5.0, size=100)
        0.0
    """

    def __init__(
        self,
        messages: float = 500.0,
        messages_at_once: float = 2000.0,
        bytes_: float = 8 << 20,
        bytes_at_once: float = 16 << 20,
    ) -> None:
        self._rates = messages, bytes_
        self._most = messages_at_once, bytes_at_once
        self._left = [messages_at_once, float(bytes_at_once)]
        self._at: float | None = None

    def delay(self, now: float, size: int) -> float:
        """Return how long to wait before the next message, after one of ``size`` bytes; ``now`` in seconds, monotonic."""
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        wait = 0.0
        for place, cost in enumerate((1.0, float(size))):
            rate = self._rates[place]
            self._left[place] = min(self._left[place] + passed * rate, self._most[place]) - cost
            wait = max(wait, -self._left[place] / rate)
        return wait
