"""The newest records of a spool, in memory: what is not on disk yet, and what is read next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from livetrain._spool.segment import HEADER_BYTES, NOTHING_STAYS, Gone, Record, Thinner, thin

__all__ = ["Tail"]


class Tail:
    """Records in ascending order; those past `written` are nowhere else.

    Attributes:
        records: all of them.
        size: their bytes, headers included.
        waiting_size: bytes of those past `written`.
        written: the highest number that is on disk, or that needs not to be.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.size = 0
        self.waiting_size = 0
        self.written = 0

    def append(self, record: Record) -> None:
        """Take in the newest record."""
        size = HEADER_BYTES + len(record.payload)
        self.records.append(record)
        self.size += size
        self.waiting_size += size

    def index(self, seq: int) -> int:
        """Return where the first record at or after `seq` stands."""
        return bisect_left(self.records, seq, key=lambda record: record.seq)

    def waiting(self) -> list[Record]:
        """Return the records that are nowhere else."""
        return self.records[self.index(self.written + 1) :]

    def note_written(self, seq: int) -> None:
        """Remember that everything up to `seq` is on disk."""
        if seq > self.written:
            self.written = seq
            self.waiting_size = _size(self.waiting())

    def drop_through(self, seq: int) -> None:
        """Forget the records up to `seq`."""
        self._drop(self.index(seq + 1))

    def shorten(self, size: int, slack: int) -> None:
        """Keep about the newest `size` bytes of what is on disk.

        Nothing happens below `slack` bytes more: a list is cut from the front, so it is cut rarely.
        """
        excess = self.size - size
        if excess <= slack:
            return
        count = 0
        for record in self.records:
            if excess <= 0 or record.seq > self.written:
                break
            excess -= HEADER_BYTES + len(record.payload)
            count += 1
        self._drop(count)

    def thin_waiting(
        self, thinner: Thinner = NOTHING_STAYS, sent_seq: int = 0
    ) -> tuple[list[Gone], bool]:
        """Thin the older half of the records that are nowhere else; if that gives nothing, all.

        Returns:
            Those that were left out, and whether there is more room now.
        """
        start, stop = self.index(self.written + 1), len(self.records)
        for end in ((start + stop) // 2, stop):
            old = self.records[start:end]
            kept, left_out = thin(old, thinner, sent_seq)
            freed = _size(old) - _size(kept)
            if freed > 0:
                self.records[start:end] = kept
                self.size -= freed
                self.waiting_size -= freed
                return left_out, True
        return [], False

    def clear(self) -> None:
        """Forget everything."""
        self._drop(len(self.records))

    def _drop(self, count: int) -> None:
        dropped = self.records[:count]
        del self.records[:count]
        self.size -= _size(dropped)
        self.waiting_size -= _size([record for record in dropped if record.seq > self.written])


def _size(records: Sequence[Record]) -> int:
    return sum(HEADER_BYTES + len(record.payload) for record in records)
