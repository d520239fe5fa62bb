"""The trainer's disk: what the server did not acknowledge yet, in order and without gaps.

A :class:`Spool` belongs to the stream thread: after :meth:`Spool.open` that thread alone calls it,
so it has no lock. Records go to memory first, and to the disk at :meth:`Spool.flush`, once per
pump; the newest stay in memory too, where a healthy stream reads them. A disk that is full,
read-only or in another process's hands only means that nothing leaves the memory, whose bound is
then the limit. Disk trouble is handled here, in one place: it is logged and counted, never raised.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from livetrain._spool.damage import Damage
from livetrain._spool.directory_lock import LockedError
from livetrain._spool.discovery import SpoolInfo, discover
from livetrain._spool.disk_watch import DiskWatch
from livetrain._spool.left_out import LeftOut
from livetrain._spool.limits import MIB, SpoolLimits
from livetrain._spool.segment import (
    CRITICAL,
    HEADER_BYTES,
    NOTHING_STAYS,
    REMAINDER,
    THINNABLE,
    Record,
    Thinner,
)
from livetrain._spool.segment_log import SegmentLog, Thinning, read_meta
from livetrain._spool.stats import SpoolStats
from livetrain._spool.tail import Tail
from livetrain._warnings import warn_once_a_minute

__all__ = ["Spool", "SpoolInfo", "SpoolLimits", "SpoolStats", "discover"]

_log = logging.getLogger("livetrain")

_RETRY_SECONDS = 10.0
"""Between two attempts to get back to a disk that refused."""
_HOLE_BYTES = 16
"""What a hole counts for in :meth:`Spool.read`: the caller sends a tombstone in its place."""


class Spool:
    """The records of one stream that are not acknowledged yet.

    Attributes:
        directory: where it is.
        memory_only: the disk is not in use now; what is in memory dies with this process.
        meta: what the caller keeps beside the records, see :meth:`set_meta`; None: nothing.
        last_seq: the highest number appended so far; 0 for none.

    Example:
        >>> import tempfile
        >>> spool = Spool.open(Path(tempfile.mkdtemp()) / "stream")
        >>> spool.append(1, b"loss"), spool.append(2, b"epoch", critical=True)
        (True, True)
        >>> spool.read(0, max_bytes=1000)
        [(1, b'loss'), (2, b'epoch')]
        >>> spool.trim(2)
        >>> spool.close()
    """

    @classmethod
    def open(
        cls,
        directory: Path,
        limits: SpoolLimits | None = None,
        *,
        thinner: Thinner = NOTHING_STAYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> Spool:
        """Open the spool in `directory`; never raises on disk trouble.

        Args:
            directory: one stream's own; made when it is not there. What a dead run left there is
                taken over.
            limits: how much it may take; None: the defaults.
            thinner: tells what stays of a record that has to make room.
            clock: monotonic seconds; paces the attempts to get back to a disk that refused.
        """
        spool = cls(directory, limits or SpoolLimits(), thinner, clock)
        spool._attach()
        _open_spools.add(spool)
        return spool

    @classmethod
    def take_over(cls, directory: Path, *, thinner: Thinner = NOTHING_STAYS) -> Spool | None:
        """Open what a dead run left in `directory`; None: nothing is left there, or somebody else has it.

        Args:
            directory: as `discover` gave it.
            thinner: as in `open`.
        """
        spool = cls(directory, SpoolLimits(), thinner, time.monotonic)
        try:
            if not directory.is_dir():  # its owner was done with it, and so was whoever listed it
                return None
            spool._take_directory()
        except OSError:
            return None
        spool.memory_only = False
        _open_spools.add(spool)
        if not spool.pending:  # the server had everything
            spool.close()
            return None
        return spool

    def __init__(
        self,
        directory: Path,
        limits: SpoolLimits,
        thinner: Thinner,
        clock: Callable[[], float],
    ) -> None:
        self.directory, self.disk = directory, DiskWatch()
        self.memory_only = True
        self.meta: bytes | None = None
        self.last_seq = 0
        self._limits = limits
        self._thinner = thinner
        self._clock = clock
        self._files: SegmentLog | None = None
        self._retry_at: float | None = None  # None: never
        self._tail = Tail()
        self._durable = 0
        self._replaced: set[int] = set()  # bounded by the server's credit
        self._meta_is_written = True
        self._closed = False
        self._left_out = LeftOut()
        self._damage = Damage()
        self._records = self._disk_errors = 0

    @property
    def first_seq(self) -> int:
        """The lowest number that is not acknowledged, be it a hole; ``last_seq + 1`` when nothing is left."""
        return self._durable + 1

    @property
    def record_bytes(self) -> int:
        """How large a record may be so that several fit into a file, of which some can make room for others."""
        return max(self._limits.file_bytes // 4, 1)

    @property
    def pending(self) -> int:
        """How many numbers are not acknowledged yet, holes included."""
        return self.last_seq - self._durable

    @property
    def pending_bytes(self) -> int:
        """Size of what is not acknowledged yet, on disk exact to a file."""
        if self._durable >= self.last_seq:
            return 0
        return self._tail.waiting_size + (self._files.size if self._files is not None else 0)

    @property
    def thinned(self) -> int:
        """How many points and other records had to go, or were not taken in, for want of room, and are not on their way."""
        return self._left_out.count

    @property
    def stats(self) -> SpoolStats:
        """A snapshot of the counters."""
        files = self._files
        return SpoolStats(
            records=self._records,
            refused=self._left_out.refused,
            thinned=self._left_out.thinned,
            corrupt=self._damage.count,
            torn=files.torn if files else 0,
            disk_errors=self._disk_errors,
            memory_only=self.memory_only,
            disk_bytes=files.size if files else 0,
            memory_bytes=self._tail.size,
        )

    # ------------------------------------------------------------------ in

    def append(
        self, seq: int, record: bytes, *, critical: bool = False, thinnable: bool = False
    ) -> bool:
        """Take in the next record.

        Args:
            seq: ``last_seq + 1``.
            record: the bytes that :meth:`read` will give.
            critical: may use the reserve when the spool is full.
            thinnable: may be left out when the spool is full: every second one of the oldest is.

        Returns:
            Whether it was kept, or what stays of it. If not, its number is a hole all the same.

        Raises:
            ValueError: `seq` is not the next number.
        """
        if self._closed:
            return False
        if seq != self.last_seq + 1:
            raise ValueError(f"seq={seq}: records have no gaps; give {self.last_seq + 1}.")
        self.last_seq = seq
        flags = CRITICAL * critical + THINNABLE * thinnable
        if not self._make_room(HEADER_BYTES + len(record), critical):
            points, stays = self._thinner.remainder(record)
            self._left_out.refuse(points)
            if not (stays and self._make_room(HEADER_BYTES + len(stays), critical)):
                return False
            record, flags = stays, REMAINDER
        self._tail.append(Record(seq, record, flags))
        self._records += 1
        if not self.memory_only and self._tail.waiting_size >= self._limits.unwritten_bytes:
            self.flush()
        return True

    def flush(self) -> None:
        """Hand what was appended to the operating system, where it survives this process."""
        if self._closed:
            return
        if self.memory_only and self._retry_at is not None and self._clock() >= self._retry_at:
            self._attach()
        files = self._files
        if self.memory_only or files is None:
            return
        if waiting := self._tail.waiting():
            self._on_disk(lambda: files.write(waiting))
            self._tail.note_written(files.last_seq)
            self._tail.shorten(self._limits.tail_bytes, slack=self._limits.flush_bytes)
        self._write_meta()

    def set_meta(self, meta: bytes) -> None:
        """Keep `meta` beside the records, in place of what was kept before; on disk atomically."""
        if self._closed:
            return
        self.meta = meta
        self._meta_is_written = False
        self._write_meta()

    # ------------------------------------------------------------------ out

    def read(self, after_seq: int, max_bytes: int) -> list[tuple[int, bytes | None]]:
        """Return what follows `after_seq`, in order and without gaps.

        Args:
            after_seq: the last number that the caller has; acknowledged ones are passed over.
            max_bytes: about how much to return; one entry at least, if there is one.

        Returns:
            Pairs of number and record. None stands for one that was thinned, refused or damaged:
            send a tombstone.
        """
        entries: list[tuple[int, bytes | None]] = []
        if self._closed:
            return entries
        seq = max(after_seq + 1, self.first_seq)
        while seq <= self.last_seq:
            record, hole_end = self._find(seq)
            while seq < hole_end:
                if entries and max_bytes < _HOLE_BYTES:
                    return entries
                entries.append((seq, None))
                max_bytes -= _HOLE_BYTES
                seq += 1
            if record is not None:
                if entries and max_bytes < len(record.payload):
                    return entries
                entries.append((seq, None if seq in self._replaced else record.payload))
                max_bytes -= len(record.payload)
                seq += 1
        return entries

    def _find(self, seq: int) -> tuple[Record | None, int]:
        """Return the next record from `seq` on, or None, and up to where it is all hole before."""
        records, index, files = self._tail.records, self._tail.index(seq), self._files
        # From the tail's first record on, memory knows all that the disk knows.
        in_memory = index > 0 or (len(records) > 0 and records[0].seq == seq)
        if not in_memory and files is not None and seq <= files.last_seq:
            record, hole_end, damaged = files.find(seq)
            if damaged:
                self._note_damage(seq, hole_end)
            return record, hole_end
        if index < len(records):
            return records[index], records[index].seq
        return None, self.last_seq + 1

    def _note_damage(self, first: int, end: int) -> None:
        anything_before = self._damage.count > 0
        if self._damage.find(first, end) and not anything_before:
            warn_once_a_minute(
                "damaged",
                f"livetrain found damaged records in {self.directory}: they are left out, and marked where they were.",
            )

    def hole_reason(self, seq: int) -> str:
        """Say why :meth:`read` gave no record for a number."""
        return "damaged on the disk" if seq in self._damage else "thinned"

    def replace(self, seq: int) -> None:
        """Make a hole of a record that the server will never take."""
        if seq > self._durable:
            self._replaced.add(seq)

    def sent(self, seq: int) -> None:
        """Remember that everything up to `seq` is on its way: what is thinned of it may arrive all the same."""
        self._left_out.sent(seq)

    def resumed(self) -> None:
        """A connection began, and :meth:`trim` was told what had arrived by then: nothing else did."""
        self._left_out.settle()

    def trim(self, durable_seq: int) -> None:
        """Forget what the server acknowledged.

        A number past ``last_seq`` makes the next one follow it: the server has more than this disk.
        """
        if self._closed or durable_seq <= self._durable:
            return
        self._durable = durable_seq
        self._left_out.committed(durable_seq)
        self._tail.drop_through(durable_seq)
        self._replaced = {seq for seq in self._replaced if seq > durable_seq}
        self._damage.forget_through(durable_seq)
        if durable_seq > self.last_seq:
            self.last_seq = durable_seq
        if (files := self._files) is not None:
            self._on_disk(lambda: files.delete_through(durable_seq))

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Write what waits and give the directory up; with nothing pending it is deleted."""
        if self._closed:
            return
        self.flush()
        self._closed = True
        _open_spools.discard(self)
        self._tail.clear()
        self._left_out.settle()
        files, self._files = self._files, None
        if files is not None:
            drained = self._durable >= self.last_seq
            self._on_disk(lambda: files.close(delete=drained))

    def _abandon(self) -> None:
        """In a forked child: everything here is the parent's."""
        self._closed = True
        self._tail.clear()
        files, self._files = self._files, None
        if files is not None:
            files.abandon()

    # ------------------------------------------------------------------ the disk

    def _attach(self) -> None:
        """Take the directory, or go back to it."""
        if self._files is None:
            self._on_disk(self._take_directory)
        self.memory_only = self._files is None

    def _take_directory(self) -> None:
        files = SegmentLog(
            self.directory, segment_bytes=self._limits.file_bytes, fsync=self._limits.fsync
        )
        if self.last_seq and files.last_seq:
            files.close(delete=False)
            raise LockedError(f"{self.directory} holds another stream's records by now")
        self._files = files
        if not self.last_seq:
            self.last_seq = files.last_seq
            self._durable = files.first_seq - 1  # the dead run deleted what was acknowledged
        self.meta = self.meta or read_meta(self.directory)

    def _on_disk(self, action: Callable[[], None]) -> None:
        """Do something with the disk; when it fails go on in memory."""
        try:
            with self.disk:
                action()
        except OSError as error:
            self.memory_only = True
            # Somebody else's directory stays theirs; a full disk is emptied some day.
            again = not isinstance(error, LockedError)
            self._retry_at = self._clock() + _RETRY_SECONDS if again else None
            self._disk_errors += 1
            if self._disk_errors == 1:  # the reasons of a sick disk repeat
                _log.warning(
                    "livetrain cannot use the disk at %s (%s): what the server has not got yet stays in memory, at most %d MiB "
                    "of it, and is lost if this process ends first. Set LIVETRAIN_SPOOL_DIR to a directory that can be written.",
                    self.directory,
                    error,
                    self._limits.memory_bytes // MIB,
                )
            if (files := self._files) is not None:
                files.abandon_segment()

    def _write_meta(self) -> None:
        files, meta = self._files, self.meta
        if self._meta_is_written or self.memory_only or files is None or meta is None:
            return
        self._on_disk(lambda: files.write_meta(meta))
        self._meta_is_written = not self.memory_only

    # ------------------------------------------------------------------ room

    def _make_room(self, size: int, critical: bool) -> bool:
        """Thin until `size` more bytes fit; False: they do not."""
        limits = self._limits
        while True:
            files = None if self.memory_only else self._files
            limit = limits.memory_bytes if files is None else limits.max_bytes
            held = self._tail.waiting_size + (0 if files is None else files.size)
            if held + size <= limits.usable(limit, critical=critical):
                return True
            if not (self._thin_memory() if files is None else self._thin_disk(files)):
                return False

    def _thin_memory(self) -> bool:
        left_out, smaller = self._tail.thin_waiting(self._thinner, self._left_out.sent_seq)
        self._left_out.thin(left_out)
        return smaller

    def _thin_disk(self, files: SegmentLog) -> bool:
        """Make one file smaller; True also when the disk fails at it: now memory counts."""
        before = files.size
        sent = self._left_out.sent_seq
        self._on_disk(lambda: self._note_thinning(files.thin(self._durable, self._thinner, sent)))
        return files.size < before or self.memory_only

    def _note_thinning(self, thinning: Thinning) -> None:
        # A thinned record is gone from memory too, or it would be counted as left out and sent.
        self._tail.drop_through(thinning.last_seq)
        self._left_out.thin(thinning.left_out)


# A forked child (a DataLoader's worker) inherits the descriptors, and would hold a dead trainer's
# lock as long as it lives. Weak: a fork hook cannot be taken back, and must keep no spool alive.
_open_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _abandon_in_child() -> None:
    for spool in list(_open_spools):
        spool._abandon()
    _open_spools.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_abandon_in_child)
