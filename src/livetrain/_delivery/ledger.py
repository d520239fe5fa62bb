"""The records of one stream from the training's hands to the commit: numbered, kept, and given out to be sent.

A batch is kept without its pictures, under a mark that says so: that is what goes out if it has to be sent again. Its pictures
are held beside it until it is sent for the first time, the newest ones only. Whatever becomes of them, the mark that the server
stores and the counters here tell the same, reason by reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from livetrain import _wire
from livetrain._delivery.backlog import Backlog
from livetrain._delivery.frame_window import FrameWindow
from livetrain._delivery.holes import HoleSteps
from livetrain._delivery.line import BatchRecord, Lane, Record, SampleRecord
from livetrain._delivery.sent_pictures import SentPictures
from livetrain._delivery.session import Session
from livetrain._warnings import warn_once_a_minute
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Counters", "Ledger", "Outgoing"]

_OLDER_PAYLOADS = frozenset(
    {"batch_data", "epoch_data", "performance_data", "status_update", "heartbeat"}
)

_REASON_CHARS = 300


@dataclass(slots=True)
class Counters:
    """What became of records and images, cumulative."""

    sent: int = 0
    frames_sent: int = 0  # what was lost on the way is told again, under "reconnect"
    stripped: Counter[int] = field(default_factory=Counter)  # images by StripReason
    dropped: Counter[str] = field(default_factory=Counter)  # records by reason


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record as it is sent, in pieces; none: an older server has no use for it."""

    seq: int
    pieces: tuple[_wire.Piece, ...]
    size: int
    has_pictures: bool


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Pictures of a record that was not sent yet."""

    head_bytes: int  # of the kept record, what comes before its "stripped" mark
    frame: _wire.EncodedFrame
    count: int
    reason: int  # under which the record is kept, should it have to go without them


@dataclass(slots=True)
class _Sent:
    """A record that was sent, of whose pictures something else is to be said when it is sent again."""

    head_bytes: int
    count: int
    reason: int
    counted: bool


class Ledger:
    """Numbers records, keeps them, and gives them out in order; used on the stream's thread alone.

    Args:
        session_id: whose records these are.
        session: gives the numbers.
        backlog: keeps the records.

    Attributes:
        max_message_bytes: of which the server takes no more.
        accepts_strips: whether the server reads a picture of many tiles.
    """

    def __init__(self, session_id: str, session: Session, backlog: Backlog) -> None:
        self.counters = Counters()
        self.backlog = backlog
        self.max_message_bytes = 4 << 20
        self.accepts_strips = True
        self._session_id = session_id
        self._session = session
        self._frames = FrameWindow()
        self._held: dict[int, _Pictures] = {}  # by seq, ascending
        # What is not committed yet of what was sent; bounded by the credit.
        self._sent: dict[int, _Sent] = {}
        self._given_up: dict[int, str] = {}
        self._bare: set[int] = set()  # samples whose picture was too large
        self._holes = HoleSteps()
        self._there = SentPictures()

    def pictures_wanted(self, number: int) -> None:
        """The server says how often it found that it lacks a picture that was sent once: if again, each is sent anew."""
        self._there.wanted(number)

    def keep(self, record: Record, *, sendable: bool) -> None:
        """Number a record and keep it; `sendable`: its pictures have a chance to be seen."""
        seq = self._session.assign()
        stamp = _wire.Stamp(self._session_id, seq, record.unix_ms, record.mono_us)
        try:
            data = record.write(stamp)
        except Exception as error:  # a record of values that no protobuf field takes
            self.counters.dropped["unwritable"] += 1
            warn_once_a_minute("unwritable", f"livetrain could not write a record: {error}")
            data = self._tombstone(seq, "could not be written", None)
        if isinstance(record, BatchRecord):
            data += self._put_pictures_aside(seq, len(data), record, sendable)
        elif isinstance(record, SampleRecord) and record.pictures is None:
            self.counters.stripped[record.reason] += 1
        self.backlog.append(
            seq,
            data,
            critical=record.lane is Lane.CRITICAL,
            thinnable=record.lane is Lane.POINT,
        )

    def _put_pictures_aside(
        self, seq: int, head_bytes: int, record: BatchRecord, sendable: bool
    ) -> bytes:
        """Hold a batch's pictures; return the mark under which the batch is kept."""
        if record.pictures is None:
            return self._strip(record.images, record.reason) if record.images else b""
        if not sendable:
            return self._strip(record.images, pb.STRIP_REASON_OFFLINE)
        connected = self._session.connected
        # The newest win: what waits for credit or for a connection is of no use to a viewer any more.
        room = self._frames.room if connected else 1
        while len(self._held) >= max(room, 1):
            self._count(self._held.pop(next(iter(self._held))))
        # The mark says what is true if they are never sent, and what is counted then.
        reason = pb.STRIP_REASON_SUPERSEDED if connected else pb.STRIP_REASON_OFFLINE
        self._held[seq] = _Pictures(head_bytes, record.pictures, record.images, reason)
        return _wire.stripped_mark(record.images, reason)

    def outgoing(self, after_seq: int, max_bytes: int) -> Iterator[Outgoing]:
        """Give out what follows `after_seq`, one record at least, until `max_bytes` are reached; tells the session of each."""
        pieces: tuple[_wire.Piece, ...]
        entries = self.backlog.read(after_seq, max_bytes)
        steps = self._holes.steps(entries)
        for seq, kept in entries:
            if kept is None:
                pieces, shown = (self._hole(seq, steps.get(seq)),), False
            else:
                pieces, shown = self._dressed(seq, kept)
            if self._session.older_server and not _is_older(pieces[0]):
                self.counters.dropped["older_server"] += 1
                pieces = ()
            else:
                self.counters.sent += 1
            if shown:
                self.counters.frames_sent += 1
                if not self._session.older_server:
                    # That one acknowledges nothing that the window could learn from.
                    self._frames.sent(seq, time.monotonic())
            size = sum(map(len, pieces))
            self._session.sent(seq, size)
            self.backlog.sent(seq)
            yield Outgoing(seq, pieces, size, shown)
            max_bytes -= size
            if max_bytes <= 0:
                break
        if self._session.older_server:
            self._forget()

    def _dressed(self, seq: int, kept: bytes) -> tuple[tuple[_wire.Piece, ...], bool]:
        """Return a kept record as it goes out, and whether its pictures go with it."""
        pictures = self._held.pop(seq, None)
        if pictures is None:
            return (self._undressed(seq, kept),), False
        head = kept[: pictures.head_bytes]
        pieces = _wire.batch_pictures(pictures.frame, self._there)
        if len(head) + sum(map(len, pieces)) > self.max_message_bytes:
            mark = self._strip(pictures.count, pb.STRIP_REASON_OVERSIZE)
            self._sent[seq] = _Sent(len(head), pictures.count, pb.STRIP_REASON_OVERSIZE, True)
            return (head + mark,), False
        # A strip may have been encoded before it was known that an older server is there.
        readable = self.accepts_strips or not isinstance(pictures.frame.pictures, _wire.Strip)
        if not (readable and self._frames.open):
            self._count(pictures)
            return (kept,), False
        self._sent[seq] = _Sent(len(head), pictures.count, pb.STRIP_REASON_RECONNECT, False)
        if not self._session.older_server:
            self._there.sent(pictures.frame)
        return (head, *pieces), True

    def _undressed(self, seq: int, kept: bytes) -> bytes:
        if (sent := self._sent.get(seq)) is not None:
            self._count_again(sent)
            return kept[: sent.head_bytes] + _wire.stripped_mark(sent.count, sent.reason)
        if len(kept) <= self.max_message_bytes:
            return kept
        # The server would end the stream for it, each time that it is sent.
        limit = f"{len(kept)} bytes, of which the server takes {self.max_message_bytes} bytes"
        smaller = _wire.without_sample_picture(kept, f"too large: {limit}")
        if len(smaller) <= self.max_message_bytes:
            if seq not in self._bare:
                self._bare.add(seq)
                self.counters.stripped[pb.STRIP_REASON_OVERSIZE] += 1
            return smaller
        self.counters.dropped["oversize"] += 1
        warn_once_a_minute("oversize", f"livetrain gave up a record that is too large: {limit}.")
        self._give_up(seq, f"too large: {limit}")
        return self._hole(seq, _wire.step_of(kept))

    def _hole(self, seq: int, step: int | None) -> bytes:
        """Return what goes out in the place of a record that is gone."""
        if (pictures := self._held.pop(seq, None)) is not None:
            self._count(pictures)
        if (sent := self._sent.get(seq)) is not None:
            self._count_again(sent)
        reason = self._given_up.get(seq) or self.backlog.hole_reason(seq)
        return self._tombstone(seq, reason, step)

    def resumed(self, now: float) -> None:
        """The session was let in: it knows what is committed, and sends all else again."""
        self.acknowledged(now)
        self.backlog.resumed()

    def acknowledged(self, now: float) -> None:
        """The session learned of a commit: forget what it covers."""
        self._frames.acknowledged(self._session.durable_seq, now)
        self._forget()

    def _forget(self) -> None:
        durable = self._session.durable_seq
        for memory in (self._sent, self._given_up):
            for seq in [seq for seq in memory if seq <= durable]:
                del memory[seq]
        self._bare = {seq for seq in self._bare if seq > durable}
        self.backlog.trim(durable)

    def disconnected(self) -> None:
        """The connection is gone: of the pictures that are held, the newest wait for the next one."""
        self._frames.lost()
        self._there.forget()
        while len(self._held) > 1:
            self._count(self._held.pop(next(iter(self._held))))

    def close(self) -> None:
        """Nothing is sent any more: nobody will see the pictures that are held."""
        while self._held:
            self._count(self._held.popitem()[1])
        self.backlog.close()

    def quarantine(self, seq: int, reason: str) -> None:
        """Give up a record that the server will never take."""
        self.counters.dropped["rejected"] += 1
        self._give_up(seq, f"refused by the server: {reason}")

    def _give_up(self, seq: int, reason: str) -> None:
        self._given_up[seq] = reason[:_REASON_CHARS]
        self.backlog.replace(seq)

    def _count(self, pictures: _Pictures) -> None:
        self.counters.stripped[pictures.reason] += pictures.count

    def _count_again(self, sent: _Sent) -> None:
        if not sent.counted:
            sent.counted = True
            self.counters.stripped[sent.reason] += sent.count

    def _strip(self, count: int, reason: int) -> bytes:
        self.counters.stripped[reason] += count
        return _wire.stripped_mark(count, reason)

    def _tombstone(self, seq: int, reason: str, step: int | None) -> bytes:
        unix_ms, mono_us = time.time_ns() // 1_000_000, time.monotonic_ns() // 1000
        stamp = _wire.Stamp(self._session_id, seq, unix_ms, mono_us)
        return _wire.tombstone(stamp, reason, step=step)


def _is_older(record: _wire.Piece) -> bool:
    """Say whether a server of the older protocol knows this kind of record."""
    return pb.TelemetryRequest.FromString(bytes(record)).WhichOneof("payload") in _OLDER_PAYLOADS
