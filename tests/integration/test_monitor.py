"""The monitor against a real server: what was logged is what is stored, whatever happens to either side."""

from __future__ import annotations

import json
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.faults.conditions import wait_until
from tests.faults.processes import Server, free_port

import livetrain
from livetrain import _records, _warnings
from livetrain._delivery.transport import Endpoint
from livetrain._metric_names import metric_name
from livetrain._sync import leftovers, upload

IMAGES = np.random.default_rng(1).integers(0, 255, (16, 24, 24, 3), dtype=np.uint8)
LOGITS = np.eye(16, 10) * 5


class SharedServer(Server):
    """A server of which each test sees the runs that it made itself; one that it kills it starts again."""

    earlier: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    with SharedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def server(running_server: SharedServer) -> SharedServer:
    known = get(running_server, "/api/runs")["runs"]
    running_server.earlier = frozenset(run["run_id"] for run in known)
    return running_server


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warnings, "_last", {})


def get(server: Server, path: str) -> Any:
    with urllib.request.urlopen(server.http + path, timeout=10) as answer:
        return json.load(answer)


def own_runs(server: SharedServer) -> list[dict[str, Any]]:
    runs = get(server, "/api/runs")["runs"]
    return [run for run in runs if run["run_id"] not in server.earlier]


def only_run(server: SharedServer) -> dict[str, Any]:
    (run,) = own_runs(server)
    return run


def curve(server: SharedServer, name: str) -> dict[int, float]:
    run_id = only_run(server)["run_id"]
    metric = get(server, f"/api/runs/{run_id}/metrics?names={name}")["metrics"][name]
    return dict(zip(metric["steps"], metric["values"], strict=True))


def train(monitor: livetrain.Monitor, steps: range) -> None:
    for step in steps:
        monitor.log_batch(IMAGES, LOGITS, 1.0 / (step + 1), targets=np.zeros(16, int), accuracy=0.5)


def test_every_step_is_stored_under_its_number(server: SharedServer) -> None:
    names = [f"class {index}" for index in range(10)]
    with livetrain.Monitor(
        "digits",
        server=server.grpc,
        project="test",
        tags=["a"],
        class_names=names,
        config={"lr": 0.1},
    ) as monitor:
        for epoch in range(2):
            train(monitor, range(epoch * 50, epoch * 50 + 50))
            monitor.log({"gradient_norm": 2.0})
            monitor.log_epoch(epoch, loss=0.5, accuracy=0.9, val_loss=0.7)
        assert monitor.flush(20)
        assert monitor.run_id == only_run(server)["run_id"]
        assert monitor.url == f"{server.http}/runs/{monitor.run_id}"
        stats = monitor.stats()
    assert curve(server, "loss") == pytest.approx({step: 1.0 / (step + 1) for step in range(100)})
    assert curve(server, "accuracy") == dict.fromkeys(range(100), 0.5)
    assert curve(server, "gradient_norm") == {49: 2.0, 99: 2.0}
    assert curve(server, "epoch/loss") == {49: 0.5, 99: 0.5}
    assert stats.steps == 100
    assert stats.frames_sent > 0
    assert stats.dropped == {}
    run = only_run(server)
    assert (run["name"], run["project"], run["status"], run["steps"]) == (
        "digits",
        "test",
        "finished",
        100,
    )
    assert monitor.stats().state == "closed"


def test_a_killed_server_loses_nothing_and_nothing_comes_twice(server: SharedServer) -> None:
    with livetrain.Monitor(server=server.grpc) as monitor:
        train(monitor, range(100))
        assert monitor.flush(20)
        server.kill()
        train(monitor, range(100, 200))
        server.start()
        train(monitor, range(200, 300))
        assert monitor.flush(20)
        assert monitor.stats().reconnects >= 1
    assert list(curve(server, "loss")) == list(range(300))


def test_without_a_server_the_training_goes_on_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    with caplog.at_level(logging.WARNING, "livetrain"):
        monitor = livetrain.Monitor(server=f"127.0.0.1:{port}", spool_dir=tmp_path / "spool")
        train(monitor, range(200))
        wait_until(lambda: caplog.records, 10, "the warning")
        wait_until(lambda: monitor.stats().spooled >= 200, 10, "the records are on the disk")
        assert not monitor.flush(0.1)
        assert not monitor.close()
    (warning,) = caplog.records
    assert f"no livetrain server at 127.0.0.1:{port}" in warning.getMessage()
    assert "Training goes on" in warning.getMessage()
    (left,) = leftovers(tmp_path / "spool")
    folder = tmp_path / "server"
    folder.mkdir()
    with SharedServer(folder) as server:
        seen: list[tuple[int, int]] = []
        result = upload(left, Endpoint(server.grpc), timeout=20, progress=lambda *p: seen.append(p))
        assert (result.left, result.reason) == (0, "")
        assert seen[-1] == (result.committed, result.committed)
        assert list(curve(server, "loss")) == list(range(200))
        assert only_run(server)["status"] == "finished"
        assert leftovers(tmp_path / "spool") == []


def steadily(monitor: livetrain.Monitor, images: Any, seconds: float) -> livetrain.Stats:
    """Log 50 batches a second for so long."""
    began = time.monotonic()
    for step in range(int(seconds * 50)):
        monitor.log_batch(images, None, 0.5)
        wait_until(lambda step=step: time.monotonic() >= began + step / 50, 5, "the next step")
    return monitor.stats()


def test_while_the_server_is_away_a_frame_is_encoded_now_and_then_only(tmp_path: Path) -> None:
    monitor = livetrain.Monitor(
        server=f"127.0.0.1:{free_port()}", spool_dir=tmp_path / "spool", max_overhead=0.9
    )
    stats = steadily(monitor, IMAGES, 3.0)
    assert monitor._engine is not None
    assert 1 <= monitor._engine._encoder.encoded <= 20, "one a second, once that is known, of 150"
    monitor.close()
    stripped = monitor.stats().stripped
    assert sum(stripped.values()) == 150 * 16, stats
    assert stripped["offline"] >= 140 * 16


def test_a_training_that_asks_at_each_step_grows_nothing(tmp_path: Path) -> None:
    monitor = livetrain.Monitor(server=f"127.0.0.1:{free_port()}", spool_dir=tmp_path / "spool")
    assert not any(monitor.flush(0.0) for _ in range(2000))
    assert not monitor.flush(0.1)
    assert monitor._engine is not None
    assert len(monitor._engine._stream._marks) <= 65
    monitor.close()


def test_a_flush_waits_for_pictures_that_are_still_encoded(server: SharedServer) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (16, 1024, 1024, 3), dtype=np.uint8)
    images = livetrain.ImageOptions(max_size=1024)
    with livetrain.Monitor(server=server.grpc, images=images, max_overhead=0.9) as monitor:
        monitor.log_batch(noise, None, 0.5)
        assert monitor.flush(20)
        assert monitor.stats().queued == 0
        assert curve(server, "loss") == {0: 0.5}


def test_a_training_without_images_shows_and_leaves_out_none(server: SharedServer) -> None:
    with livetrain.Monitor(server=server.grpc, max_overhead=0.9) as monitor:
        for _ in range(50):
            monitor.log_batch(None, LOGITS, 0.5)
        assert monitor.flush(20)
        stats = monitor.stats()
    assert (stats.frames_sent, stats.stripped, stats.problems) == (0, {}, {})
    assert len(curve(server, "loss")) == 50


def test_offline_encodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    monitor = livetrain.Monitor(spool_dir=tmp_path / "spool", max_overhead=0.9)
    steadily(monitor, IMAGES, 0.5)
    assert monitor._engine is not None
    assert monitor._engine._encoder.encoded == 0
    monitor.close()
    assert monitor.stats().stripped == {"offline": 25 * 16}


def test_frames_over_the_servers_limit_are_made_smaller_until_they_fit(
    server: SharedServer,
) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (16, 1024, 1024, 3), dtype=np.uint8)
    with livetrain.Monitor(
        server=server.grpc, images=livetrain.ImageOptions(max_size=1024), max_overhead=0.9
    ) as monitor:
        assert monitor.flush(20)
        for _ in range(3):
            monitor.log_batch(noise, None, 0.5)
            assert monitor.flush(20)
        stats = monitor.stats()
    assert stats.frames_sent >= 1, stats
    assert "oversize" not in stats.stripped
    assert stats.reconnects == 0


def test_a_record_that_is_too_large_costs_itself_alone(
    server: SharedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The server ends a stream that brings a message over its limit, each time anew: it must not be sent."""
    with livetrain.Monitor(server=server.grpc) as monitor:
        monitor.log({"before": 1.0}, step=0)
        assert monitor._engine is not None
        monitor._engine.put(_records.log("info", "word " * 1_000_000))
        monitor.log({"after": 1.0}, step=2)
        assert monitor.flush(30)
        stats = monitor.stats()
    assert stats.dropped == {"oversize": 1}
    assert stats.reconnects == 0
    assert curve(server, "before") == {0: 1.0}
    assert curve(server, "after") == {2: 1.0}
    (said,) = [r.getMessage() for r in caplog.records if "too large" in r.getMessage()]
    assert "4194304 bytes" in said


def test_a_call_with_very_many_names_becomes_as_many_records_as_it_needs(
    server: SharedServer,
) -> None:
    """Once refused by the server for its fields, again and again, with a reconnect for each call."""
    names = [f"{'name' * 10}/{number}" for number in range(6_665)]
    with livetrain.Monitor(server=server.grpc) as monitor:
        for step in range(3):
            monitor.log_batch(None, None, step / 4)
            monitor.log({name: float(step) for name in names}, step=step)
        monitor.log_validation(**{f"v{number}": 0.5 for number in range(7_000)})
        monitor.log_epoch(0, **{f"e{number}": 0.5 for number in range(7_000)})
        assert monitor.flush(60)
        stats = monitor.stats()
    assert (stats.dropped, stats.reconnects) == ({}, 0)
    assert curve(server, "loss") == {0: 0.0, 1: 0.25, 2: 0.5}
    for name in (names[0], names[-1]):
        assert curve(server, name) == {0: 0.0, 1: 1.0, 2: 2.0}
    run = only_run(server)["run_id"]
    found = set(get(server, f"/api/runs/{run}/metrics")["metrics"])
    assert found >= {*names, *(f"val/v{n}" for n in range(7_000))}
    assert found >= {f"epoch/e{n}" for n in range(7_000)}


def test_a_record_that_the_server_refuses_costs_itself_alone(
    server: SharedServer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Once each made the trainer reconnect, and what a later one found in the spool was said to be its own."""
    with livetrain.Monitor("resnet", server=server.grpc, spool_dir=tmp_path) as monitor:
        assert monitor._engine is not None
        for step in range(40):
            monitor.log_batch(None, None, step / 4)
            if step % 10 == 0:  # what only a bug of ours can send
                monitor._engine.put(_records.scalars(step, {"n" * 300: 1.0}))
            monitor.log({"other": 1.0})
        assert monitor.flush(30)
        stats = monitor.stats()
    assert (stats.dropped, stats.reconnects) == ({"rejected": 4}, 0)
    assert list(curve(server, "loss")) == list(curve(server, "other")) == list(range(40))
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1, said
    assert all(word in said[0] for word in ("'resnet'", "record ", "300 characters"))
    caplog.clear()
    with livetrain.Monitor("later", server=server.grpc, spool_dir=tmp_path) as monitor:
        monitor.log({"a": 1.0})
        assert monitor.flush(30)
    assert [record.getMessage() for record in caplog.records] == []
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_no_server_takes_costs_that_number_alone(
    server: SharedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with livetrain.Monitor("resnet", server=server.grpc) as monitor:
        for step in range(60):
            monitor.log_batch(None, None, 0.5)
            monitor.log({"stamped": 1.0, "other": 2.0}, step=time.time_ns())
            monitor.log_batch(None, None, 0.5, step=10**30)
            monitor.log({"counted": 1.0}, step=step)
        monitor.log_validation(step=2**53, loss=1.0)
        monitor.log_epoch(0, step=2**64, loss=1.0)
        monitor.log_epoch(1, step=2**53 - 1, loss=1.0)
        assert monitor.flush(30)
        stats = monitor.stats()
    assert (stats.dropped, stats.reconnects) == ({"step_too_large": 182}, 0)
    assert curve(server, "epoch/loss") == {2**53 - 1: 1.0}
    assert list(curve(server, "loss")) == list(range(60))
    assert list(curve(server, "counted")) == list(range(60))
    said = [r.getMessage() for r in caplog.records if "step" in r.getMessage()]
    assert len(said) == 1
    assert all(word in said[0] for word in ("resnet", "stamped", "9007199254740991"))


def test_offline_writes_the_spool_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: SharedServer
) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    with livetrain.Monitor(server=server.grpc, spool_dir=tmp_path / "spool") as monitor:
        train(monitor, range(50))
    assert own_runs(server) == []
    (left,) = leftovers(tmp_path / "spool")
    assert upload(left, Endpoint(server.grpc), timeout=20).left == 0
    assert list(curve(server, "loss")) == list(range(50))


def test_what_a_killed_trainer_left_comes_with_the_next_run(
    server: SharedServer, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, f"127.0.0.1:{free_port()}", str(spool)], timeout=60
    )
    assert dead.returncode == -signal.SIGKILL
    (left,) = leftovers(spool)
    assert [*left.directory.glob("*.seg")]

    def steps_of_the_dead() -> int:
        return sum(run["steps"] for run in own_runs(server) if run["name"] == "dead")

    with livetrain.Monitor("next", server=server.grpc, spool_dir=spool) as monitor:
        train(monitor, range(5))
        wait_until(lambda: steps_of_the_dead() == 40, 20, "the dead run comes, and all of it")
        # `leftovers` would not do: while it is sent it is in use, and none of them.
        wait_until(lambda: not [*left.directory.glob("*.seg")], 20, "its spool is emptied")


KILLED = """
import os, signal, sys, numpy as np, livetrain
monitor = livetrain.Monitor("dead", server=sys.argv[1], spool_dir=sys.argv[2])
for step in range(40):
    monitor.log_batch(np.zeros((16, 8, 8), np.uint8), None, 0.5)
while (now := monitor.stats()).spooled < 41 or now.queued > now.spooled:
    pass  # until nothing waits in memory any more
monitor.flush(0.2)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("ending", "status", "message"),
    [
        ("pass", "finished", ""),
        ("sys.exit(0)", "finished", ""),
        ("monitor.close()", "finished", ""),
        ("raise ValueError('no such file')", "failed", "ValueError: no such file"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(10)", "interrupted", "KeyboardInterrupt"),
    ],
)
def test_a_script_that_ends_says_how(
    server: SharedServer, ending: str, status: str, message: str
) -> None:
    script = f"""
import os, signal, sys, time, numpy as np, livetrain
monitor = livetrain.Monitor(server={server.grpc!r})
monitor.flush(20)  # closing does not wait long for a server that was not reached yet
for step in range(20):
    monitor.log_batch(np.zeros((16, 8, 8), np.uint8), None, 0.5)
{ending}
"""
    subprocess.run([sys.executable, "-c", script], timeout=60, stderr=subprocess.DEVNULL)
    run = only_run(server)
    assert (run["status"], run["message"], run["steps"]) == (status, message, 20)


def test_a_stream_that_ends_in_order_is_not_called_broken(tmp_path: Path) -> None:
    with SharedServer(tmp_path) as server:
        for _ in range(5):
            with livetrain.Monitor(server=server.grpc) as monitor:
                assert monitor.flush(20)
                train(monitor, range(3))
        with livetrain.Monitor(server=server.grpc) as monitor:
            assert monitor.flush(20)
            assert server.stop() == 0
        assert "broke off" not in server.log()


def test_data_that_makes_no_sense_is_recorded_as_far_as_it_does(server: SharedServer) -> None:
    with livetrain.Monitor(server=server.grpc) as monitor:
        monitor.log_batch(IMAGES[:0], LOGITS[:0], 0.5)
        monitor.log_batch(IMAGES, LOGITS, 0.5, targets=[1, 2, 3])
        monitor.log_batch(IMAGES, LOGITS, math.nan)
        monitor.log_batch(IMAGES, LOGITS, -math.inf)
        monitor.log_batch(object(), "no predictions", "no loss")
        monitor.log_batch(None, None, None)
        monitor.log({"text": "no number", "": 2.0, "n" * 300: 3.0, "one": 1})
        assert monitor.flush(20)
        stats = monitor.stats()
    assert stats.steps == 6
    assert stats.dropped == {}
    assert stats.problems["unreadable"] >= 1
    run_id = only_run(server)["run_id"]
    loss = get(server, f"/api/runs/{run_id}/metrics?names=loss")["metrics"]["loss"]
    assert (loss["steps"], loss["values"]) == ([0, 1, 2, 3], [0.5, 0.5, None, None])
    assert curve(server, "one") == {5: 1.0}
    assert curve(server, metric_name("n" * 300)) == {5: 3.0}


@pytest.mark.parametrize(
    "misuse",
    [
        lambda monitor: monitor.log_batch(IMAGES, LOGITS, 0.5, step=-1),
        lambda monitor: monitor.log_batch(IMAGES, LOGITS, 0.5, epoch="first"),
        lambda monitor: monitor.log([("loss", 1.0)]),
        lambda monitor: monitor.set_status("done"),
        lambda monitor: monitor.log_message("loud", "text"),
        lambda monitor: monitor.attach(object()),
        lambda monitor: monitor.on("pause", "handler"),
        lambda monitor: monitor.log_event(""),
        lambda monitor: monitor.log_round(1, 3, {}, phase="middle"),
    ],
)
def test_misuse_raises_at_the_call_and_says_the_mend(misuse: Any) -> None:
    monitor = livetrain.Monitor(server=f"127.0.0.1:{free_port()}")
    with pytest.raises(livetrain.UsageError, match="; give"):
        misuse(monitor)
    monitor.close()


def test_a_later_process_goes_on_with_the_run(server: SharedServer) -> None:
    with livetrain.Monitor("digits", server=server.grpc, config={"lr": 0.1}) as first:
        train(first, range(10))
        first.log_epoch(0)
        assert first.flush(20)
        state = json.loads(json.dumps(first.resume_state()))
        train(first, range(10, 12))  # after the checkpoint: these steps are done once more
        run_id = first.run_id
    assert first.resume_state()["resume_token"] == state["resume_token"]  # known after the end too
    with livetrain.Monitor("digits", server=server.grpc, resume=state) as second:
        second.log_batch(IMAGES, LOGITS, 0.25)
        train(second, range(11, 20))
        assert second.flush(20)
        assert second.run_id == run_id
        assert only_run(server)["status"] == "running"
    run = only_run(server)
    assert (run["status"], run["steps"]) == ("finished", 20)
    points = get(server, f"/api/runs/{run['run_id']}/metrics?names=loss")["metrics"]["loss"]
    assert points["steps"] == list(range(20)), "of each step the newest"
    assert points["values"][10] == 0.25
    before = f"/api/runs/{run['run_id']}/metrics?names=loss&attempt=1"
    assert get(server, before)["metrics"]["loss"]["steps"] == list(range(12))


def test_where_no_server_answered_there_is_no_run_to_go_on_with(server: SharedServer) -> None:
    away = livetrain.Monitor("digits", server=f"127.0.0.1:{free_port()}")
    state = away.resume_state()
    away.close()
    with livetrain.Monitor("digits", server=server.grpc, resume=state) as monitor:
        train(monitor, range(3))
        assert monitor.resume_state()["session_id"] != state["session_id"]
        assert monitor.flush(20)
        run = get(server, f"/api/runs/{monitor.run_id}")
    assert (run["name"], run["steps"]) == ("digits", 3)


@pytest.mark.parametrize("state", ["abc", {}, {"session_id": 1, "resume_token": "x"}, {"step": 1}])
def test_a_state_that_is_none_is_refused(state: Any) -> None:
    with pytest.raises(livetrain.ConfigurationError, match=r"give what resume_state\(\) of the"):
        livetrain.Monitor(enabled=False, resume=state)


def test_what_becomes_known_later_is_added_and_outlives_a_reconnect(server: SharedServer) -> None:
    with livetrain.Monitor("digits", server=server.grpc, config={"lr": 0.1, "seed": 1}) as monitor:
        monitor.update(config={"seed": 2, "layers": 3}, total_epochs=4, class_names=["a", "b"])
        monitor.update(batch_size=16)
        train(monitor, range(3))
        assert monitor.flush(20)

        def known() -> Any:
            run = get(server, f"/api/runs/{monitor.run_id}")
            config = run["config"]["settings"]
            return config, run["total_epochs"], run["config"]["batch_size"], run["class_names"]

        expected = ({"lr": 0.1, "seed": 2, "layers": 3}, 4, 16, ["a", "b"])
        assert known() == expected
        server.kill()
        server.start()
        train(monitor, range(3, 6))
        assert monitor.flush(20)
        assert known() == expected


def test_events_and_the_parts_of_a_round_are_kept(server: SharedServer) -> None:
    with livetrain.Monitor("digits", server=server.grpc) as monitor:
        train(monitor, range(3))
        monitor.log_event("checkpoint", "best so far", {"path": "best.pt", "score": None, "n": 2})
        monitor.log_round(1, 2, {}, fit={"loss": 0.75}, client="7", phase="progress")
        monitor.log_round(1, 2, {"accuracy": 0.5}, fit={"loss": 0.5})
        assert monitor.flush(20)
        events = get(server, f"/api/runs/{monitor.run_id}/events")["events"]
    (event,) = [e["record"]["event"] for e in events if "event" in e["record"]]
    assert (event["kind"], event["message"]) == ("checkpoint", "best so far")
    assert event["fields"] == {"path": "best.pt", "n": "2"}
    assert curve(server, "client/7/fit/loss") == {1: 0.75}
    assert curve(server, "round/fit/loss") == {1: 0.5}
    assert curve(server, "round/accuracy") == {1: 0.5}


def test_a_monitor_is_inert_where_it_must_not_speak(server: SharedServer) -> None:
    monitor = livetrain.Monitor(server=server.grpc)
    copy = pickle.loads(pickle.dumps(monitor))
    train(copy, range(3))
    assert copy.stats().inert == "unpickled in another process"

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # in the child: say what was seen and leave without any handler
        train(monitor, range(100, 200))
        os.write(writer, monitor.stats().inert.encode())
        os._exit(int(not monitor.close()))
    os.close(writer)
    with os.fdopen(reader) as said:
        assert said.read() == "forked child"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    train(monitor, range(3))
    assert monitor.close()
    assert list(curve(server, "loss")) == [0, 1, 2]
    train(monitor, range(3))  # closed: nothing happens
    assert monitor.stats().inert == "closed"


def test_disabled_costs_nothing_and_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "disabled")
    monitor = livetrain.Monitor()
    train(monitor, range(3))
    assert (monitor.stats().inert, monitor.stats().steps, monitor.close()) == ("disabled", 0, True)
