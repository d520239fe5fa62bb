"""How fast a server is listened to: one that talks without end must not take the training's time. Pure."""

from __future__ import annotations

__all__ = ["ReadingPace"]

_Bucket = tuple[float, float]
"""What it fills with a second, and what it holds."""


class ReadingPace:
    """Buckets of acknowledgements, of other messages and of bytes, which fill with time; what is not there has to be waited for.

    An acknowledgement costs little: an older server gives one a batch, and who reads them late holds that server up. Everything
    else wakes the stream's thread, and of that a server has little to say: now and then a command or an error.

    Args:
        acknowledgements: a second, and at once after a pause.
        others: the same of all other messages.
        size: the same of bytes.

    Example:
        >>> pace = ReadingPace(others=(10, 2))
        >>> [pace.delay(now=0.0, size=100, acknowledges=False) for _ in range(4)]
        [0.0, 0.0, 0.1, 0.2]
        >>> pace.delay(now=0.0, size=100, acknowledges=True)
        0.0
    """

    def __init__(
        self,
        acknowledgements: _Bucket = (2000.0, 10_000.0),
        others: _Bucket = (50.0, 600.0),
        size: _Bucket = (8 << 20, 16 << 20),
    ) -> None:
        self._buckets = acknowledgements, others, size
        self._left = [float(most) for _, most in self._buckets]
        self._at: float | None = None

    def delay(self, now: float, size: int, *, acknowledges: bool) -> float:
        """Return how long to wait before the next message, after one of ``size`` bytes; ``now`` in seconds, monotonic."""
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        wait = 0.0
        for place, cost in enumerate((acknowledges, not acknowledges, size)):
            rate, most = self._buckets[place]
            self._left[place] = min(self._left[place] + passed * rate, most) - cost
            if cost:
                wait = max(wait, -self._left[place] / rate)
        return wait
