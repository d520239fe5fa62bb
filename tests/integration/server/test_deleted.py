"""A deleted run is gone: from every answer, from memory, and from the files, the write-ahead log among them."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

SECRET = "hunter2-is-a-secret"
NO_SUCH_RUN = 4004


def test_nothing_of_a_deleted_run_is_left_in_any_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        with Trainer(server.grpc) as trainer, Trainer(server.grpc) as other:
            run_id = trainer.register(
                run_name=SECRET, config=pb.TrainingConfig(config_json=f'{{"key": "{SECRET}"}}')
            ).run_id
            trainer.open()
            for seq in range(1, 200):
                text = f"{SECRET} {seq} " * 20
                trainer.send(
                    pb.TelemetryRequest(seq=seq, log=pb.Log(message=text), timestamp_ms=seq)
                )
            trainer.wait_durable(199)
            assert any(SECRET.encode() in path.read_bytes() for path in data.iterdir())
            other.register()
            other.open()
            other.batch(1)
            other.wait_durable(1)
            assert httpx.delete(f"{server.http}/api/runs/{run_id}").status_code == 204
            until(
                lambda: [p.name for p in data.iterdir() if SECRET.encode() in p.read_bytes()] == [],
                "its text to be in no file",
                10.0,
            )
            other.batch(2)
            other.wait_durable(2)
        # What a file of the log had before it was cut is in no other file either.
        assert not any(SECRET.encode() in p.read_bytes() for p in data.iterdir() if p.is_file())


def test_a_viewer_that_says_hello_late_sees_nothing_of_a_deleted_run(
    shared_server: ServerProcess,
) -> None:
    with Trainer(shared_server.grpc) as trainer:
        run_id = trainer.register(run_name=SECRET).run_id
        trainer.open()
        trainer.batch(1)
        trainer.wait_durable(1)
    hello = live.ViewerMessage(hello=live.Hello()).SerializeToString()
    address = f"{shared_server.live}/api/runs/{run_id}/live"
    with connect(address) as late, LiveViewer(shared_server, run_id, live.Hello()) as early:
        early.wait(lambda m: m.HasField("snapshot"))
        assert httpx.delete(f"{shared_server.http}/api/runs/{run_id}").status_code == 204
        late.send(hello)
        with pytest.raises(ConnectionClosed) as closed:
            late.recv(timeout=20)  # it is told nothing
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == NO_SUCH_RUN
        while early.read() is not None:
            pass
    assert early.close_code == NO_SUCH_RUN
    # Nobody brings it back, however often it is asked for.
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        for route in ("", "/events", "/metrics", "/commands", "/samples"):
            answer = httpx.get(f"{shared_server.http}/api/runs/{run_id}{route}")
            assert answer.status_code == 404
