"""Times are by the server's clock, whatever clock a trainer has and however late its records come; ends are kept as they were."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.runs import batch, get, loss, run_of, start, status
from tests.integration.server.texts import Texts
from tests.integration.server.trainer import TELEMETRY, Trainer
from tests.integration.server.viewer import LiveViewer

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb

HOUR = 3600.0


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, 40 * 365 * 24 * HOUR, -50 * 365 * 24 * HOUR])
def test_a_trainers_wrong_clock_is_set_right_everywhere(
    server: ServerProcess, ahead: float
) -> None:
    began = time.time()
    name = f"clock {ahead}"
    with Trainer(server.grpc) as trainer:
        sent_us = int((time.time() + ahead) * 1e6)
        assert trainer.register(run_name=name, sent_us=sent_us).success
        trainer.open()
        trainer.send(status(1, pb.RUNNING, at=time.time() + ahead))
        trainer.send(loss(2, 0, at=time.time() + ahead))
        trainer.send(batch(3, 1, at=time.time() + ahead))
        trainer.send(status(4, pb.COMPLETED, at=time.time() + ahead))
        trainer.wait_durable(4)
    ended = time.time()
    run = run_of(server, name)
    for time_of in ("created_at", "started_at", "ended_at"):
        assert began - 2 <= run[time_of] <= ended + 2, time_of
    assert run["clock_offset"] == pytest.approx(ahead, abs=2)
    assert 0 <= run["duration"] <= ended - began + 2
    curve = get(server, f"/api/runs/{run['run_id']}/metrics?names=loss")["metrics"]["loss"]
    assert all(began - 2 <= at <= ended + 2 for at in curve["times"])
    with LiveViewer(server, run["run_id"], live.Hello()) as viewer:
        snapshot = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
        assert snapshot.state.first_point_us / 1e6 == pytest.approx(run["started_at"])
        assert snapshot.state.clock_offset_us / 1e6 == pytest.approx(ahead, abs=2)
        assert len(snapshot.recent) == 2
        for event in snapshot.recent:
            own = event.record.timestamp_ms / 1e3 - event.clock_offset_us / 1e6
            assert began - 2 <= own <= ended + 2
    for event in get(server, f"/api/runs/{run['run_id']}/events")["events"]:
        assert began - 2 <= event["time"] <= ended + 2


@pytest.mark.parametrize("at", [1.0, 32_503_680_000.0, 1e15])
def test_a_time_that_makes_no_sense_breaks_nothing(server: ServerProcess, at: float) -> None:
    with Trainer(server.grpc) as trainer:
        start(trainer, f"nonsense {at}")
        began = time.time()
        trainer.send(loss(1, 0, at=at))
        trainer.send(status(2, pb.COMPLETED, at=at))
        trainer.wait_durable(2)
    run = run_of(server, f"nonsense {at}")
    times = [run["started_at"], run["ended_at"]]
    times += get(server, f"/api/runs/{run['run_id']}/metrics")["metrics"]["loss"]["times"]
    assert all(began - 2 <= one <= time.time() + 2 for one in times), times


def test_a_run_that_is_synced_later_shows_when_it_ran(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    began = time.time()
    code = (
        "import livetrain, sys, os, time\n"
        "with livetrain.Monitor('away') as monitor:\n"
        "    for step in range(5):\n"
        "        monitor.log({'loss': 1.0}, step=step)\n"
        "killed = livetrain.Monitor('killed')\n"
        "killed.log({'loss': 1.0}, step=0)\n"
        "killed.flush(10)\n"
        "time.sleep(0.5)\n"
        "os._exit(1)\n"
    )
    env = {**os.environ, "LIVETRAIN_MODE": "offline", "LIVETRAIN_SPOOL_DIR": str(spool)}
    subprocess.run([sys.executable, "-c", code], env=env, check=False, timeout=120)
    ended = time.time()
    time.sleep(6)  # longer than anything is allowed to differ below
    with ServerProcess(tmp_path / "data") as server:
        cli = [sys.executable, "-c", "from livetrain.cli import main; main()"]
        sync = [*cli, "sync", "--server", server.grpc]
        subprocess.run([*sync, "--spool-dir", str(spool)], check=True, timeout=120)
        for name, word in (("away", "ended"), ("killed", "lost")):
            run = run_of(server, name)
            assert run["contact"] == word
            for time_of in ("created_at", "started_at", "last_heard_at"):
                assert began - 2 <= run[time_of] <= ended + 2, (name, time_of)
            assert run["duration"] < ended - began + 2
        assert run_of(server, "away")["status"] == "finished"
        assert began - 2 <= run_of(server, "away")["ended_at"] <= ended + 2


def test_how_a_run_failed_is_kept(tmp_path: Path) -> None:
    traceback = 'Traceback (most recent call last):\n  File "x.py"\nValueError: no\n'
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc) as trainer:
            start(trainer, "failed")
            failed = {"message": "ValueError: no", "traceback": traceback, "exit_code": 1}
            trainer.send(status(1, pb.FAILED, **failed))
            trainer.wait_durable(1)
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        run = run_of(server, "failed")
        assert (run["traceback"], run["exit_code"]) == (traceback, 1)
        with LiveViewer(server, run["run_id"], live.Hello()) as viewer:
            snapshot = viewer.wait(lambda m: m.HasField("snapshot")).snapshot
            assert snapshot.state.traceback == traceback


def test_an_older_client_that_closes_its_stream_is_finished_and_its_next_training_another_run(
    server: ServerProcess,
) -> None:
    def train(name: str, *, register: bool = True, batches: int = 3) -> Trainer:
        trainer = Trainer(server.grpc, service=TELEMETRY, protocol=0, session_id="train_001")
        if register:
            assert trainer.register(config=pb.TrainingConfig(model_name=name)).success
        trainer.open()
        for index in range(batches):
            data = pb.BatchData(batch_idx=index, batch_loss=0.5)
            trainer.send(pb.TelemetryRequest(batch_data=data))
        trainer.wait(lambda: len(trainer.acks) >= batches, "acknowledgements")
        return trainer

    with train("one") as trainer:
        trainer.finish()
    until(lambda: run_of(server, "one")["status"] == "finished", "the first run to be finished")
    with train("one", register=False, batches=2) as trainer:
        assert run_of(server, "one")["status"] == "running", "it came back after all"
        assert run_of(server, "one")["steps"] == 5
        trainer.finish()
    with train("two") as trainer:  # at once
        assert run_of(server, "one")["status"] == "finished"
        assert run_of(server, "two")["steps"] == 3
        trainer.channel.close()  # broken, not closed
    with train("two") as trainer:
        assert run_of(server, "two")["steps"] == 6, "a reconnect goes on in the same run"
        trainer.finish()


def test_an_older_client_that_closed_its_stream_as_the_server_ended_is_finished(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc, service=TELEMETRY, protocol=0) as trainer:
            assert trainer.register(config=pb.TrainingConfig(model_name="last")).success
            trainer.open()
            trainer.send(pb.TelemetryRequest(batch_data=pb.BatchData(batch_loss=0.5)))
            trainer.wait(lambda: trainer.acks, "an acknowledgement")
            trainer.finish()
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        assert run_of(server, "last")["status"] == "finished"


@pytest.mark.parametrize("ahead", [0.0, HOUR, -HOUR])
def test_a_publisher_of_the_relay_with_a_wrong_clock_is_set_right(
    server: ServerProcess, ahead: float
) -> None:
    began = time.time()
    for step in range(3):
        data = {"step": step, "loss": 0.5, "epoch": 1, "timestamp": time.time() + ahead}
        client = Texts(server.relay)
        client.send(json.dumps({"type": "batch_metrics", "timestamp": "x", "data": data}))
        client.__exit__(None, None, None)

    def points() -> list[float]:
        runs = get(server, "/api/runs")["runs"]
        if not runs:
            return []
        curves = get(server, f"/api/runs/{runs[0]['run_id']}/metrics?names=loss")["metrics"]
        times = curves["loss"]["times"]
        return times if len(times) == 3 else []

    times = until(points, "three points")
    assert all(began - 3 <= at <= time.time() + 3 for at in times)


def test_what_a_dead_trainer_left_is_given_no_command_and_its_samples_keep_their_time(
    server: ServerProcess,
) -> None:
    began = time.time() - HOUR
    with Trainer(server.grpc, stream_id="living") as living:
        controls = [pb.ControlDeclaration(verb="pause")]
        start(living, "commanded", controls=controls)
        living.send(batch(1, 500))
        living.wait_durable(1)
        run_id = run_of(server, "commanded")["run_id"]
        dead = Trainer(
            server.grpc, stream_id="dead", session_id=living.session_id, token=living.token
        )
        with dead:
            start(dead, "commanded", capabilities=["leftover"])
            written = io.BytesIO()
            Image.new("RGB", (4, 4)).save(written, "PNG")
            picture = pb.ImageData(image_bytes=written.getvalue(), format="png")
            sample = pb.Sample(sample_id="old", image=picture, step=3)
            dead.send(pb.TelemetryRequest(seq=1, timestamp_ms=int(began * 1000), sample=sample))
            dead.wait_durable(1)
            url = f"{server.http}/api/runs/{run_id}/commands"
            assert httpx.post(url, json={"verb": "pause"}, timeout=30).status_code == 202
            living.wait(
                lambda: [r for r in living.responses if r.HasField("command")], "the command"
            )
            assert not [r for r in dead.responses if r.HasField("command")]
        (stored,) = get(server, f"/api/runs/{run_id}/samples")["samples"]
        assert stored["created_at"] == pytest.approx(began, abs=0.01)
        assert run_of(server, "commanded")["contact"] == "alive"


def test_ranks_that_were_lost_together_are_told_once_contact_is_lost(server: ServerProcess) -> None:
    """Nobody said an end: rank 0 was killed, and rank 1 finished alone."""
    with Trainer(server.grpc, stream_id="rank0") as zero:
        start(zero, "alone", world_size=2)
        zero.send(batch(1, 7))
        zero.wait_durable(1)
        with Trainer(server.grpc, stream_id="rank1", session_id=zero.session_id) as one:
            start(one, "alone", world_size=2, rank=1)
            one.send(batch(1, 7))
            one.wait_durable(1)
            zero.channel.close()
            one.send(status(2, pb.COMPLETED))
            one.wait_durable(2)
    until(lambda: run_of(server, "alone")["contact"] == "lost", "the contact to be lost")
    run = run_of(server, "alone")
    assert run["status"] == "running", "silence is never called an end"
    assert run["remarks"] == ["Rank 0 was lost at step 7."]
    assert [rank["status"] for rank in run["ranks"]] == ["lost", "finished"]
