"""How much of something one client may do in a second, with some saved up for a burst. Pure; the clock is passed in."""

from __future__ import annotations

__all__ = ["Allowance"]


class Allowance:
    """An allowance of so many a second, kept as the one moment up to which everything taken is paid for.

    Args:
        per_second: how many there may be, in the long run.
        burst_seconds: the allowance of so many seconds may be used at once.

    Example:
        >>> messages = Allowance(10.0, burst_seconds=2.0)
        >>> messages.take(20, now=0.0), messages.take(5, now=0.0), messages.take(1, now=9.0)
        (0.0, 0.5, 0.0)
    """

    __slots__ = ("_burst", "_paid", "per_second")

    def __init__(self, per_second: float, burst_seconds: float) -> None:
        self.per_second = per_second
        self._burst = burst_seconds
        self._paid = float("-inf")

    def take(self, amount: float, now: float) -> float:
        """Take an amount, and return for how many seconds nothing more should be taken; 0.0: more may be at once.

        Args:
            amount: what was done; it is counted in any case.
            now: seconds of a clock that does not go back.
        """
        self._paid = max(self._paid, now) + amount / self.per_second
        return max(0.0, self._paid - now - self._burst)

    def wait(self, now: float) -> float:
        """Return for how many seconds from now on nothing more should be taken."""
        return max(0.0, self._paid - now - self._burst)
