"""How much room answers to commands take until they are committed; a server that asks without end takes no other. Pure."""

from __future__ import annotations

from collections import deque

__all__ = ["AnswerShare"]


class AnswerShare:
    """Counts the records that say what became of a command, from the moment they are kept.

    Args:
        most: how many may wait.
        most_bytes: how many bytes they may have together.

    Example:
        >>> share = AnswerShare(most=2)
        >>> share.keep(5, 100); share.keep(6, 100)
        >>> share.half_full, share.full
        (True, True)
        >>> share.commit(6)
        >>> share.half_full
        False
    """

    def __init__(self, most: int = 4_096, most_bytes: int = 1 << 20) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[int, int]] = deque()  # (seq, bytes), ascending
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether no further answer is kept."""
        return len(self._waiting) >= self._most or self._bytes >= self._most_bytes

    @property
    def half_full(self) -> bool:
        """Whether no further command is taken: those that were taken still need room for their answers."""
        return 2 * len(self._waiting) >= self._most or 2 * self._bytes >= self._most_bytes

    def keep(self, seq: int, size: int) -> None:
        """Count record ``seq``, which is the newest."""
        self._waiting.append((seq, size))
        self._bytes += size

    def commit(self, durable_seq: int) -> None:
        """Forget what is committed: everything up to and including ``durable_seq``."""
        while self._waiting and self._waiting[0][0] <= durable_seq:
            self._bytes -= self._waiting.popleft()[1]
