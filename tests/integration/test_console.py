"""The commands that ask a server, against a real one with real runs on it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.cli import main

LIVETRAIN = [sys.executable, "-u", "-c", "from livetrain.cli import main; main()"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "runs", tmp_path / "server.log") as server:
        yield server


def monitor(server: ServerProcess, name: str) -> livetrain.Monitor:
    return livetrain.Monitor(name, server=server.grpc, total_epochs=4)


def train(monitor: livetrain.Monitor, steps: int) -> None:
    for step in range(steps):
        images, logits = np.zeros((2, 8, 8), np.uint8), np.eye(2, dtype=np.float32)
        monitor.log_batch(
            images, logits, loss=1 / (step + 1), targets=np.array([0, 1]), accuracy=1.0
        )


def invoke(server: ServerProcess, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, arguments, env={"LIVETRAIN_HTTP": server.http, "LIVETRAIN_SERVER": server.grpc}
    )


def test_an_empty_server_has_no_runs(server: ServerProcess) -> None:
    assert "no runs yet" in invoke(server, "runs").output


def test_runs_are_listed_newest_first(server: ServerProcess) -> None:
    for name in ("first", "second"):
        with monitor(server, name) as run:
            train(run, 5)
    lines = invoke(server, "runs").output.splitlines()
    assert lines[0].split() == ["run", "name", "project", "status", "steps", "started"]
    assert [line.split()[1:5] for line in lines[1:]] == [
        ["second", "default", "finished", "5"],
        ["first", "default", "finished", "5"],
    ]


def test_a_run_is_watched_to_its_end(server: ServerProcess) -> None:
    with monitor(server, "digits") as run:
        train(run, 10)
        assert run.flush()
        watching = subprocess.Popen(
            [*LIVETRAIN, "watch", "digits", "--http", server.http, "--every", "0.1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        first = watching.stdout.readline()
        train(run, 10)
    rest, _ = watching.communicate(timeout=30)
    assert first == "digits  running  epoch 1/4  10 steps  loss 0.1  accuracy 1\n"
    assert rest.splitlines()[-1].startswith("digits  finished  epoch 1/4  20 steps")
    assert watching.returncode == 0


def test_a_failed_run_gives_the_reason_and_a_code(server: ServerProcess) -> None:
    with contextlib.suppress(ValueError), monitor(server, "digits") as run:
        train(run, 2)
        raise ValueError("bad weights")
    result = invoke(server, "watch", "digits")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "ValueError: bad weights"


def test_a_run_that_is_not_there_is_one_sentence(server: ServerProcess) -> None:
    result = invoke(server, "watch", "nothing/../such")
    assert result.exit_code == 2
    assert "has no run 'nothing/../such'; `livetrain runs` lists" in result.stderr


def test_doctor_finds_nothing_amiss(server: ServerProcess) -> None:
    result = invoke(server, "doctor")
    assert result.exit_code == 0, result.output
    assert f"ok  trainers reach the server at {server.grpc}" in result.output
    assert f"ok  browsers reach the server at {server.http}" in result.output
