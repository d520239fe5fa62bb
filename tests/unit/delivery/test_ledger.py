"""The ledger: what is kept, what goes out, and what becomes of pictures that find no room."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from livetrain import _records, _wire
from livetrain._delivery.actions import Open, Register
from livetrain._delivery.answers import Acknowledged, Registered
from livetrain._delivery.columns import ColumnsRecord
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.line import BatchRecord, Lane, SampleRecord, SmallRecord
from livetrain._delivery.outbox import Outbox
from livetrain._delivery.server_limits import ServerLimits
from livetrain._delivery.session import Session
from livetrain._point_columns import Column, PointThinner
from livetrain._spool.spool import Spool, SpoolLimits
from livetrain.proto import telemetry_pb2 as pb

ROOM = 1 << 20


class Frame:
    def release(self) -> None: ...


class Desk:
    """A ledger on a spool of its own, with a session that streams."""

    def __init__(
        self, folder: Path, *, version: int = 1, limits: SpoolLimits | None = None
    ) -> None:
        self.session = Session(lambda attempt: 0.0)
        assert self.session.next(0.0) == Register()
        self.ledger = Ledger(
            "run", self.session, Spool.open(folder / "spool", limits, thinner=PointThinner())
        )
        self._let_in(version, 0)

    def sample(self, pictures: _wire.EncodedFrame | None) -> None:
        """Keep a sample with its picture; None: the encoder left it out."""
        write = _records.sample("s", "a cat", "default", 7, 0)
        record = SampleRecord(write, Frame(), unix_ms=0, mono_us=0, line=Outbox())
        if pictures is None:
            record.strip(pb.STRIP_REASON_SUPERSEDED)
        else:
            record.done(pictures)
        self.ledger.keep(record, sendable=True)

    def reconnect(self, durable: int = 0) -> None:
        """Come back after a loss, to a server that committed so many records."""
        while self.session.next(100.0) != Register():
            pass
        self._let_in(1, durable)

    def _let_in(self, version: int, durable: int) -> None:
        reply = Registered(version, durable, "e", ROOM, 2.0)
        self.session.registered(0.0, reply, first_seq=self.ledger.backlog.first_seq)
        self.ledger.resumed(0.0)
        assert self.session.next(0.0) == Open()
        self.session.opened(0.0)

    def batch(
        self,
        *,
        size: int = 100,
        sendable: bool = True,
        frame: _wire.EncodedFrame | None = None,
    ) -> None:
        record = BatchRecord(
            lambda: _wire.Batch(0, 0, 0, 16, 0.5, None, 0),
            Frame(),
            reason=pb.STRIP_REASON_NONE,
            images=16,
            unix_ms=0,
            mono_us=0,
            line=self,
        )
        strip = _wire.Strip(bytes(size), "jpeg", 8, 8, 16, 1)
        record.done(frame or _wire.EncodedFrame(strip))
        self.ledger.keep(record, sendable=sendable)

    def admit(self, picture_bytes: int) -> bool:
        return True

    def wake(self) -> None: ...

    def small(self, lane: Lane = Lane.DURABLE) -> None:
        writer = lambda stamp: _wire.scalars(stamp, 0, {"a": 1.0})  # noqa: E731
        self.ledger.keep(SmallRecord(writer, lane, 0, 0), sendable=True)

    def columns(self, rows: int) -> None:
        """Keep rows of a metric as one record."""
        steps = np.arange(rows, dtype="<i8").tobytes()
        column = Column("a", steps, steps, bytes(len(steps)))
        self.ledger.keep(ColumnsRecord([column], 0, None, 0, 0), sendable=True)

    def out(self) -> list[pb.TelemetryRequest]:
        sent = self.ledger.outgoing(self.session.sent_seq, ROOM)
        return [pb.TelemetryRequest.FromString(b"".join(record.pieces)) for record in sent]

    def acknowledge(self, seq: int, now: float) -> None:
        self.session.acknowledged(now, Acknowledged(seq))
        self.ledger.acknowledged(now)

    @property
    def stripped(self) -> dict[int, int]:
        return dict(self.ledger.counters.stripped)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_batch_goes_out_with_its_pictures_and_without_a_mark(desk: Desk) -> None:
    desk.batch()
    (request,) = desk.out()
    assert request.batch_data.strip.count == 16
    assert request.batch_data.batch_loss == 0.5
    assert request.frames_stripped == 0
    assert desk.stripped == {}


def test_what_is_sent_again_goes_without_pictures_and_says_why(desk: Desk) -> None:
    desk.batch()
    desk.out()
    desk.session.lost(1.0, "reset")
    desk.ledger.disconnected()
    (again,) = desk.out()
    assert not again.batch_data.HasField("strip")
    assert (again.frames_stripped, again.strip_reason) == (16, pb.STRIP_REASON_RECONNECT)
    assert again.batch_data.batch_loss == 0.5
    assert desk.stripped == {pb.STRIP_REASON_RECONNECT: 16}
    assert desk.ledger.counters.frames_sent == 1


def test_what_is_sent_a_third_time_is_counted_once(desk: Desk) -> None:
    desk.batch()
    for _ in range(3):
        desk.out()
        desk.session.lost(1.0, "reset")
        desk.ledger.disconnected()
        desk.reconnect()
    (again,) = desk.out()
    assert again.strip_reason == pb.STRIP_REASON_RECONNECT
    assert desk.stripped == {pb.STRIP_REASON_RECONNECT: 16}


def test_of_pictures_that_wait_the_newest_go(desk: Desk) -> None:
    for _ in range(3):
        desk.batch()
    shown = [request.batch_data.HasField("strip") for request in desk.out()]
    assert shown == [False, False, True], "one frame at a time until the link is known"
    assert desk.stripped == {pb.STRIP_REASON_SUPERSEDED: 32}


def test_while_a_frame_is_on_its_way_through_a_slow_link_the_next_is_left_out(desk: Desk) -> None:
    desk.batch()
    desk.out()
    desk.batch()
    (request,) = desk.out()
    assert (request.frames_stripped, request.strip_reason) == (16, pb.STRIP_REASON_SUPERSEDED)


def test_pictures_over_the_servers_limit_are_left_out_and_the_numbers_go(desk: Desk) -> None:
    desk.ledger.limits = ServerLimits(message_bytes=1000)
    desk.batch(size=2000)
    (request,) = desk.out()
    assert (request.frames_stripped, request.strip_reason) == (16, pb.STRIP_REASON_OVERSIZE)


def test_pictures_that_nobody_will_see_are_counted(desk: Desk) -> None:
    desk.batch(sendable=False)
    desk.session.lost(1.0, "reset")
    for _ in range(3):
        desk.batch()
    desk.ledger.close()
    assert desk.stripped == {pb.STRIP_REASON_OFFLINE: 64}


def test_the_newest_pictures_wait_for_the_server_to_come_back(desk: Desk) -> None:
    desk.session.lost(1.0, "reset")
    for _ in range(3):
        desk.batch()
        desk.ledger.disconnected()  # as with each try that fails
    desk.reconnect()
    shown = [request.batch_data.HasField("strip") for request in desk.out()]
    assert shown == [False, False, True]
    assert desk.stripped == {pb.STRIP_REASON_OFFLINE: 32}


@pytest.mark.parametrize("seed", range(40))
def test_the_store_says_of_each_picture_what_we_counted(tmp_path: Path, seed: int) -> None:
    """Sent, superseded, lost on the way, never sent: whatever happens, both sides tell the same by reason."""
    chance = random.Random(seed)
    desk = Desk(tmp_path)
    store: list[pb.TelemetryRequest] = []  # what is committed
    taken: list[pb.TelemetryRequest] = []  # what is on its way there
    produced, now = 0, 0.0
    for _ in range(300):
        now += 0.01
        what = chance.random()
        if what < 0.4:
            desk.batch(sendable=chance.random() < 0.95)
            produced += 16
        elif what < 0.7 and desk.session.connected:
            taken += desk.out()
        elif what < 0.9 and taken:
            count = chance.randint(1, len(taken))
            store += taken[:count]
            del taken[:count]
            if desk.session.connected:
                desk.acknowledge(store[-1].seq, now)
        elif what > 0.95:
            desk.session.lost(now, "reset")
            desk.ledger.disconnected()
            if chance.random() < 0.5:  # the server dies; else it commits what it took
                taken.clear()
            store += taken
            taken.clear()
            if chance.random() < 0.8:
                desk.reconnect(durable=store[-1].seq if store else 0)
    if not desk.session.connected:
        desk.reconnect(durable=store[-1].seq if store else 0)
    store += [*taken, *desk.out()]
    desk.ledger.close()
    assert [request.seq for request in store] == list(range(1, len(store) + 1))
    told: Counter[int] = Counter()
    for request in store:
        if request.frames_stripped:
            told[request.strip_reason] += request.frames_stripped
    assert dict(told) == desk.stripped
    shown = sum(request.batch_data.strip.count for request in store)
    assert shown + told.total() == produced


def test_a_record_over_the_servers_limit_is_given_up_before_it_kills_the_stream(desk: Desk) -> None:
    desk.ledger.limits = ServerLimits(message_bytes=1000)
    text = lambda stamp: _records.log("info", "x" * 2000)(stamp)  # noqa: E731
    desk.ledger.keep(SmallRecord(text, Lane.DURABLE, 0, 0), sendable=True)
    desk.small()
    first, second = desk.out()
    assert (first.seq, first.tombstone.records) == (1, 1)
    assert "1000 bytes" in first.tombstone.reason
    assert second.WhichOneof("payload") == "scalars"
    assert desk.ledger.counters.dropped == {"oversize": 1}
    desk.session.lost(1.0, "reset")
    desk.reconnect()
    assert desk.out()[0].WhichOneof("payload") == "tombstone"
    assert desk.ledger.counters.dropped == {"oversize": 1}


def test_a_sample_over_the_servers_limit_goes_without_its_picture(desk: Desk) -> None:
    desk.ledger.limits = ServerLimits(message_bytes=1000)
    tile = _wire.Tile(bytes(2000), "jpeg", 64, 64, 3)
    desk.sample(_wire.EncodedFrame((tile,)))
    (request,) = desk.out()
    assert (request.sample.prompt, request.sample.step) == ("a cat", 7)
    assert request.sample.image.image_bytes == b""
    assert "1000 bytes" in request.sample.image.error
    assert desk.stripped == {pb.STRIP_REASON_OVERSIZE: 1}


def test_a_sample_that_was_left_out_by_the_encoder_is_kept_with_the_reason_and_counted(
    desk: Desk,
) -> None:
    desk.sample(None)
    (request,) = desk.out()
    assert request.sample.prompt == "a cat"
    assert "in time" in request.sample.image.error
    assert desk.stripped == {pb.STRIP_REASON_SUPERSEDED: 1}


def test_a_limit_that_comes_later_holds_for_pictures_that_wait(desk: Desk) -> None:
    desk.batch(size=2000)
    desk.ledger.limits = ServerLimits(message_bytes=1000)
    for _ in range(2):
        (request,) = desk.out()
        assert (request.frames_stripped, request.strip_reason) == (16, pb.STRIP_REASON_OVERSIZE)
        desk.session.lost(1.0, "reset")
        desk.ledger.disconnected()
        desk.reconnect()
    assert desk.stripped == {pb.STRIP_REASON_OVERSIZE: 16}


def test_a_record_that_cannot_be_written_leaves_a_tombstone(desk: Desk) -> None:
    def fail(stamp: _wire.Stamp) -> bytes:
        raise ValueError("no")

    desk.ledger.keep(SmallRecord(fail, Lane.DURABLE, 0, 0), sendable=True)
    desk.small()
    first, second = desk.out()
    assert (first.seq, first.tombstone.records) == (1, 1)
    assert (second.seq, second.WhichOneof("payload")) == (2, "scalars")
    assert desk.ledger.counters.dropped == {"unwritable": 1}


def test_poison_is_sent_as_a_tombstone(desk: Desk) -> None:
    desk.small()
    desk.ledger.quarantine(1, "no")
    (request,) = desk.out()
    assert (request.seq, request.WhichOneof("payload")) == (1, "tombstone")


def test_what_is_committed_is_forgotten(desk: Desk) -> None:
    for _ in range(3):
        desk.small()
    assert [request.seq for request in desk.out()] == [1, 2, 3]
    desk.acknowledge(2, 0.1)
    assert desk.ledger.backlog.first_seq == 3


def test_an_older_server_gets_only_what_it_knows(tmp_path: Path) -> None:
    desk = Desk(tmp_path, version=0)
    desk.small()
    tile = _wire.Tile(b"a jpeg", "jpeg", 8, 8, 1)
    desk.batch(frame=_wire.EncodedFrame((tile,) * 16))
    scalars, batch = list(desk.ledger.outgoing(0, ROOM))
    assert scalars.pieces == ()
    assert len(pb.TelemetryRequest.FromString(b"".join(batch.pieces)).batch_data.images) == 16
    assert desk.ledger.counters.dropped == {"older_server": 1}
    assert desk.ledger.backlog.first_seq == 3, "sent is all that it promises"


def test_a_strip_that_was_encoded_before_the_server_was_known_to_be_older_is_not_sent(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, version=0)
    desk.batch()
    desk.ledger.limits = ServerLimits(accepts_strips=False)
    (batch,) = list(desk.ledger.outgoing(0, ROOM))
    sent = pb.TelemetryRequest.FromString(b"".join(batch.pieces)).batch_data
    assert (sent.batch_loss, sent.HasField("strip"), len(sent.images)) == (0.5, False, 0)
    assert desk.ledger.counters.frames_sent == 0
    assert desk.stripped == {pb.STRIP_REASON_SUPERSEDED: 16}


def followed(*hashes: int) -> _wire.EncodedFrame:
    return _wire.EncodedFrame(
        tuple(_wire.Tile(b"jpeg%d" % h, "jpeg", 8, 8, 3, content_hash=h) for h in hashes),
        predictions=(_wire.TilePrediction(1, "cat", 0.5),) * len(hashes),
    )


def test_a_picture_travels_once_a_connection_and_its_prediction_always(desk: Desk) -> None:
    def sent(*hashes: int) -> list[bytes]:
        desk.batch(frame=followed(*hashes))
        (request,) = desk.out()
        desk.acknowledge(request.seq, 0.0)
        assert len(request.batch_data.predictions) == len(hashes)
        assert [image.content_hash for image in request.batch_data.images] == list(hashes)
        return [image.image_bytes for image in request.batch_data.images]

    assert sent(1, 2) == [b"jpeg1", b"jpeg2"]
    assert sent(1, 2, 3) == [b"", b"", b"jpeg3"]
    desk.ledger.pictures_wanted(1)
    assert sent(1, 2) == [b"jpeg1", b"jpeg2"]
    desk.ledger.pictures_wanted(1)
    assert sent(1, 2) == [b"", b""]
    desk.session.lost(1.0, "reset")
    desk.ledger.disconnected()
    desk.reconnect(durable=4)
    assert sent(1, 2) == [b"jpeg1", b"jpeg2"]


def test_what_was_left_out_on_the_way_does_not_count_as_sent(desk: Desk) -> None:
    desk.batch(frame=followed(1))
    desk.batch(frame=followed(1))  # takes the place of the first
    first, second = desk.out()
    assert first.frames_stripped == 16
    assert second.batch_data.images[0].image_bytes == b"jpeg1"


@pytest.mark.parametrize("kind", ["scalars", "columns", "both"])
@pytest.mark.parametrize("memory_only", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_thinned_is_counted_what_the_server_gets_a_tombstone_for(
    tmp_path: Path, seed: int, memory_only: bool, kind: str
) -> None:
    chance = random.Random(seed)
    if memory_only:
        (tmp_path / "spool").write_text("in the way of the directory")
    size = 6_000 if kind == "scalars" else 24_000
    small = SpoolLimits(
        max_bytes=size,
        segment_bytes=size // 6,
        memory_bytes=size,
        reserve_bytes=0,
        fsync="never",
    )
    desk = Desk(tmp_path, limits=small)
    on_its_way: list[pb.TelemetryRequest] = []
    store: list[pb.TelemetryRequest] = []
    counted = logged = 0

    def log(most: int) -> None:
        nonlocal logged
        for _ in range(chance.randint(0, most)):
            rows = chance.randint(2, 40) if kind == "columns" or chance.random() < 0.3 else 1
            logged += rows
            if kind == "scalars" or rows == 1:
                logged -= rows - 1
                desk.small(Lane.POINT)
            else:
                desk.columns(rows)

    def arrive() -> None:
        on_its_way.extend(desk.out())
        count = chance.randint(0, len(on_its_way))
        store.extend(on_its_way[:count])
        del on_its_way[:count]

    for _ in range(80):
        log(60)
        desk.ledger.backlog.flush()
        match chance.choice("alll"):
            case "l":
                arrive()
            case "a":
                desk.acknowledge(len(store), 0.0)
        if chance.random() < 0.1:  # the connection ends; of what is on its way, some arrives
            arrive()
            on_its_way.clear()
            desk.session.lost(0.0, "gone")
            desk.ledger.disconnected()
            log(200)
            desk.reconnect(len(store))
        assert desk.ledger.backlog.thinned >= counted, "a counter fell"
        counted = desk.ledger.backlog.thinned
    store.extend(on_its_way)
    while desk.session.unacknowledged:
        store.extend(desk.out())
        desk.acknowledge(len(store), 0.0)
    assert [request.seq for request in store] == list(range(1, desk.session.last_seq + 1))
    gaps = sum(r.tombstone.records for r in store if r.HasField("tombstone"))
    assert desk.ledger.backlog.thinned == gaps > 0
    points = sum(len(c.steps) // 8 for r in store for c in r.columns.columns)
    assert points + sum(r.HasField("scalars") for r in store) + gaps == logged


def test_answers_have_a_share_of_the_spool_and_the_users_records_the_rest(tmp_path: Path) -> None:
    """A server that asks without end and commits nothing: every point, the status and the end are kept."""
    desk = Desk(tmp_path, limits=SpoolLimits(max_bytes=4 << 20, segment_bytes=256 << 10))
    answer = pb.TelemetryRequest(
        command_result=pb.CommandResult(command_id="c" * 200, message="x" * 1000)
    ).SerializeToString()

    def write(stamp: _wire.Stamp) -> bytes:
        return stamp.request().SerializeToString() + answer

    for step in range(2_000):
        for _ in range(10):
            desk.ledger.keep(SmallRecord(write, Lane.ANSWER, 0, 0), sendable=True)
        point = _records.scalars(step, {"loss": float(step)}, 0)
        desk.ledger.keep(SmallRecord(point, Lane.POINT, 0, 0), sendable=True)
    desk.ledger.keep(SmallRecord(_records.scalars(9, {}, 0), Lane.CRITICAL, 0, 0), sendable=True)
    backlog = desk.ledger.backlog
    kept = [pb.TelemetryRequest.FromString(data or b"") for _, data in backlog.read(0, 1 << 30)]
    answers = [record for record in kept if record.HasField("command_result")]
    assert sum(record.ByteSize() for record in answers) <= (1 << 20) + 2000
    assert len(answers) > 500
    assert sum(record.HasField("scalars") for record in kept) == 2_001
    assert backlog.thinned == 0
    assert desk.ledger.counters.dropped == {"answers": 20_000 - len(answers)}
