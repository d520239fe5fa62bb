"""The stream's thread on a connection that is a list: what goes into which message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from livetrain import _records, _warnings, _wire
from livetrain._delivery.bundle import Bundle
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.line import BatchRecord, Lane, SmallRecord
from livetrain._delivery.listener import Listener
from livetrain._delivery.outbox import Outbox
from livetrain._delivery.session import Session
from livetrain._delivery.stream import Stream
from livetrain._delivery.transport import Reply, Report, Response
from livetrain._spool.spool import Spool
from livetrain.proto import telemetry_pb2 as pb

PICTURES = _wire.EncodedFrame(_wire.Strip(bytes(100_000), "jpeg", 64, 64, 16, 1))


class Frame:
    def release(self) -> None: ...


MAX_STEP = 2**31 + 1000


class Server:
    """Takes everything and acknowledges it at once."""

    def __init__(self, version: int = 1, *, columns: bool = True, refused: int = 0) -> None:
        self.version = version
        self.columns = columns
        self.refused = (
            refused  # the record that it never takes, and puts a tombstone in the place of
        )
        self.refused_points = 0
        self.registrations = 0
        self.acknowledges = True
        self.messages: list[pb.TelemetryRequest] = []
        self._deliver: Callable[[Report], None]

    def connect(self, deliver: Callable[[Report], None]) -> Server:
        self._deliver = deliver
        return self

    def register(self, info: pb.SessionInfo, timeout: float) -> None:
        self.registrations += 1
        config = pb.ServerConfig(
            credit_bytes=1 << 20,
            max_message_bytes=200_000,
            accepts_strips=self.version > 0,
            accepts_columns=self.columns and self.version > 0,
            max_step=MAX_STEP,
        )
        self._deliver(
            Reply(
                pb.SessionResponse(
                    success=True, protocol_version=self.version, server_config=config
                )
            )
        )

    def open(self) -> None: ...

    def send(self, bundle: Bundle) -> None:
        message = bundle.message()
        assert len(message) <= 200_000
        request = pb.TelemetryRequest.FromString(message)
        self.messages.append(request)
        if not self.acknowledges:
            return
        last = max((record.seq for record in records_of(request)), default=0)
        if self.refused and last >= self.refused:
            error = pb.ErrorResponse(
                message="no such thing", rejected_seq=self.refused, replaced=True
            )
            self._deliver(Response(pb.TelemetryResponse(error=error)))
            self.refused = 0
        ack = pb.Acknowledgment(durable_seq=last, refused_points=self.refused_points)
        self._deliver(Response(pb.TelemetryResponse(ack=ack)))

    def half_close(self) -> None: ...

    def drop(self) -> None: ...

    @property
    def data(self) -> list[list[pb.TelemetryRequest]]:
        """The records of each message that has numbered ones."""
        found = [records_of(message) for message in self.messages]
        return [records for records in found if records]


def records_of(message: pb.TelemetryRequest) -> list[pb.TelemetryRequest]:
    inner = (
        [pb.TelemetryRequest.FromString(raw) for raw in message.bundle.records]
        if message.HasField("bundle")
        else [message]
    )
    return [record for record in inner if record.seq]


class Trainer:
    def __init__(self, folder: Path, server: Server, max_bytes: int = 16 << 20) -> None:
        self.folder = folder
        info = pb.SessionInfo(
            session_id="run", stream_id="0", protocol_version=1, run_name="resnet"
        )
        session = Session(lambda attempt: 0.0)
        self.outbox = Outbox(max_bytes=max_bytes)
        self.ledger = ledger = Ledger("run", session, Spool.open(folder / "spool"), "resnet")
        self.stream = Stream(
            Identity(info), server.connect, self.outbox, ledger, session, Listener(), "nowhere:1"
        )

    @property
    def on_disk(self) -> int:
        """How many bytes of records are on the disk."""
        return sum(path.stat().st_size for path in self.folder.glob("spool/*.seg"))

    def scalar(self, step: int) -> None:
        self.outbox.put(SmallRecord(_records.scalars(step, {"a": 1.0}), Lane.POINT, 0, 0))

    def batch(self, step: int) -> None:
        record = BatchRecord(
            lambda: _wire.Batch(step, 0, 0, 16, 0.5, None, 0),
            Frame(),
            reason=pb.STRIP_REASON_NONE,
            images=16,
            unix_ms=0,
            mono_us=0,
            line=self.outbox,
        )
        self.outbox.put(record)
        record.done(PICTURES)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def trainer(tmp_path: Path, server: Server) -> Iterator[Trainer]:
    trainer = Trainer(tmp_path, server)
    yield trainer
    trainer.stream.close(5.0, 5.0)
    assert threading.active_count() == 1


def test_small_records_travel_many_in_one_message(trainer: Trainer, server: Server) -> None:
    for step in range(2000):
        trainer.scalar(step)
    trainer.stream.start()
    assert trainer.stream.flush(20)
    assert sum(map(len, server.data)) == 2000
    assert len(server.data) <= 5
    assert [record.seq for records in server.data for record in records] == list(range(1, 2001))


@pytest.mark.parametrize("first", ["scalar", "batch"])
def test_a_scalar_travels_with_the_pictures_of_its_step(
    trainer: Trainer, server: Server, first: str
) -> None:
    for step in range(20):
        for log in (trainer.scalar, trainer.batch)[:: 1 if first == "scalar" else -1]:
            log(step)
        if step == 0:
            trainer.stream.start()
        assert trainer.stream.flush(20)
    with_pictures = [
        records for records in server.data if any(r.batch_data.HasField("strip") for r in records)
    ]
    assert len(with_pictures) >= 15, "pictures were left out"
    assert len(server.data) <= 21, "a scalar had a message of its own"
    assert [record.seq for records in server.data for record in records] == list(range(1, 41))


def test_a_message_keeps_to_the_servers_limit(trainer: Trainer, server: Server) -> None:
    text = "x" * 9000
    for step in range(40):
        trainer.outbox.put(SmallRecord(_records.log("info", text), Lane.DURABLE, 0, 0))
        trainer.batch(step)
    trainer.stream.start()
    assert trainer.stream.flush(20)
    assert sum(map(len, server.data)) == 80


def test_what_is_committed_at_once_costs_no_disk(trainer: Trainer, server: Server) -> None:
    trainer.stream.start()
    for step in range(200):
        trainer.scalar(step)
        assert trainer.stream.flush(20)
    assert trainer.on_disk == 0


def test_what_is_not_committed_in_time_is_on_the_disk(trainer: Trainer, server: Server) -> None:
    trainer.stream.start()
    trainer.scalar(0)
    assert trainer.stream.flush(20)
    before = trainer.on_disk  # the first record, if it came before the connection
    server.acknowledges = False
    trainer.scalar(1)
    began = time.monotonic()
    while trainer.on_disk <= before:
        assert time.monotonic() - began < 2.0, "a kill would take it along"
    server.acknowledges = True
    trainer.scalar(2)
    assert trainer.stream.flush(20)


def test_an_older_server_gets_one_record_a_message(tmp_path: Path) -> None:
    server = Server(version=0)
    trainer = Trainer(tmp_path, server)
    for step in range(10):
        trainer.batch(step)
        trainer.scalar(step)
    trainer.stream.start()
    assert trainer.stream.flush(20)
    trainer.stream.close(0.1, 0.1)
    assert [len(records) for records in server.data] == [1] * 10
    assert all(record.HasField("batch_data") for (record,) in server.data)
    assert not any(record.batch_data.HasField("strip") for (record,) in server.data)


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Said:
    """What is said from here on; a minute begins with it."""
    monkeypatch.setattr(_warnings, "_last", {})
    return Said(caplog)


class Said(list[str]):
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def __iter__(self) -> Iterator[str]:
        return (record.getMessage() for record in self._caplog.records)


def payloads(server: Server) -> list[str]:
    return [record.WhichOneof("payload") or "" for records in server.data for record in records]


def numbers(trainer: Trainer, steps: range) -> None:
    for step in steps:
        trainer.outbox.put_numbers(step, {"a": step / 2}, 0)


def test_numbers_that_wait_travel_as_columns(trainer: Trainer, server: Server) -> None:
    numbers(trainer, range(900))
    trainer.stream.start()
    assert trainer.stream.flush(20)
    ((record,),) = server.data
    (column,) = record.columns.columns
    assert np.frombuffer(column.steps, "<i8").tolist() == list(range(900))
    assert (trainer.ledger.tally.kept, trainer.ledger.tally.waiting) == (900, 0)


def test_a_server_that_reads_no_columns_gets_a_record_for_each_row(
    tmp_path: Path, warned: Said
) -> None:
    server = Server(columns=False)
    trainer = Trainer(tmp_path, server)
    trainer.stream.start()
    numbers(trainer, range(1))
    assert trainer.stream.flush(20)
    numbers(trainer, range(1, 50))
    assert trainer.stream.flush(20)
    trainer.stream.close(5.0, 5.0)
    assert payloads(server) == ["scalars"] * 50
    assert list(warned) == []


def test_columns_of_before_the_contact_cost_themselves_on_a_server_that_reads_none(
    tmp_path: Path, warned: Said
) -> None:
    server = Server(columns=False)
    trainer = Trainer(tmp_path, server)
    numbers(trainer, range(100, 150))
    trainer.scalar(7)
    trainer.stream.start()
    assert trainer.stream.flush(20)
    trainer.stream.close(5.0, 5.0)
    ((tombstone, scalar),) = server.data
    assert tombstone.tombstone == pb.Tombstone(
        reason="the server is of an older release", records=50, step=100, last_step=149
    )
    assert scalar.scalars.step == 7
    assert trainer.stream.counters.dropped == {"older_server": 50}
    (said,) = warned
    assert "resnet" in said
    assert "upgrade" in said


def test_a_record_that_the_server_replaced_costs_itself_alone(tmp_path: Path, warned: Said) -> None:
    server = Server(refused=2)
    trainer = Trainer(tmp_path, server)
    trainer.scalar(1)
    numbers(trainer, range(100, 150))
    trainer.scalar(7)
    trainer.stream.start()
    assert trainer.stream.flush(20)
    trainer.scalar(8)
    assert trainer.stream.flush(20)
    trainer.stream.close(5.0, 5.0)
    assert server.registrations == 1
    assert payloads(server) == ["scalars", "columns", "scalars", "scalars"]
    assert trainer.stream.counters.dropped == {"rejected": 50}
    assert trainer.stream.session.reconnects == 0
    (said,) = warned
    assert all(word in said for word in ("resnet", "record 2", "no such thing"))


def test_points_of_too_many_metrics_are_counted_and_said_once(tmp_path: Path, warned: Said) -> None:
    server = Server()
    trainer = Trainer(tmp_path, server)
    trainer.stream.start()
    for refused in (0, 3, 3, 10, 2):  # the last of them is of a server that counts anew
        server.refused_points = refused
        trainer.scalar(1)
        assert trainer.stream.flush(20)
    trainer.stream.close(5.0, 5.0)
    assert trainer.stream.counters.dropped == {"too_many_metrics": 12}
    (said,) = warned
    assert "resnet" in said
    assert "200000" in said


def test_steps_beyond_the_servers_last_cost_themselves(tmp_path: Path, warned: Said) -> None:
    server = Server()
    trainer = Trainer(tmp_path, server)
    trainer.stream.start()
    trainer.scalar(1)
    assert trainer.stream.flush(20)  # now the limit is known
    numbers(trainer, range(MAX_STEP - 5, MAX_STEP + 5))
    assert trainer.stream.flush(20)
    trainer.stream.close(5.0, 5.0)
    steps = np.frombuffer(server.data[-1][-1].columns.columns[0].steps, "<i8")
    assert steps.tolist() == list(range(MAX_STEP - 5, MAX_STEP + 1))
    assert trainer.stream.counters.dropped == {"rejected": 4}
    (said,) = warned
    assert all(word in said for word in ("resnet", "'a'", f"step {MAX_STEP + 1}", f"{MAX_STEP}"))


def test_what_found_no_room_leaves_a_gap_and_is_said(tmp_path: Path, warned: Said) -> None:
    server = Server()
    trainer = Trainer(tmp_path, server, max_bytes=200_000)
    numbers(trainer, range(20_000))
    trainer.stream.start()
    assert not trainer.stream.flush(20)
    assert not trainer.stream.close(5.0, 5.0)
    dropped = trainer.outbox.dropped["outbox_full"]
    assert dropped > 10_000
    (gap, *kept) = [record for records in server.data for record in records]
    assert gap.tombstone.records == dropped
    assert (gap.tombstone.step, gap.tombstone.last_step) == (0, dropped - 1)
    found = [
        step
        for record in kept
        for step in np.frombuffer(record.columns.columns[0].steps, "<i8").tolist()
    ]
    assert found == list(range(dropped, 20_000)), "the newest are there"
    (said,) = warned
    assert "resnet" in said
    assert str(dropped) in said


def test_what_is_left_at_the_end_is_said_with_its_place(tmp_path: Path, warned: Said) -> None:
    server = Server()
    trainer = Trainer(tmp_path, server)
    trainer.stream.start()
    trainer.scalar(1)
    assert trainer.stream.flush(20)
    server.acknowledges = False
    numbers(trainer, range(300))
    assert not trainer.stream.close(0.3, 0.3)
    (said,) = warned
    assert said.startswith("300 records of run 'resnet' did not reach the livetrain server in time")
    assert str(tmp_path / "spool") in said
    assert "livetrain sync" in said
