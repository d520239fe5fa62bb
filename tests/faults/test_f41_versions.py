"""F41: an older client and the newer server, and the reverse."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import PIL.Image
import pytest

from livetrain.proto import telemetry_pb2 as pb
from tests.faults.conftest import Measure
from tests.faults.ledger import api, float32, read_store
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_undisturbed

BATCHES = 50


@pytest.mark.parametrize(
    ("service", "stream"),
    [
        ("telemetry.TelemetryService", "StreamTelemetry"),
        ("metrics.MetricsService", "StreamMetrics"),
    ],
)
def test_an_older_client_and_this_server(server: Server, service: str, stream: str) -> None:
    """It knows only the fields below 16, waits for each acknowledgement, and reads until the server ends."""
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    jpeg = buffer.getvalue()
    with grpc.insecure_channel(server.grpc) as channel:
        register = channel.unary_unary(f"/{service}/RegisterTrainingSession")
        info = pb.SessionInfo(session_id="older", client_name="older", timestamp_ms=1)
        response = pb.SessionResponse.FromString(register(info.SerializeToString(), timeout=10))
        assert response.success
        assert response.session_id == "older"
        outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        call = channel.stream_stream(f"/{service}/{stream}")(iter(outgoing.get, None), timeout=60)

        def send(**payload: Any) -> None:
            request = pb.TelemetryRequest(session_id="older", timestamp_ms=1, **payload)
            outgoing.put(request.SerializeToString())

        send(status_update=pb.StatusUpdate(status=pb.RUNNING))
        for number in range(BATCHES):
            batch = pb.BatchData(
                epoch=0, batch_idx=number, batch_loss=number / 64, batch_accuracy=0
            )
            for index in range(16):
                batch.images.add(image_bytes=jpeg, format="jpeg", width=8, height=8)
                batch.predictions.add(predicted_class=index, confidence=0.5)
            send(batch_data=batch)
            answer = pb.TelemetryResponse.FromString(next(call))
            assert answer.ack.batch_idx == number
            assert answer.ack.success
            assert answer.session_id == "older"
        send(heartbeat=pb.Heartbeat(timestamp_ms=1, sequence_number=1))
        send(epoch_data=pb.EpochData(epoch=0, average_loss=0.25))
        send(status_update=pb.StatusUpdate(status=pb.COMPLETED))
        outgoing.put(None)
        for data in call:  # to the end, which the server must make
            pb.TelemetryResponse.FromString(data)
        assert call.code() is grpc.StatusCode.OK
    (run,) = api(server, "/api/runs")["runs"]
    assert run["status"] == "finished"
    loss = api(server, f"/api/runs/{run['run_id']}/metrics?names=loss")["metrics"]["loss"]
    assert loss["steps"] == list(range(BATCHES))
    assert loss["values"] == [number / 64 for number in range(BATCHES)]


class OlderServer:
    """Knows the fields below 16 only, and one message at a time; cuts the rest away as an older parser would."""

    def __init__(self) -> None:
        self.batches: list[pb.BatchData] = []
        self.unknown: list[str] = []
        self.sessions: set[str] = set()

    def register(self, data: bytes, _: grpc.ServicerContext) -> bytes:
        info = pb.SessionInfo.FromString(data)
        self.sessions.add(info.session_id)
        config = pb.ServerConfig(
            max_batch_size=16, max_image_dimension=512, heartbeat_interval_ms=2000, buffer_size=1000
        )
        return pb.SessionResponse(
            success=True, session_id=info.session_id, message="welcome", server_config=config
        ).SerializeToString()

    def stream(self, messages: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        for data in messages:
            request = pb.TelemetryRequest.FromString(data)
            match request.WhichOneof("payload"):
                case "batch_data":
                    self.batches.append(request.batch_data)
                    ack = pb.Acknowledgment(batch_idx=request.batch_data.batch_idx, success=True)
                    yield pb.TelemetryResponse(
                        session_id=request.session_id, ack=ack
                    ).SerializeToString()
                case "epoch_data" | "performance_data" | "status_update" | "heartbeat":
                    pass
                case other:
                    self.unknown.append(str(other))


@pytest.fixture
def older() -> Iterator[tuple[OlderServer, str]]:
    """An older server, under the name that this package's clients call."""
    served = OlderServer()
    handlers = {
        "RegisterTrainingSession": grpc.unary_unary_rpc_method_handler(served.register),
        "StreamTelemetry": grpc.stream_stream_rpc_method_handler(served.stream),
    }
    server = grpc.server(futures.ThreadPoolExecutor(8))
    for name in ("livetrain.v1.TelemetryService", "telemetry.TelemetryService"):
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield served, f"127.0.0.1:{port}"
    stopped: threading.Event = server.stop(0)
    stopped.wait(10)


def test_this_client_and_an_older_server(
    folder: Path, older: tuple[OlderServer, str], seed: int, measure: Measure
) -> None:
    served, address = older
    trainer = Trainer(folder, address, steps=100, seed=seed, flush=5.0)
    assert_undisturbed(trainer, measure)
    assert not served.unknown, f"an older server was sent {set(served.unknown)}"
    steps = [entry for entry in trainer.entries() if "step" in entry]
    assert [batch.batch_loss for batch in served.batches] == [float32(s["loss"]) for s in steps]
    with_images = [batch for batch in served.batches if batch.images]
    assert with_images, "an older server never saw an image"
    assert all(len(batch.images) == 16 for batch in with_images)
    assert not any(batch.HasField("strip") for batch in served.batches)


def test_a_server_that_gets_newer_under_a_running_training(
    folder: Path, older: tuple[OlderServer, str], server: Server, seed: int, measure: Measure
) -> None:
    from tests.faults.proxy import Proxy

    served, address = older
    with Proxy(int(address.rpartition(":")[2])) as proxy:
        trainer = Trainer(folder, proxy.address, steps=0, seed=seed, flush=15.0)
        trainer.wait_for_steps(50, 20)
        proxy.upstream = server.grpc_port
        proxy.reset_all()
        trainer.wait_for_steps(trainer.steps + 50, 20)
        trainer.finish()
        assert_undisturbed(trainer, measure)
    (stream,) = read_store(server.data_dir)
    seen = {batch.step for batch in served.batches} | set(stream.batches)
    assert seen >= set(range(trainer.steps)) - set(range(stream.seqs[0] // 2 + 1))
