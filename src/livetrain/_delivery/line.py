"""What stands in line between the training's threads and the stream's: records, some with pictures, and marks between them."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from livetrain import _wire
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "SMALL_BYTES",
    "BatchRecord",
    "Claim",
    "Droppable",
    "FrameSource",
    "FramedRecord",
    "Gap",
    "Lane",
    "Line",
    "Mark",
    "Record",
    "SampleRecord",
    "SmallRecord",
]

SMALL_BYTES = 500
"""What a record of a few numbers takes in memory."""


class Lane(enum.Enum):
    """How a record is treated under pressure."""

    CRITICAL = "critical"  # never left out
    ANSWER = (
        "answer"  # what became of a command: as critical, within a share of the space of its own
    )
    DURABLE = "durable"  # left out only where there is no room at all
    POINT = (
        "point"  # of a curve: where the space for waiting records is full, the old ones are thinned
    )


class Record(Protocol):
    """One thing that the training said, on its way to become bytes."""

    lane: Lane
    unix_ms: int
    mono_us: int

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds, pictures aside."""

    @property
    def ready(self) -> bool:
        """Whether it can be written now."""

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it, without pictures; on the stream's thread."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Points or other records that were left out.

    Attributes:
        records: how many.
        first_step: the lowest step of them; None: not known.
        last_step: the highest step of them; None: not known.

    Example:
        >>> Gap.over([Gap(2, 10, 20), Gap(1, 5, 5), Gap(1)])
        Gap(records=4, first_step=5, last_step=20)
    """

    records: int
    first_step: int | None = None
    last_step: int | None = None

    @classmethod
    def over(cls, gaps: Iterable[Gap]) -> Gap:
        """Return one gap in place of several."""
        all_of_them = list(gaps)
        firsts = [gap.first_step for gap in all_of_them if gap.first_step is not None]
        lasts = [gap.last_step for gap in all_of_them if gap.last_step is not None]
        records = sum(gap.records for gap in all_of_them)
        return cls(records, min(firsts, default=None), max(lasts, default=None))


class Claim:
    """Decides between two threads, of which one wants to send a record and the other to leave it out: who comes first has it.

    Example:
        >>> claim = Claim()
        >>> claim.take(), claim.take()
        (True, False)
    """

    __slots__ = ("_free",)

    def __init__(self) -> None:
        self._free = [True]

    @property
    def taken(self) -> bool:
        """Whether somebody came."""
        return not self._free

    def take(self) -> bool:
        """Return whether this call is the first."""
        try:
            return self._free.pop()  # atomic, and no lock that a signal handler could find held
        except IndexError:
            return False


class Droppable(Protocol):
    """What may be left out where the line is full."""

    gap: Gap | None

    @property
    def taken(self) -> bool:
        """Whether it was claimed or left out."""

    def claim(self) -> bool:
        """Take the record, to send it; False: it was left out, and `gap` says what it was."""

    def drop(self) -> int:
        """Leave the record out, and remember it in `gap`; return the bytes that this frees, 0: it was claimed before."""


@dataclass(slots=True)
class SmallRecord:
    """A record without pictures; `writer` is called on the stream's thread."""

    writer: Callable[[_wire.Stamp], bytes]
    lane: Lane
    unix_ms: int
    mono_us: int
    size: int = SMALL_BYTES
    records: int = 1
    """How many points it holds; 1 for what is no points."""
    step: int | None = None
    """Where it stands on a curve; None: nowhere."""
    unix_us: int = 0
    """The moment of `unix_ms`; 0: only that is known."""
    gap: Gap | None = None
    _claim: Claim = field(default_factory=Claim)

    @property
    def ready(self) -> bool:
        """Always: there is nothing to wait for."""
        return True

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it."""
        return self.writer(stamp)

    @property
    def taken(self) -> bool:
        """Whether it was claimed or left out."""
        return self._claim.taken

    def claim(self) -> bool:
        """Take it, to send it; False: it was left out."""
        return self._claim.take()

    def drop(self) -> int:
        """Leave it out; return the bytes that this frees."""
        self.gap = Gap(self.records, self.step, self.step)
        if not self._claim.take():
            return 0
        self.writer = _nothing
        freed, self.size = self.size, 0
        return freed


def _nothing(stamp: _wire.Stamp) -> bytes:
    raise AssertionError("a record that was left out is not written")


class Mark:
    """A place in the line, for somebody who waits for what stands before it.

    Attributes:
        settled: it is known what became of that.
        committed: the server has all of it.
        abandoned: nobody waits any more.
    """

    __slots__ = ("abandoned", "committed", "settled")
    ready = True
    size = 0

    def __init__(self) -> None:
        self.settled = threading.Event()
        self.committed = False
        self.abandoned = False


class FrameSource(Protocol):
    """A captured frame that has not been encoded yet."""

    def release(self) -> None:
        """Give its memory back."""


class Line(Protocol):
    """What a record with pictures needs of the line that it stands in."""

    def admit(self, picture_bytes: int) -> bool:
        """Say whether there is room for its pictures; if so, it is taken."""

    def wake(self) -> None:
        """Something can be taken."""


class FramedRecord:
    """A record with pictures, which it has when the encoder is done with them, or the reason why there are none.

    It settles once: `done` and `strip` come from the encoder's threads, `strip` also from the stream's when it is late.

    Args:
        frame: what is to be encoded; None: nothing, for `reason`.
        reason: a ``StripReason``.
        images: how many are in it, for the count of those that are left out.
        unix_ms, mono_us: when it was handed over.
        line: where it stands.
    """

    def __init__(
        self,
        frame: FrameSource | None,
        *,
        reason: int,
        images: int,
        unix_ms: int,
        mono_us: int,
        line: Line,
    ) -> None:
        self._line = line
        self._lock = (
            threading.Lock()
        )  # encoder threads and the stream's thread may settle it at once
        self.frame = frame
        self.images = images
        self.reason = reason
        self.pictures: _wire.EncodedFrame | None = None
        self.unix_ms = unix_ms
        self.mono_us = mono_us
        self.ready = frame is None

    def done(self, pictures: _wire.EncodedFrame) -> None:
        """The encoder is done."""
        self._settle(pictures, pb.STRIP_REASON_NONE)

    def strip(self, reason: int) -> None:
        """There will be no pictures, for this reason."""
        self._settle(None, reason)

    def _settle(self, pictures: _wire.EncodedFrame | None, reason: int) -> None:
        with self._lock:
            if self.ready:
                return
            if pictures is not None and not self._line.admit(pictures.size):
                pictures, reason = None, pb.STRIP_REASON_SUPERSEDED
            self.pictures, self.reason, self.frame = pictures, reason, None
            self.ready = True
        self._line.wake()


class BatchRecord(FramedRecord):
    """A batch: its numbers, and 16 of its images.

    Args:
        read: returns the numbers; on the stream's thread.
        frame: as in :class:`FramedRecord`.
        step: where it stands on a curve; None: not known.
        held_bytes: what the numbers hold until they are read.
        **framed: as in :class:`FramedRecord`.
    """

    lane = Lane.POINT

    def __init__(
        self,
        read: Callable[[], _wire.Batch],
        frame: FrameSource | None,
        *,
        step: int | None = None,
        held_bytes: int = 0,
        **framed: Any,
    ) -> None:
        super().__init__(frame, **framed)
        self.size = 4 * SMALL_BYTES + held_bytes
        self._read = read
        self._step = step
        self._claim = Claim()
        self.gap: Gap | None = None

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise the numbers."""
        return _wire.batch_head(stamp, self._read())

    @property
    def taken(self) -> bool:
        """Whether it was claimed or left out."""
        return self._claim.taken

    def claim(self) -> bool:
        """Take it, to send it; False: it was left out."""
        return self._claim.take()

    def drop(self) -> int:
        """Leave it out, unless it has pictures or waits for them; return the bytes that this frees."""
        if self.frame is not None or self.pictures is not None:
            return 0
        self.gap = Gap(1, self._step, self._step)
        if not self._claim.take():
            return 0
        self._read = _no_numbers
        freed, self.size = self.size, 0
        return freed


def _no_numbers() -> _wire.Batch:
    raise AssertionError("a batch that was left out is not read")


class SampleRecord(FramedRecord):
    """A generated picture, kept and sent again whole, as its record is.

    Args:
        write: serialises it, given its picture.
        frame: as in :class:`FramedRecord`.
        **framed: as there.
    """

    lane = Lane.DURABLE
    size = 4 * SMALL_BYTES

    def __init__(
        self, write: Callable[[_wire.Stamp, _wire.Tile], bytes], frame: FrameSource, **framed: Any
    ) -> None:
        super().__init__(frame, reason=pb.STRIP_REASON_NONE, images=1, **framed)
        self._write = write

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it with its picture, or with why there is none."""
        encoded = self.pictures
        if encoded is not None and isinstance(encoded.pictures, tuple):
            return self._write(stamp, encoded.pictures[0])
        unreadable = self.reason == pb.STRIP_REASON_UNREADABLE
        why = "it cannot be encoded" if unreadable else "more came than could be encoded in time"
        return self._write(
            stamp, _wire.Tile(b"", "", 0, 0, 0, error=f"There is no picture: {why}.")
        )
