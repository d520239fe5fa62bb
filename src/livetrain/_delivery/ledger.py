"""The records of one stream from the training's hands to the commit: numbered, kept, and given out to be sent.

A batch is kept without its pictures, under a mark that says so: that is what goes out if it has to be sent again. Its pictures
are held beside it until it is sent for the first time, the newest ones only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from livetrain import _wire
from livetrain._delivery.backlog import Backlog
from livetrain._delivery.frame_window import FrameWindow
from livetrain._delivery.outbox import BatchRecord, Lane, Record
from livetrain._delivery.session import Session
from livetrain._warnings import warn_once_a_minute
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Counters", "Ledger", "Outgoing"]

_OLDER_PAYLOADS = frozenset(
    {"batch_data", "epoch_data", "performance_data", "status_update", "heartbeat"}
)


@dataclass(slots=True)
class Counters:
    """What became of records and images, cumulative."""

    sent: int = 0
    frames_sent: int = 0
    stripped: Counter[int] = field(default_factory=Counter)  # images by StripReason
    dropped: Counter[str] = field(default_factory=Counter)  # records by reason


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record as it is sent; empty `data`: an older server has no use for it."""

    seq: int
    data: bytes
    has_pictures: bool


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Pictures of a record that was not sent yet."""

    head_bytes: int  # of the kept record, what comes before its "stripped" mark
    data: bytes
    count: int


class Ledger:
    """Numbers records, keeps them, and gives them out in order; used on the stream's thread alone.

    Args:
        session_id: whose records these are.
        session: gives the numbers.
        backlog: keeps the records.
    """

    def __init__(self, session_id: str, session: Session, backlog: Backlog) -> None:
        self.counters = Counters()
        self.backlog = backlog
        self.max_message_bytes = 4 << 20
        self._session_id = session_id
        self._session = session
        self._frames = FrameWindow()
        self._held: dict[int, _Pictures] = {}  # by seq, ascending

    def keep(self, record: Record, *, sendable: bool) -> None:
        """Number a record and keep it; `sendable`: its pictures have a chance to be seen."""
        seq = self._session.assign()
        stamp = _wire.Stamp(self._session_id, seq, record.unix_ms, record.mono_us)
        try:
            data = record.write(stamp)
        except Exception as error:  # a record of values that no protobuf field takes
            self.counters.dropped["unwritable"] += 1
            warn_once_a_minute("unwritable", f"livetrain could not write a record: {error}")
            data = self._tombstone(seq, "could not be written")
        if isinstance(record, BatchRecord):
            data += self._put_pictures_aside(seq, len(data), record, sendable)
        critical = record.lane is Lane.CRITICAL
        self.backlog.append(seq, data, critical=critical, thinnable=not critical)

    def _put_pictures_aside(
        self, seq: int, head_bytes: int, record: BatchRecord, sendable: bool
    ) -> bytes:
        """Hold a batch's pictures; return the mark under which the batch is kept."""
        if record.pictures is None:
            return self._strip(record.images, record.reason) if record.images else b""
        if not sendable:
            return self._strip(record.images, pb.STRIP_REASON_OFFLINE)
        data = _wire.batch_pictures(record.pictures)
        if head_bytes + len(data) > self.max_message_bytes:
            return self._strip(record.images, pb.STRIP_REASON_OVERSIZE)
        # The newest win: what waits for credit or for a connection is of no use to a viewer any more.
        room = self._frames.room if self._session.connected else 1
        reason = pb.STRIP_REASON_SUPERSEDED if self._session.connected else pb.STRIP_REASON_OFFLINE
        while len(self._held) >= max(room, 1):
            self._strip(self._held.pop(next(iter(self._held))).count, reason)
        self._held[seq] = _Pictures(head_bytes, data, record.images)
        return _wire.stripped_mark(record.images, pb.STRIP_REASON_RECONNECT)

    def outgoing(self, after_seq: int, max_bytes: int) -> Iterator[Outgoing]:
        """Give out what follows `after_seq`, one record at least, until `max_bytes` are reached; tells the session of each."""
        for seq, kept in self.backlog.read(after_seq, max_bytes):
            record = self._tombstone(seq, "thinned") if kept is None else kept
            pictures = self._held.pop(seq, None)
            if pictures is not None and not self._frames.open:
                mark = self._strip(pictures.count, pb.STRIP_REASON_SUPERSEDED)
                record, pictures = record[: pictures.head_bytes] + mark, None
            if self._session.older_server and not _is_older(record):
                self.counters.dropped["older_server"] += 1
                record = b""
            else:
                self.counters.sent += 1
            if pictures is not None:
                record = record[: pictures.head_bytes] + pictures.data
                self.counters.frames_sent += 1
                if (
                    not self._session.older_server
                ):  # it acknowledges nothing that the window could learn from
                    self._frames.sent(seq, time.monotonic())
            self._session.sent(seq, len(record))
            yield Outgoing(seq, record, pictures is not None)
            max_bytes -= len(record)
            if max_bytes <= 0:
                break
        if self._session.older_server:
            self.backlog.trim(self._session.durable_seq)

    def acknowledged(self, now: float) -> None:
        """The session learned of a commit: forget what it covers."""
        self._frames.acknowledged(self._session.durable_seq, now)
        self.backlog.trim(self._session.durable_seq)

    def disconnected(self) -> None:
        """The connection is gone: nobody will see the pictures that are held."""
        self._frames.lost()
        while self._held:
            self._strip(self._held.popitem()[1].count, pb.STRIP_REASON_OFFLINE)

    def quarantine(self, seq: int) -> None:
        """Give up a record that the server will never take."""
        self.counters.dropped["rejected"] += 1
        self.backlog.replace(seq)

    def _strip(self, count: int, reason: int) -> bytes:
        self.counters.stripped[reason] += count
        return _wire.stripped_mark(count, reason)

    def _tombstone(self, seq: int, reason: str) -> bytes:
        unix_ms, mono_us = time.time_ns() // 1_000_000, time.monotonic_ns() // 1000
        return _wire.tombstone(_wire.Stamp(self._session_id, seq, unix_ms, mono_us), reason)


def _is_older(record: bytes) -> bool:
    """Say whether a server of the older protocol knows this kind of record."""
    return pb.TelemetryRequest.FromString(record).WhichOneof("payload") in _OLDER_PAYLOADS
