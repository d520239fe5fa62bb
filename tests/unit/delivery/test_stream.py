"""The stream's thread on a connection that is a list: what goes into which message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livetrain import _records, _wire
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


class Server:
    """Takes everything and acknowledges it at once."""

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.acknowledges = True
        self.messages: list[pb.TelemetryRequest] = []
        self._deliver: Callable[[Report], None]

    def connect(self, deliver: Callable[[Report], None]) -> Server:
        self._deliver = deliver
        return self

    def register(self, info: pb.SessionInfo, timeout: float) -> None:
        config = pb.ServerConfig(
            credit_bytes=1 << 20, max_message_bytes=200_000, accepts_strips=self.version > 0
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
        self._deliver(Response(pb.TelemetryResponse(ack=pb.Acknowledgment(durable_seq=last))))

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
    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        info = pb.SessionInfo(session_id="run", stream_id="0", protocol_version=1)
        session = Session(lambda attempt: 0.0)
        self.outbox = Outbox()
        ledger = Ledger("run", session, Spool.open(folder / "spool"))
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
