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

from livetrain import _point_columns, _wire
from livetrain._delivery.answer_share import AnswerShare
from livetrain._delivery.backlog import Backlog
from livetrain._delivery.columns import ColumnsRecord, RowRecord
from livetrain._delivery.frame_window import FrameWindow
from livetrain._delivery.holes import HoleSteps
from livetrain._delivery.line import BatchRecord, Lane, Record, SampleRecord, SmallRecord
from livetrain._delivery.oversize import Shortened, may_be_too_large, split_record
from livetrain._delivery.sent_pictures import SentPictures
from livetrain._delivery.server_limits import ServerLimits
from livetrain._delivery.session import Session
from livetrain._delivery.tally import Tally
from livetrain._warnings import warn_once_a_minute
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Counters", "Ledger", "Outgoing"]

_OLDER_PAYLOADS = frozenset(
    {"batch_data", "epoch_data", "performance_data", "status_update", "heartbeat"}
)

_REASON_CHARS = 300
_MOST_POINTS = 2**53 - 1


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


@dataclass(frozen=True, slots=True)
class _GivenUp:
    """What is told of a record that is not coming."""

    reason: str
    records: int = 1
    first_step: int | None = None
    last_step: int | None = None


class Ledger:
    """Numbers records, keeps them, and gives them out in order; used on the stream's thread alone.

    Args:
        session_id: whose records these are.
        session: gives the numbers.
        backlog: keeps the records.
        run: name of the run, for messages to people.

    Attributes:
        limits: what the server takes.
        tally: how many calls of the user's wait.
    """

    def __init__(self, session_id: str, session: Session, backlog: Backlog, run: str = "") -> None:
        self.counters = Counters()
        self.backlog = backlog
        self.limits = ServerLimits()
        self.run = run
        self.tally = Tally()
        self._session_id = session_id
        self._session = session
        self._frames = FrameWindow()
        self._held: dict[int, _Pictures] = {}  # by seq, ascending
        # What is not committed yet of what was sent; bounded by the credit.
        self._sent: dict[int, _Sent] = {}
        self._given_up: dict[int, _GivenUp] = {}
        self._bare: set[int] = set()  # samples whose picture was too large
        self._answers = AnswerShare()
        self._holes = HoleSteps()
        self._refused_points = self._refused_before = 0
        self._there = SentPictures()

    @property
    def answers_wait(self) -> bool:
        """Whether so many answers to commands are not committed that no further command should be taken."""
        return self._answers.half_full

    def pictures_wanted(self, number: int) -> None:
        """The server says how often it found that it lacks a picture that was sent once: if again, each is sent anew."""
        self._there.wanted(number)

    def keep(self, record: Record, *, sendable: bool) -> None:
        """Number a record and keep it; `sendable`: its pictures have a chance to be seen."""
        if record.lane is Lane.ANSWER and self._answers.full:
            self.counters.dropped["answers"] += 1
            return
        seq = self._session.assign()
        unix_us = record.unix_us if isinstance(record, SmallRecord) else 0
        stamp = _wire.Stamp(self._session_id, seq, record.unix_ms, record.mono_us, unix_us)
        try:
            data = record.write(stamp)
        except Exception as error:  # a record of values that no protobuf field takes
            points = record.points if isinstance(record, (ColumnsRecord, RowRecord)) else 1
            self.counters.dropped["unwritable"] += points
            self._warn("unwritable", f"a record could not be written ({error})")
            data = self._tombstone(seq, _GivenUp("could not be written", points))
        if isinstance(record, BatchRecord):
            data += self._put_pictures_aside(seq, len(data), record, sendable)
        elif isinstance(record, (ColumnsRecord, RowRecord)):
            if record.images:
                data += self._strip(record.images, record.reason)
        elif isinstance(record, SampleRecord) and record.pictures is None:
            self.counters.stripped[record.reason] += 1
        elif may_be_too_large(data, self.limits):
            self._append_parts(data, record.lane)
            return
        calls = record.calls if isinstance(record, (ColumnsRecord, RowRecord)) else 1
        self._append(seq, data, record.lane, calls)

    def _append_parts(self, data: bytes, lane: Lane) -> None:
        """Keep a record that the server would not take as one in as many as are needed."""
        shortened: Shortened = []
        for place, part in enumerate(split_record(data, self.limits, shortened)):
            if place:
                part.seq = self._session.assign()
            self._append(part.seq, part.SerializeToString(), lane, 0 if place else 1)
        if shortened:
            self.counters.dropped["oversize"] += len(shortened)
            self._warn("oversize", f"{', '.join(shortened[:5])}, too large for the server")

    def _append(self, seq: int, data: bytes, lane: Lane, calls: int) -> None:
        self.tally.keep(seq, calls)
        if lane is Lane.ANSWER:
            self._answers.keep(seq, len(data))
        # The reserve is for how a run ends, too.
        critical = lane is Lane.CRITICAL or (lane is Lane.ANSWER and not self._answers.half_full)
        self.backlog.append(seq, data, critical=critical, thinnable=lane is Lane.POINT)

    def _warn(self, cause: str, what: str) -> None:
        run = f"run {self.run!r}" if self.run else "a run"
        warn_once_a_minute(
            f"{cause} {self._session_id}", f"livetrain left something out of {run}: {what}."
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
            kind = _kind(pieces[0]) if self._session.older_server else ""
            if self._session.older_server and kind not in _OLDER_PAYLOADS:
                if kind != "tombstone":  # what that stands for is counted
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
        if len(head) + sum(map(len, pieces)) > self.limits.message_bytes:
            mark = self._strip(pictures.count, pb.STRIP_REASON_OVERSIZE)
            self._sent[seq] = _Sent(len(head), pictures.count, pb.STRIP_REASON_OVERSIZE, True)
            return (head + mark,), False
        # A strip may have been encoded before it was known that an older server is there.
        readable = self.limits.accepts_strips or not isinstance(
            pictures.frame.pictures, _wire.Strip
        )
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
        if not self.limits.accepts_columns and _kind(kept) == "columns":
            return self._hole_for_older_server(seq, kept)
        if len(kept) <= self.limits.message_bytes:
            return kept
        # The server would end the stream for it, each time that it is sent.
        limit = f"{len(kept)} bytes, of which the server takes {self.limits.message_bytes} bytes"
        smaller = _wire.without_sample_picture(kept, f"too large: {limit}")
        if len(smaller) <= self.limits.message_bytes:
            if seq not in self._bare:
                self._bare.add(seq)
                self.counters.stripped[pb.STRIP_REASON_OVERSIZE] += 1
            return smaller
        self._give_up(seq, kept, "oversize", f"too large: {limit}")
        self._warn("oversize", f"a record that is too large: {limit}")
        return self._hole(seq, None)

    def _hole_for_older_server(self, seq: int, kept: bytes) -> bytes:
        """Give up columns that were kept before it was known that the server cannot read them."""
        self._give_up(seq, kept, "older_server", "the server is of an older release")
        self._warn(
            "older_server",
            "numbers that were logged before the first contact with the server, which is of an older release and cannot read "
            "them; upgrade it to at least the release of this package",
        )
        return self._hole(seq, None)

    def _hole(self, seq: int, step: int | None) -> bytes:
        """Return what goes out in the place of a record that is gone."""
        if (pictures := self._held.pop(seq, None)) is not None:
            self._count(pictures)
        if (sent := self._sent.get(seq)) is not None:
            self._count_again(sent)
        gone = self._given_up.get(seq)
        return self._tombstone(
            seq, gone or _GivenUp(self.backlog.hole_reason(seq), first_step=step)
        )

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
        self._answers.commit(durable)
        self.tally.commit(durable)
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
        """Give up a record that the server refused: if it is to be sent again, a tombstone is sent in its place."""
        kept = dict(self.backlog.read(seq - 1, 1)).get(seq)
        if seq not in self._given_up:
            self._give_up(seq, kept, "rejected", f"refused by the server: {reason}")
        if (sent := self._sent.get(seq)) is not None:
            self._count_again(sent)
        self._warn("rejected", f"record {seq}, which the server refused: {reason}")

    def _give_up(self, seq: int, kept: bytes | None, counted_as: str, reason: str) -> None:
        """Leave a record out, and remember what it was and why as long as it may have to be told."""
        points, steps = 1, None
        if kept is not None:
            points, steps = _point_columns.points_in(kept), _point_columns.steps_of(kept)
        first, last = steps or (None, None)
        self.counters.dropped[counted_as] += points
        self._given_up[seq] = _GivenUp(reason[:_REASON_CHARS], points, first, last)
        self.backlog.replace(seq)

    def refuse(self, metric: str, points: int, reason: str) -> None:
        """Count points that the server would not take, which were not sent therefore."""
        self.counters.dropped["rejected"] += points
        self._warn(f"refused {reason}", f"points of the metric {metric!r}: {reason}")

    def lost(self, points: int) -> None:
        """Say that the line was full, as it is counted there."""
        self._warn(
            "outbox_full",
            f"{points} points or other records, because more came than fits into memory; the curves have a gap there",
        )

    def refused_points(self, count: int) -> None:
        """The server says how many points of this stream it did not store, because the run has too many metrics."""
        if count < self._refused_points:
            self._refused_before += self._refused_points  # a server that counts anew
        self._refused_points = count
        points = min(self._refused_before + count, _MOST_POINTS)
        if points <= self.counters.dropped["too_many_metrics"]:
            return
        self.counters.dropped["too_many_metrics"] = points
        self._warn(
            "too_many_metrics",
            f"the points of further metrics: a run may have {self.limits.metrics} different names on this server. "
            "What has a name already goes on",
        )

    def _count(self, pictures: _Pictures) -> None:
        self.counters.stripped[pictures.reason] += pictures.count

    def _count_again(self, sent: _Sent) -> None:
        if not sent.counted:
            sent.counted = True
            self.counters.stripped[sent.reason] += sent.count

    def _strip(self, count: int, reason: int) -> bytes:
        self.counters.stripped[reason] += count
        return _wire.stripped_mark(count, reason)

    def _tombstone(self, seq: int, gone: _GivenUp) -> bytes:
        unix_ms, mono_us = time.time_ns() // 1_000_000, time.monotonic_ns() // 1000
        stamp = _wire.Stamp(self._session_id, seq, unix_ms, mono_us)
        return _wire.tombstone(
            stamp, gone.reason, gone.records, step=gone.first_step, last_step=gone.last_step
        )


def _kind(record: _wire.Piece) -> str:
    return pb.TelemetryRequest.FromString(bytes(record)).WhichOneof("payload") or ""
