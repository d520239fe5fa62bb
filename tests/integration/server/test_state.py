"""What a run is said to be is what it was: attempts, ranks that were lost, clocks that differ, ends; after a restart too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

HOUR = 3600.0


def get(server: ServerProcess, path: str) -> Any:
    return httpx.get(server.http + path, timeout=30).raise_for_status().json()


def run_of(server: ServerProcess, name: str) -> dict[str, Any]:
    (row,) = [row for row in get(server, "/api/runs")["runs"] if row["name"] == name]
    return dict(get(server, f"/api/runs/{row['run_id']}"))


def status(seq: int, code: int, *, at: float = 0.0, **more: Any) -> pb.TelemetryRequest:
    update = pb.StatusUpdate(status=code, **more)  # type: ignore[arg-type]
    return pb.TelemetryRequest(
        seq=seq, timestamp_ms=int((at or time.time()) * 1000), status_update=update
    )


def loss(seq: int, step: int, value: float = 1.0, *, at: float = 0.0) -> pb.TelemetryRequest:
    when = int((at or time.time()) * 1000)
    scalars = pb.Scalars(step=step, values=[pb.Scalar(name="loss", value=value)])
    return pb.TelemetryRequest(seq=seq, timestamp_ms=when, scalars=scalars)


def batch(seq: int, step: int, *, at: float = 0.0) -> pb.TelemetryRequest:
    now = int((at or time.time()) * 1e6)
    data = pb.BatchData(step=step, batch_idx=step, batch_loss=1.0, logged_us=now)
    return pb.TelemetryRequest(seq=seq, timestamp_ms=now // 1000, batch_data=data)


def start(trainer: Trainer, name: str, **more: Any) -> None:
    answer = trainer.register(run_name=name, sent_us=time.time_ns() // 1000, **more)
    assert answer.success, answer.message
    trainer.open(rank=more.get("rank", 0))


# ---------------------------------------------------------------- attempts


def test_a_resumed_run_is_at_its_newest_step_and_tells_its_attempts(server: ServerProcess) -> None:
    with Trainer(server.grpc, stream_id="first") as first:
        start(first, "resumed")
        first.send(status(1, pb.RUNNING))
        for seq in range(2, 12):
            first.send(batch(seq, 990 + seq - 2))
        first.wait_durable(11)
        assert run_of(server, "resumed")["steps"] == 1000
        assert run_of(server, "resumed")["attempts"] == []
        session, token = first.session_id, first.token
    with Trainer(server.grpc, stream_id="second", session_id=session, token=token) as second:
        start(second, "resumed")
        second.send(status(1, pb.RUNNING))
        second.wait_durable(1)
        assert run_of(server, "resumed")["steps"] == 1000, "nothing was logged yet"
        for seq in range(2, 152):
            second.send(batch(seq, 500 + seq - 2))
        second.wait_durable(151)
        run = run_of(server, "resumed")
        attempts = [{"attempt": 1, "from_step": 990}, {"attempt": 2, "from_step": 500}]
        assert (run["steps"], run["attempts"]) == (650, attempts)
        with LiveViewer(server, run["run_id"], live.Hello()) as viewer:
            state = viewer.wait(lambda message: message.HasField("snapshot")).snapshot.state
            assert [(a.attempt, a.from_step) for a in state.attempts] == [(1, 990), (2, 500)]
            assert state.steps == 650
        second.send(status(152, pb.COMPLETED))
        second.wait_durable(152)


def test_a_reconnect_is_no_attempt_and_neither_is_a_start_that_logged_nothing(
    server: ServerProcess,
) -> None:
    with Trainer(server.grpc, stream_id="first") as first:
        start(first, "again")
        first.send(status(1, pb.RUNNING))
        first.send(batch(2, 0))
        first.wait_durable(2)
        session, token = first.session_id, first.token
    with Trainer(server.grpc, stream_id="first", session_id=session, token=token) as again:
        start(again, "again")
        again.send(batch(3, 1))
        again.wait_durable(3)
        token = again.token
    with Trainer(server.grpc, stream_id="second", session_id=session, token=token) as crashed:
        start(crashed, "again")
        crashed.send(status(1, pb.RUNNING))
        crashed.wait_durable(1)
    with Trainer(server.grpc, stream_id="third", session_id=session, token=token) as third:
        start(third, "again")
        third.send(batch(1, 1))
        third.wait_durable(1)
        found = {s["stream_id"]: s["attempt"] for s in run_of(server, "again")["streams"]}
        assert found["first"] == 1
        assert found["third"] == 2
        assert [a["from_step"] for a in run_of(server, "again")["attempts"]] == [0, 1]


def test_what_an_earlier_start_left_on_its_disk_does_not_speak_for_the_run(
    tmp_path: Path,
) -> None:
    """It comes late, takes its place among the attempts, and neither ends the run nor brings its step back."""
    began = time.time() - HOUR
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc, stream_id="first") as first:
            start(first, "late")
            first.send(batch(1, 0, at=began))
            first.wait_durable(1)
            session, token = first.session_id, first.token
        with Trainer(server.grpc, stream_id="third", session_id=session, token=token) as third:
            start(third, "late")
            third.send(batch(1, 500, at=began + 200))
            third.wait_durable(1)
            run_id = run_of(server, "late")["run_id"]
            with (
                LiveViewer(server, run_id, live.Hello()) as viewer,
                Trainer(server.grpc, stream_id="second", session_id=session, token=token) as late,
            ):
                known = viewer.wait(lambda message: message.HasField("snapshot")).snapshot
                start(late, "late", capabilities=["leftover"])
                late.send(status(1, pb.RUNNING, at=began + 100))
                late.send(loss(2, 900, at=began + 110))
                late.send(status(3, pb.FAILED, at=began + 120, message="ValueError: old"))
                late.wait_durable(3)
                run = run_of(server, "late")
                assert run["status"] == "running", run["message"]
                assert run["steps"] == 501
                found = {s["stream_id"]: s["attempt"] for s in run["streams"]}
                assert found == {"first": 1, "second": 2, "third": 3}
                assert [a["from_step"] for a in run["attempts"]] == [0, 900, 500]
                assert viewer.wait_closed() == 4000
            hello = live.Hello(epoch=known.epoch, offset=known.offset)
            with LiveViewer(server, run_id, hello) as viewer:
                anew = viewer.wait(lambda message: message.HasField("snapshot")).snapshot
                assert [a.from_step for a in anew.state.attempts] == [0, 900, 500]
            third.send(status(2, pb.COMPLETED, at=began + 300))
            third.wait_durable(2)
        assert run_of(server, "late")["status"] == "finished"
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        run = run_of(server, "late")
        assert (run["status"], run["steps"], len(run["attempts"])) == ("finished", 501, 3)
