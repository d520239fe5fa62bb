"""What the training thread hands over and the stream's thread takes: bounded, never waiting, counted.

Three lanes. *Critical* records are always taken in. *Durable* ones too, up to the bound; past it the newest is left out and
counted, for the training must not wait and memory must not grow. *Conflated* ones are kept one a key, the newest.
Images are no lane of their own: a batch's record stands in line from the moment of the call, and waits there for its picture.
"""

from __future__ import annotations

import enum
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from livetrain import _wire
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["BatchRecord", "FrameSource", "Lane", "Outbox", "Record", "SmallRecord"]


class Lane(enum.Enum):
    """How a record is treated under pressure."""

    CRITICAL = "critical"
    DURABLE = "durable"


class Record(Protocol):
    """One thing that the training said, on its way to become bytes."""

    lane: Lane
    unix_ms: int
    mono_us: int

    @property
    def ready(self) -> bool:
        """Whether it can be written now."""

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it, without pictures; on the stream's thread."""


@dataclass(slots=True)
class SmallRecord:
    """A record without pictures; `writer` is called on the stream's thread."""

    writer: Callable[[_wire.Stamp], bytes]
    lane: Lane
    unix_ms: int
    mono_us: int

    @property
    def ready(self) -> bool:
        """Always: there is nothing to wait for."""
        return True

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it."""
        return self.writer(stamp)


class FrameSource(Protocol):
    """A captured frame that has not been encoded yet."""

    def release(self) -> None:
        """Give its memory back."""


class BatchRecord:
    """A batch: its numbers now, its pictures when the encoder is done with them, or the reason why there are none.

    It settles once: `done` and `strip` come from the encoder's threads, `strip` also from the stream's when it is late.
    """

    lane = Lane.DURABLE

    def __init__(
        self,
        read: Callable[[], _wire.Batch],
        frame: FrameSource | None,
        *,
        reason: int,
        images: int,
        unix_ms: int,
        mono_us: int,
        on_settled: Callable[[], None],
    ) -> None:
        self._read = read
        self._on_settled = on_settled
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

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise the numbers."""
        return _wire.batch_head(stamp, self._read())

    def _settle(self, pictures: _wire.EncodedFrame | None, reason: int) -> None:
        with self._lock:
            if self.ready:
                return
            self.pictures, self.reason, self.frame = pictures, reason, None
            self.ready = True
        self._on_settled()


class Outbox:
    """The line between the training thread and the stream's thread.

    Args:
        max_records: how many records may stand in line.

    Example:
        >>> outbox = Outbox()
        >>> outbox.take()
        []
    """

    def __init__(self, max_records: int = 1 << 16) -> None:
        self._max_records = max_records
        # deque.append and popleft are atomic, so the training thread takes no lock that another thread could hold.
        self._line: deque[Record] = deque()
        self._conflated: dict[str, Record] = {}
        self._wake = threading.Event()
        self._asleep = False
        self.dropped: Counter[str] = Counter()
        self.late_seconds = 2.0

    def __len__(self) -> int:
        return len(self._line)

    def put(self, record: Record) -> None:
        """Hand a record over; any thread, never waits."""
        if len(self._line) >= self._max_records and record.lane is not Lane.CRITICAL:
            self.dropped["outbox_full"] += 1
            return
        self._line.append(record)
        # While the stream's thread is at work it looks here every few milliseconds by itself: waking it for each scalar
        # would cost the training more than the scalar does.
        if self._asleep:
            self._wake.set()

    def put_newest(self, key: str, record: Record) -> None:
        """Hand a conflated record over: it replaces the one of the same key that was not taken yet."""
        self._conflated[key] = record

    def take(self, now_us: int = 0) -> list[Record]:
        """Take all that is ready, in order; the stream's thread.

        Args:
            now_us: the monotonic clock in microseconds; a batch that waited past `late_seconds` for its pictures goes without.
        """
        taken: list[Record] = []
        while self._line:
            record = self._line[0]
            if not record.ready:
                if (
                    not isinstance(record, BatchRecord)
                    or now_us - record.mono_us < self.late_seconds * 1e6
                ):
                    break
                record.strip(pb.STRIP_REASON_SUPERSEDED)
            taken.append(self._line.popleft())
        return taken

    def take_newest(self) -> list[Record]:
        """Take the conflated records; the stream's thread."""
        taken = []
        for key in list(self._conflated):
            taken.append(self._conflated.pop(key))
        return taken

    def wake(self) -> None:
        """End the current or next `sleep`; any thread."""
        self._wake.set()

    def sleep(self, seconds: float, *, deep: bool) -> None:
        """Wait for a `wake`, on the stream's thread; when `deep`, a record that is put ends it too."""
        if deep:
            self._asleep = True
            # Looked at again after the flag is up: a record put before saw it down and woke nobody.
            if self._line and self._line[0].ready:
                self._asleep = False
                return
        self._wake.wait(seconds)
        self._asleep = False
        self._wake.clear()
