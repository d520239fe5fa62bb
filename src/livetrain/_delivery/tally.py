"""How many calls of the user's the records stand for that are not committed yet; pure."""

from __future__ import annotations

from collections import deque

__all__ = ["Tally"]

_ENTRIES = 4_096


class Tally:
    """Counts what waits, where one record may stand for thousands of calls.

    What is remembered is bounded: past that, neighbours are counted together, and go together when the last of them is committed.

    Attributes:
        kept: calls in all.
        waiting: calls of which nothing is committed.

    Example:
        >>> tally = Tally()
        >>> tally.keep(1, 1000); tally.keep(2, 1)
        >>> tally.commit(1)
        >>> tally.waiting, tally.kept
        (1, 1001)
    """

    def __init__(self) -> None:
        self.kept = 0
        self.waiting = 0
        self._entries: deque[tuple[int, int]] = deque()  # (last seq, calls), ascending

    def keep(self, seq: int, calls: int) -> None:
        """Count record `seq`, which is the newest, for so many calls."""
        self.kept += calls
        self.waiting += calls
        self._entries.append((seq, calls))
        if len(self._entries) > _ENTRIES:
            old = list(self._entries)
            pairs = zip(old[::2], old[1::2], strict=False)
            merged = [(second[0], first[1] + second[1]) for first, second in pairs]
            self._entries = deque(merged + old[len(merged) * 2 :])

    def commit(self, durable_seq: int) -> None:
        """Forget what is committed: everything up to and including `durable_seq`."""
        while self._entries and self._entries[0][0] <= durable_seq:
            self.waiting -= self._entries.popleft()[1]
