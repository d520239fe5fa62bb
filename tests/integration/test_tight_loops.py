"""Loops that log as fast as they can: nothing is lost, and it stays in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.processes import Server

TRAINING = """
import json, logging, sys
import livetrain

logging.basicConfig(level=logging.WARNING)
what, count = sys.argv[1], int(sys.argv[2])

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024

monitor = livetrain.Monitor("tight")
monitor.log_message("info", "warm")
assert monitor.flush(60)
before = highest = resident()
for step in range(count):
    match what:
        case "log":
            monitor.log({"loss": step / 4}, step=step)
        case "batch":
            monitor.log_batch(None, None, step / 4)
        case "both":
            monitor.log_batch(None, None, step / 4)
            monitor.log({"lr": step / 4, "norm": 1.0} if step % 10 == 0 else {"lr": step / 4})
            monitor.log({"other": 1.0})
    if step % 20_000 == 0:
        highest = max(highest, resident())
highest = max(highest, resident())
flushed = monitor.flush(120)
run = monitor.run_id
closed = monitor.close(60)
print(json.dumps({"run": run, "grown": highest - before, "flushed": flushed, "closed": closed,
                  "dropped": monitor.stats().dropped, "reconnects": monitor.stats().reconnects}))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started


def train(server: Server, what: str, count: int, program: str = TRAINING) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", program, what, str(count)],
        env={**os.environ, "LIVETRAIN_SERVER": server.grpc},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # A machine that is busy with other things may take long to answer the first time, which is no loss.
    said = [line for line in done.stderr.splitlines() if "no livetrain server at" not in line]
    assert said == []
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["flushed"]
    assert told["closed"]
    assert told["dropped"] == {}
    assert told["reconnects"] == 0
    return told


def curve(server: Server, run: str, name: str) -> dict[str, list[float]]:
    url = f"{server.http}/api/runs/{run}/metrics?names={name}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: dict[str, list[float]] = json.load(answer)["metrics"][name]
    return found


def assert_whole(server: Server, run: str, name: str, count: int) -> None:
    found = curve(server, run, name)
    assert found["steps"] == list(range(count))
    assert found["values"] == [step / 4 for step in range(count)]
    # Each table of numbers reads the wall clock anew, which the system sets now and then.
    later = zip(found["times"], found["times"][1:], strict=False)
    assert all(after >= before - 0.001 for before, after in later)


@pytest.mark.parametrize(("what", "count"), [("log", 200_000), ("batch", 50_000), ("both", 20_000)])
def test_a_tight_loop_loses_nothing(server: Server, what: str, count: int) -> None:
    told = train(server, what, count)
    assert told["grown"] <= 64, f"{told['grown']:.0f} MiB more than before"
    if what != "log":
        assert_whole(server, told["run"], "loss", count)
        with urllib.request.urlopen(f"{server.http}/api/runs/{told['run']}", timeout=60) as answer:
            assert json.load(answer)["steps"] == count
    if what != "batch":
        assert_whole(server, told["run"], "loss" if what == "log" else "lr", count)


def test_what_a_tight_loop_logged_without_a_server_is_delivered_later(
    server: Server, tmp_path: Path
) -> None:
    count = 100_000
    program = TRAINING.replace("assert monitor.flush(60)", "").replace("monitor.flush(120)", "None")
    program = program.replace('"tight"', '"away"')
    spool = {"LIVETRAIN_SPOOL_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, "log", str(count)],
        env={**os.environ, **spool, "LIVETRAIN_SERVER": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert not told["closed"]
    assert told["dropped"] == {}
    synced = subprocess.run(
        [
            sys.executable,
            "-c",
            "import livetrain.cli; livetrain.cli.main()",
            "sync",
            "--server",
            server.grpc,
        ],
        env={**os.environ, **spool},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert synced.returncode == 0, synced.stdout + synced.stderr
    with urllib.request.urlopen(f"{server.http}/api/runs", timeout=60) as answer:
        runs = json.load(answer)["runs"]
    (run,) = [run for run in runs if run["name"] == "away"]
    assert_whole(server, run["run_id"], "loss", count)


RECORDS = """
import json, logging, sys
import numpy as np
import livetrain

logging.basicConfig(level=logging.WARNING)
what, count = sys.argv[1], int(sys.argv[2])
logits = np.eye(16, 10, dtype=np.float32) * 5
labels = np.arange(16) % 10
images = np.zeros((16, 8, 8, 3), np.uint8)
monitor = livetrain.Monitor("tight")
monitor.log_message("info", "warm")
assert monitor.flush(60)
for step in range(count):
    match what:
        case "accuracy":
            monitor.log_batch(None, logits, step / 4, targets=labels)
        case "images":
            monitor.log_batch(images, logits, step / 4, targets=labels)
        case "validation":
            monitor.log_validation(step=step, loss=step / 4)
flushed = monitor.flush(120)
run = monitor.run_id
closed = monitor.close(60)
print(json.dumps({"run": run, "flushed": flushed, "closed": closed,
                  "dropped": monitor.stats().dropped, "reconnects": monitor.stats().reconnects}))
"""


@pytest.mark.parametrize(
    ("what", "curves"),
    [
        ("accuracy", ["loss", "accuracy"]),
        ("images", ["loss", "accuracy"]),
        ("validation", ["val/loss"]),
    ],
)
def test_a_tight_loop_of_other_records_loses_nothing(
    server: Server, what: str, curves: list[str]
) -> None:
    """Each of these waits with what it was given, until it is worked out: more of them than memory has room for."""
    count = 20_000
    told = train(server, what, count, RECORDS)
    assert_whole(server, told["run"], curves[0], count)
    for name in curves[1:]:
        found = curve(server, told["run"], name)
        assert found["steps"] == list(range(count))
        assert set(found["values"]) == {0.6875}
