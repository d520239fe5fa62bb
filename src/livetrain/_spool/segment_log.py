"""The files of one spool: a locked directory of segments, read and written.

It raises OSError; :mod:`livetrain._spool.spool` decides what then.

::

    <directory>/            0700
        lock                flocked by the process that owns the spool
        meta                one record, replaced atomically
        <first seq>.seg     the records from that number up to the next segment's

A segment's name is where its range begins, so no file refers to another: deleting, losing or
thinning one leaves holes, never an inconsistency. A reopened log starts a new segment; old ones are
read, thinned and deleted, but never written on.
"""

from __future__ import annotations

import contextlib
import os
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from livetrain._spool.directory_lock import LOCK_NAME, DirectoryLock
from livetrain._spool.private_directory import make_private, tighten
from livetrain._spool.segment import (
    NOTHING_STAYS,
    Found,
    Gone,
    Record,
    Thinner,
    encode,
    find,
    scan,
    thin,
)

__all__ = ["Fsync", "Segment", "SegmentLog", "Thinning", "read_meta", "segments_of"]

Fsync = Literal["never", "roll", "flush"]

_SUFFIX = ".seg"
_META = "meta"
_TEMPORARY = ".livetrain-tmp"
_BREATH = 256
"""Records between two offers of the GIL: a long pass must not make a training step wait 5 ms."""


@dataclass(slots=True)
class Segment:
    """One file; its range goes from `first` to the next segment's `first`."""

    path: Path
    first: int
    size: int  # bytes that hold whole records
    spent: bool = False  # nothing left to thin


class Thinning(NamedTuple):
    """What a file was made smaller by.

    Attributes:
        last_seq: the last number in that file's range; 0 when no file can be made smaller.
        left_out: the records that are gone, ascending.
    """

    last_seq: int
    left_out: list[Gone]


class SegmentLog:
    """An append-only log of records in segment files.

    Attributes:
        segments: oldest first.
        last_seq: of the newest record on disk; 0 for none.
        size: bytes of all segments.
        torn: how many times a torn tail was cut.

    Raises:
        LockedError: another process owns the directory.
        OSError: the directory cannot be made, read or written; every method may raise it.
    """

    def __init__(self, directory: Path, *, segment_bytes: int, fsync: Fsync) -> None:
        make_private(directory)
        tighten(directory)
        self.directory = directory
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._active: int | None = None  # descriptor of the newest segment, while it is written
        self._reading: Segment | None = None
        self._data = b""  # of the segment that is being read, up to `_read_end`
        self._read_end = 0
        self._position = (0, 0)  # a number in it, and the offset behind that record
        self._finds = 0
        self.torn = 0
        self._lock = DirectoryLock(directory)
        try:
            for unfinished in directory.glob(f"*{_TEMPORARY}"):
                unfinished.unlink()
            self.segments = segments_of(directory)
            self.last_seq = self._cut_tail()
            self.size = sum(segment.size for segment in self.segments)
        except BaseException:
            self._lock.release()
            raise

    @property
    def first_seq(self) -> int:
        """The lowest number that may still be here; ``last_seq + 1`` when nothing is."""
        return self.segments[0].first if self.segments else self.last_seq + 1

    def _cut_tail(self) -> int:
        """Cut what follows the last whole record, and return that record's number."""
        if not self.segments:
            return 0
        segment = self.segments[-1]
        end, last = 0, segment.first - 1
        for count, found in enumerate(scan(segment.path.read_bytes(), after=last)):
            end, last = found.end, found.record.seq
            _breathe(count)
        self.torn += end < segment.size
        if end == 0:
            segment.path.unlink()
            self.segments.pop()
        elif end < segment.size:
            os.truncate(segment.path, end)
            segment.size = end
        return last

    # ------------------------------------------------------------------ writing

    def write(self, records: Iterable[Record]) -> None:
        """Append records in ascending order; if it raises, ``last_seq`` says how far it came."""
        chunk: list[bytes] = []
        chunk_bytes, last = 0, self.last_seq
        for record in records:
            data = encode(record)
            full = (
                self._active is not None
                and self.segments[-1].size + chunk_bytes + len(data) > self._segment_bytes
            )
            if full:
                self._put(chunk, last)
                chunk, chunk_bytes = [], 0
                self.seal()
            if self._active is None:
                self._start(record.seq)
            chunk.append(data)
            chunk_bytes += len(data)
            last = record.seq
        self._put(chunk, last)
        if self._fsync == "flush" and self._active is not None:
            os.fsync(self._active)

    def _start(self, first: int) -> None:
        path = self.directory / f"{first:020d}{_SUFFIX}"
        self._active = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
        self.segments.append(Segment(path, first, 0))
        if self._fsync == "flush":
            _sync_directory(self.directory)

    def _put(self, chunk: list[bytes], last: int) -> None:
        if not chunk:
            return
        assert self._active is not None
        segment, data = self.segments[-1], memoryview(b"".join(chunk))
        size = len(data)
        try:
            while data:
                data = data[os.write(self._active, data) :]
        except OSError:
            # Cut the half-written record: its space is free again, and no damage is seen later.
            with contextlib.suppress(OSError):
                os.ftruncate(self._active, segment.size)
            raise
        segment.size += size
        self.size += size
        self.last_seq = last

    def seal(self) -> None:
        """End the segment that is being written; the next record starts another."""
        if self._active is None:
            return
        active, self._active = self._active, None
        try:
            if self._fsync != "never":
                os.fsync(active)
        finally:
            os.close(active)

    # ------------------------------------------------------------------ reading

    def _range_end(self, index: int) -> int:
        """Return the number after the range of the segment at `index`."""
        following = self.segments[index + 1 : index + 2]
        return following[0].first if following else self.last_seq + 1

    def find(self, seq: int) -> tuple[Record | None, int, bool]:
        """Look up the first record at or after `seq` within the segment that `seq` belongs to.

        Returns:
            The record, or None: the rest of that file's range is a hole. The number up to which all
            before the record (without one: all) is a hole, exclusive. Whether the hole is damage.
        """
        index = bisect_right(self.segments, seq, key=lambda s: s.first) - 1
        if index < 0:
            return None, self.first_seq, False
        segment = self.segments[index]
        if self._reading is not segment or seq >= self._read_end:
            self._load(segment, self._range_end(index))
        data, end = self._data, self._read_end
        at, offset = self._position if self._position[0] < seq else (segment.first - 1, 0)
        damaged = False
        while (found := find(data, offset, after=at)) is not None and found.record.seq < end:
            self._finds += 1
            _breathe(self._finds)
            damaged = damaged or found.start > offset
            if found.record.seq >= seq:
                return found.record, found.record.seq, damaged
            at, offset, damaged = found.record.seq, found.end, False
            self._position = (at, offset)
        return None, end, damaged or offset < len(data)

    def _load(self, segment: Segment, end: int) -> None:
        """Keep the file's bytes, for as long as records before `end` of it are asked for."""
        if self._reading is not segment:
            self._reading = segment
            self._position = (segment.first - 1, 0)
        self._read_end = end
        try:
            with segment.path.open("rb") as file:
                self._data = file.read(segment.size)
        except OSError:
            # Nobody can wait for this file: its records are a damaged hole.
            self._data = bytes(1)
            self._position = (segment.first - 1, 0)

    # ------------------------------------------------------------------ making room

    def delete_through(self, seq: int) -> None:
        """Delete the files whose whole range is at or below `seq`."""
        if seq > self.last_seq:
            self.seal()
            self.last_seq = seq  # the server has more than was kept here: go on after that
        while self.segments and self._range_end(0) <= seq + 1:
            if len(self.segments) == 1 and self._active is not None:
                return
            self.segments[0].path.unlink(missing_ok=True)
            self.size -= self.segments[0].size
            self._forget(self.segments.pop(0))

    def thin(
        self, durable_seq: int, thinner: Thinner = NOTHING_STAYS, sent_seq: int = 0
    ) -> Thinning:
        """Rewrite one file without its acknowledged and every second of its thinnable records.

        The largest file is taken, of equal ones the oldest: so all get thinner at the same pace.
        """
        sealed = [(-s.size, index) for index, s in enumerate(self.segments) if not s.spent]
        if self._active is not None:
            sealed = [(size, index) for size, index in sealed if index < len(self.segments) - 1]
        for _, index in sorted(sealed):
            segment = self.segments[index]
            founds = scan(segment.path.read_bytes(), after=durable_seq)
            kept, left_out = thin(list(_breathing(founds)), thinner, sent_seq)
            segment.spent = thin(kept, thinner, sent_seq)[0] == kept
            data = b"".join(map(encode, kept))
            if len(data) < segment.size:
                _replace(segment.path, data, sync=self._fsync != "never")
                self.size -= segment.size - len(data)
                segment.size = len(data)
                self._forget(segment)
                return Thinning(self._range_end(index) - 1, left_out)
        return Thinning(0, [])

    def _forget(self, segment: Segment) -> None:
        if self._reading is segment:
            self._reading, self._data = None, b""

    # ------------------------------------------------------------------ the end

    def write_meta(self, meta: bytes) -> None:
        """Replace what is kept beside the segments."""
        _replace(self.directory / _META, encode(Record(1, meta, 0)), sync=self._fsync != "never")

    def close(self, *, delete: bool) -> None:
        """Close the files and give up the lock; with `delete` the directory goes too."""
        try:
            self.seal()
            if delete:
                ours = [segment.path for segment in segments_of(self.directory)]
                for path in (*ours, self.directory / _META, self.directory / LOCK_NAME):
                    path.unlink(missing_ok=True)
                # Someone else's file in here is not ours to delete; then the directory stays.
                with contextlib.suppress(OSError):
                    self.directory.rmdir()
        finally:
            self._lock.release()

    def abandon_segment(self) -> None:
        """Leave the file that is being written as it is; what comes next goes to a new one."""
        if self._active is None:
            return
        with contextlib.suppress(OSError):
            os.close(self._active)
        self._active = None
        if self.segments[-1].size == 0:  # its name is still to be used
            self.segments.pop()

    def abandon(self) -> None:
        """In a forked child: close the inherited descriptors, and leave the files to the parent."""
        self.abandon_segment()
        self._lock.release()


def segments_of(directory: Path) -> list[Segment]:
    """List the segments in a directory, oldest first; other files are passed over."""
    return sorted(
        (
            Segment(path, int(path.stem), path.stat().st_size)
            for path in directory.iterdir()
            if path.suffix == _SUFFIX and path.stem.isdecimal()
        ),
        key=lambda segment: segment.first,
    )


def read_meta(directory: Path) -> bytes | None:
    """Return what is kept beside the segments, or None: never written, or damaged."""
    try:
        found: Found | None = find((directory / _META).read_bytes(), 0, after=0)
    except OSError:
        return None
    return found.record.payload if found else None


def _replace(path: Path, data: bytes, *, sync: bool) -> None:
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(fd)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _breathing(founds: Iterator[Found]) -> Iterator[Record]:
    for count, found in enumerate(founds):
        _breathe(count)
        yield found.record


def _breathe(count: int) -> None:
    if count % _BREATH == _BREATH - 1:
        time.sleep(0)  # lets go of the GIL


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # has no such thing; NTFS journals its directories
        return
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# Windows would translate line ends.
_BINARY = getattr(os, "O_BINARY", 0)
