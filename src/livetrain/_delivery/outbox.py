"""What the training thread hands over and the stream's thread takes: bounded, never waiting, counted.

*Critical* records are always taken in. *Durable* ones and *points* of curves too, up to the bounds in count and bytes; past
them the newest is left out and counted, for the training must not wait and memory must not grow. *Conflated* ones are kept one a
key, the newest. Images are no lane of their own: a batch's record stands in line from the moment of the call, and waits there
for its picture.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque

from livetrain._bell import Bell
from livetrain._delivery.line import FramedRecord, Lane, Mark, Record
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Outbox"]


class Outbox:
    """The line between the training thread and the stream's thread.

    Args:
        max_records: how many records may stand in line.
        max_bytes: what they may hold together.
        max_picture_bytes: what the encoded pictures among them may hold.

    Example:
        >>> outbox = Outbox()
        >>> outbox.take()
        []
    """

    def __init__(
        self,
        max_records: int = 1 << 16,
        max_bytes: int = 16 << 20,
        max_picture_bytes: int = 16 << 20,
    ) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._max_picture_bytes = max_picture_bytes
        # deque.append and popleft are atomic, so the training thread takes no lock that another thread could hold.
        self._line: deque[Record | Mark] = deque()
        # Both only grow. Two threads that add at once may lose one addition, which is mended whenever the line is empty.
        self._bytes_in = self._bytes_out = 0
        self._picture_bytes = 0
        self._pictures_lock = (
            threading.Lock()
        )  # encoder threads add, the stream's thread takes away
        self._conflated: dict[str, Record] = {}
        self._conflated_at: dict[str, float] = {}
        self._bell = Bell()
        self._asleep = False
        self.dropped: Counter[str] = Counter()
        self.late_seconds = 2.0

    def __len__(self) -> int:
        return len(self._line)

    def put(self, record: Record) -> bool:
        """Hand a record over; any thread, never waits. False: there is no room, and it is counted as left out."""
        full = (
            len(self._line) >= self._max_records
            or self._bytes_in - self._bytes_out >= self._max_bytes
        )
        if full and record.lane is not Lane.CRITICAL:
            self.dropped["outbox_full"] += 1
            return False
        self._bytes_in += record.size
        self._line.append(record)
        # While the stream's thread is at work it looks here some times a second by itself: waking it for each scalar
        # would cost the training more than the scalar does. A batch that waits for its pictures rings when it has them, for
        # all that stands behind it, too.
        if (self._asleep or record.lane is Lane.CRITICAL) and self.can_be_taken:
            self._bell.ring()
        return True

    @property
    def can_be_taken(self) -> bool:
        """Whether `take` would return something; any thread."""
        try:
            return self._line[0].ready
        except IndexError:  # the stream's thread took the last one meanwhile
            return False

    def mark(self) -> Mark:
        """Put a mark behind everything that was put before; any thread."""
        mark = Mark()
        self._line.append(mark)
        self._bell.ring()
        return mark

    def admit(self, picture_bytes: int) -> bool:
        """Say whether there is room for a batch's pictures; if so, it is taken. On encoder threads."""
        with self._pictures_lock:
            if self._picture_bytes + picture_bytes > self._max_picture_bytes:
                return False
            self._picture_bytes += picture_bytes
        return True

    def put_newest(self, key: str, record: Record) -> None:
        """Hand a conflated record over: it replaces the one of the same key that was not taken yet."""
        self._conflated[key] = record

    def take(self, now_us: int = 0) -> list[Record | Mark]:
        """Take all that is ready, in order, marks among it; the stream's thread.

        Args:
            now_us: the monotonic clock in microseconds; a batch that waited past `late_seconds` for its pictures goes without.
        """
        taken: list[Record | Mark] = []
        while self._line:
            record = self._line[0]
            if not record.ready:
                if (
                    not isinstance(record, FramedRecord)
                    or now_us - record.mono_us < self.late_seconds * 1e6
                ):
                    break
                record.strip(pb.STRIP_REASON_SUPERSEDED)
            taken.append(self._line.popleft())
            self._bytes_out += record.size
            if isinstance(record, FramedRecord) and record.pictures is not None:
                with self._pictures_lock:
                    self._picture_bytes -= record.pictures.size
        if not self._line:
            self._bytes_out = self._bytes_in
        return taken

    def take_newest(self, now: float, every: float) -> list[Record]:
        """Take the conflated records of each key of which none was taken within `every` seconds; the stream's thread."""
        taken = []
        for key in list(self._conflated):
            if now - self._conflated_at.get(key, -math.inf) >= every:
                taken.append(self._conflated.pop(key))
                self._conflated_at[key] = now
        return taken

    def wake(self) -> None:
        """End the current or next `sleep`; any thread."""
        self._bell.ring()

    def sleep(self, seconds: float, *, deep: bool) -> None:
        """Wait for a `wake`, on the stream's thread; when `deep`, a record that is put ends it too."""
        if deep:
            self._asleep = True
            # Looked at again after the flag is up: a record put before saw it down and woke nobody.
            if self.can_be_taken:
                self._asleep = False
                return
        self._bell.wait(seconds)
        self._asleep = False
