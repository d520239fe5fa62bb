"""A server that lies, floods or asks without end: the training goes on, and what it logged reaches the next honest server."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Self

import grpc
import pytest
from tests.faults.conditions import wait_until

import livetrain
from livetrain import _warnings
from livetrain._delivery.response_reader import ResponseReader
from livetrain.proto import telemetry_pb2 as pb

SERVICE = "livetrain.v1.TelemetryService"
LARGE = "x" * 2_000_000


class HostileServer:
    """Takes everything; what it says is a test's.

    Attributes:
        registered: makes its answer to a registration worse.
        says: what it says on a stream beside acknowledgements.
        honest: whether it acknowledges.
        points: the values of each metric ``loss`` that came, by step.
        results: what became of commands.
    """

    def __init__(
        self,
        registered: Callable[[pb.SessionResponse], None] = lambda answer: None,
        says: Callable[[], Iterator[pb.TelemetryResponse]] = lambda: iter(()),
        *,
        honest: bool = True,
    ) -> None:
        self._registered = registered
        self._says = says
        self.honest = honest
        self.points: dict[int, float] = {}
        self.results: list[pb.CommandResult] = []
        self.said = 0
        self._last = 0
        self._over = threading.Event()
        handlers = {
            "RegisterTrainingSession": grpc.unary_unary_rpc_method_handler(self._register),
            "StreamTelemetry": grpc.stream_stream_rpc_method_handler(self._stream),
        }
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def _register(self, data: bytes, _: grpc.ServicerContext) -> bytes:
        config = pb.ServerConfig(heartbeat_interval_ms=2000, credit_bytes=1 << 20)
        config.accepts_columns = True
        answer = pb.SessionResponse(
            success=True, protocol_version=1, run_id="r", server_config=config
        )
        answer.durable_seq = self._last
        self._registered(answer)
        return answer.SerializeToString()

    def _stream(self, messages: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        def read() -> None:
            try:
                for data in messages:
                    self._take(pb.TelemetryRequest.FromString(data))
            except grpc.RpcError:
                pass
            finally:
                gone.set()

        gone = threading.Event()
        threading.Thread(target=read, daemon=True).start()
        says = self._says()
        while not (gone.is_set() or self._over.is_set()):
            response = None if self.honest else next(says, None)
            if response is None:
                time.sleep(0.01)
                ack = pb.Acknowledgment(success=True)
                ack.durable_seq = self._last if self.honest else 0
                response = pb.TelemetryResponse(ack=ack)
            self.said += 1
            yield response.SerializeToString()

    def _take(self, message: pb.TelemetryRequest) -> None:
        inside = [pb.TelemetryRequest.FromString(raw) for raw in message.bundle.records]
        for record in inside or [message]:
            if record.seq:
                assert record.seq <= self._last + 1, "a record was left out"
                self._last = max(self._last, record.seq)
            if record.HasField("command_result"):
                self.results.append(record.command_result)
            assert not record.HasField("tombstone")
            for scalar in record.scalars.values:
                self.points[record.scalars.step] = scalar.value
            for column in record.columns.columns:
                steps = memoryview(column.steps).cast("q")
                values = memoryview(column.values).cast("d")
                self.points.update(zip(steps, values, strict=True))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.stop(0).wait(10)


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warnings, "_last", {})


def absurd_watermark(answer: pb.SessionResponse) -> None:
    answer.durable_seq = 2**64 - 1


def tiny_limits(answer: pb.SessionResponse) -> None:
    config = answer.server_config
    config.max_message_bytes = config.max_record_bytes = config.max_elements = 1
    config.max_records = config.max_name_chars = config.max_metrics = config.max_step = 1
    config.credit_bytes = 1


def endless_texts(answer: pb.SessionResponse) -> None:
    answer.resume_token = answer.run_id = answer.page_url = answer.server_epoch = LARGE[:1_000_000]


def endless_credit(answer: pb.SessionResponse) -> None:
    config = answer.server_config
    config.max_message_bytes = config.max_record_bytes = config.max_step = 2**64 - 1
    config.credit_bytes = answer.server_time_ms = 2**64 - 1
    config.max_elements = config.max_records = config.heartbeat_interval_ms = 2**32 - 1


@pytest.mark.parametrize(
    "lie", [absurd_watermark, tiny_limits, endless_texts, endless_credit], ids=lambda f: f.__name__
)
def test_a_lie_at_registration_costs_no_record(
    tmp_path: Path, lie: Callable[[pb.SessionResponse], None]
) -> None:
    with (
        HostileServer(lie) as server,
        livetrain.Monitor("r", server=server.address, spool_dir=tmp_path / "spool") as monitor,
    ):
        for step in range(300):
            monitor.log({"loss": float(step)}, step=step)
        wait_until(lambda: len(server.points) == 300, 15, "every point")
        monitor.log({"loss": 300.0}, step=300)
        assert monitor.flush(15)
        stats = monitor.stats()
        assert stats.dropped == {}
    assert server.points == {step: float(step) for step in range(301)}
    assert not list((tmp_path / "spool").glob("*/*.seg"))


def large_commands() -> Iterator[pb.TelemetryResponse]:
    for number in itertools.count():
        command = pb.ControlCommand(
            type=pb.ControlCommand.CUSTOM,
            command_id=f"{number}",
            verb="set",
            parameters={"learning_rate": LARGE},
        )
        if number % 3 == 0:
            command.command_id = LARGE
        yield pb.TelemetryResponse(command=command)


def small_commands() -> Iterator[pb.TelemetryResponse]:
    verbs = itertools.cycle(("fly", "resume", "set"))
    for number, verb in enumerate(verbs):
        command = pb.ControlCommand(
            type=pb.ControlCommand.CUSTOM, command_id=f"{number}", verb=verb
        )
        yield pb.TelemetryResponse(command=command)


def refusals() -> Iterator[pb.TelemetryResponse]:
    for number in itertools.count(1_000_000):
        error = pb.ErrorResponse(
            message="\x1b[2J" + LARGE[:1000], rejected_seq=number, replaced=True, retryable=True
        )
        error.retry_after_ms = 2**64 - 1
        yield pb.TelemetryResponse(error=error)


def remarks() -> Iterator[pb.TelemetryResponse]:
    error = pb.ErrorResponse(message="no", retryable=True, retry_after_ms=1)
    while True:
        yield pb.TelemetryResponse(error=error)


@pytest.mark.parametrize(
    "says", [large_commands, small_commands, refusals, remarks], ids=lambda f: f.__name__
)
def test_a_server_that_talks_without_end_takes_neither_room_nor_time(
    tmp_path: Path,
    says: Callable[[], Iterator[pb.TelemetryResponse]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[float] = []
    responded = ResponseReader.responded

    def count(self: ResponseReader, now: float, response: pb.TelemetryResponse) -> None:
        heard.append(now)
        responded(self, now, response)

    monkeypatch.setattr(ResponseReader, "responded", count)
    with (
        HostileServer(says=says, honest=False) as server,
        livetrain.Monitor("r", server=server.address, spool_dir=tmp_path / "spool") as monitor,
    ):
        wait_until(lambda: len(heard) > 5, 15, "it to talk")
        for step in range(500):
            monitor.log({"loss": float(step)}, step=step)
        wait_until(lambda: len(server.points) == 500 and len(heard) > 10, 30, "every point")
        seconds = time.monotonic() - heard[0]
        assert len(heard) <= 600 + 50 * seconds + 100
        queued = monitor.stats().queued_bytes
        assert queued < 3 << 20, "what it was told takes the user's room"
        server.honest = True
        assert monitor.flush(30)
        stats = monitor.stats()
        assert set(stats.dropped) <= {"commands", "answers"}
    assert server.points == {step: float(step) for step in range(500)}
    assert all(result.ByteSize() < 2000 for result in server.results)
    for record in caplog.records:
        assert record.getMessage().isprintable()
        assert len(record.getMessage()) < 2100
    assert len(caplog.records) < 10
