"""The records that the server has not committed yet: a seam, and the one that lives in memory.

A backlog belongs to one thread, the stream's, and has no lock. A record that had to go leaves a *tombstone* in its place,
so that the numbers keep no gap; `read` gives it as None.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

__all__ = ["Backlog", "MemoryBacklog"]


class Backlog(Protocol):
    """What the stream needs of a place to keep records in."""

    first_seq: int
    """The oldest record that is kept; one past the last when there is none."""

    pending_bytes: int
    thinned: int
    """How many records were given up because there was no room."""

    def append(self, seq: int, record: bytes, *, thinnable: bool) -> None:
        """Keep the next record; `thinnable` ones go first when there is no room."""

    def read(self, after_seq: int, max_bytes: int) -> list[tuple[int, bytes | None]]:
        """Return what follows `after_seq`, in order, one record at least if there is one."""

    def replace(self, seq: int) -> None:
        """Put a tombstone in the place of a record."""

    def trim(self, durable_seq: int) -> None:
        """Forget everything up to and with `durable_seq`."""

    def flush(self) -> None:
        """Hand what was appended to the operating system."""

    def close(self) -> None:
        """Give everything back; what is kept on a disk stays there."""


class MemoryBacklog:
    """A backlog within a byte limit; when it is full, every second thinnable record becomes a tombstone, oldest first.

    Args:
        max_bytes: of all records together. Records that are not thinnable are kept even beyond it: they are few and small.

    Example:
        >>> backlog = MemoryBacklog(max_bytes=1 << 20)
        >>> backlog.append(1, b"loss 0.5", thinnable=True)
        >>> backlog.read(0, max_bytes=100)
        [(1, b'loss 0.5')]
    """

    def __init__(self, max_bytes: int = 16 << 20, first_seq: int = 1) -> None:
        self._max_bytes = max_bytes
        self._records: deque[tuple[bytes | None, bool]] = deque()  # (record, thinnable)
        self.first_seq = first_seq
        self.pending_bytes = 0
        self.thinned = 0

    def append(self, seq: int, record: bytes, *, thinnable: bool) -> None:
        """Keep the next record."""
        if seq != self.first_seq + len(self._records):
            raise AssertionError(
                f"record {seq} appended after {self.first_seq + len(self._records) - 1}"
            )
        self._records.append((record, thinnable))
        self.pending_bytes += len(record)
        if self.pending_bytes > self._max_bytes:
            self._thin()

    def read(self, after_seq: int, max_bytes: int) -> list[tuple[int, bytes | None]]:
        """Return what follows `after_seq`, in order, one record at least if there is one."""
        found: list[tuple[int, bytes | None]] = []
        size = 0
        for index in range(max(after_seq + 1 - self.first_seq, 0), len(self._records)):
            record = self._records[index][0]
            size += len(record or b"")
            if found and size > max_bytes:
                break
            found.append((self.first_seq + index, record))
        return found

    def replace(self, seq: int) -> None:
        """Put a tombstone in the place of a record."""
        index = seq - self.first_seq
        if 0 <= index < len(self._records):
            self.pending_bytes -= len(self._records[index][0] or b"")
            self._records[index] = (None, False)

    def trim(self, durable_seq: int) -> None:
        """Forget everything up to and with `durable_seq`."""
        while self._records and self.first_seq <= durable_seq:
            self.pending_bytes -= len(self._records.popleft()[0] or b"")
            self.first_seq += 1
        self.first_seq = max(self.first_seq, durable_seq + 1)

    def flush(self) -> None:
        """Nothing to hand on: there is no disk."""

    def close(self) -> None:
        """Nothing to give back."""

    def _thin(self) -> None:
        # Down to three quarters, so that this walk over all records is paid once in a long while.
        # Every second one first: a curve keeps its shape at half its points.
        records = list(self._records)
        for parity in (1, 0):
            for index in range(parity, len(records), 2):
                record, thinnable = records[index]
                if self.pending_bytes <= self._max_bytes * 3 // 4:
                    break
                if thinnable and record is not None:
                    records[index] = (None, False)
                    self.pending_bytes -= len(record)
                    self.thinned += 1
        self._records = deque(records)
