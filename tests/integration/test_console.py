"""The commands that ask a server, against a real one with real runs on it."""

from __future__ import annotations

import contextlib
import os
import re
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
            assert run.flush(20)  # closing waits for a slow server, but not long
            train(run, 5)
    lines = invoke(server, "runs").output.splitlines()
    assert lines[0].split() == ["run", "name", "project", "status", "step", "started", "took"]
    assert [line.split()[1:5] for line in lines[1:]] == [
        ["second", "default", "finished", "4"],
        ["first", "default", "finished", "4"],
    ]


def test_a_run_is_watched_to_its_end(server: ServerProcess) -> None:
    with monitor(server, "digits") as run:
        train(run, 10)
        assert run.flush(20)
        watching = subprocess.Popen(
            [*LIVETRAIN, "watch", "digits", "--http", server.http, "--every", "0.1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        first = watching.stdout.readline()
        train(run, 10)
    rest, _ = watching.communicate(timeout=30)
    assert first == "digits  running  epoch 1/4  step 9  loss 0.1  accuracy 1\n"
    assert rest.splitlines()[-1].startswith("digits  finished  epoch 1/4  step 19")
    assert watching.returncode == 0


def test_a_failed_run_gives_the_reason_and_a_code(server: ServerProcess) -> None:
    with contextlib.suppress(ValueError), monitor(server, "digits") as run:
        assert run.flush(20)
        train(run, 2)
        raise ValueError("bad weights")
    result = invoke(server, "watch", "digits")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "ValueError: bad weights"


def test_a_run_that_is_not_there_is_one_sentence(server: ServerProcess) -> None:
    result = invoke(server, "watch", "nothing/../such")
    assert result.exit_code == 2
    assert "has no run 'nothing/../such'; `livetrain runs` lists" in result.stderr


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what two trainings left that ran without a server."""
    folder = tmp_path / "spool"
    monkeypatch.setenv("LIVETRAIN_SPOOL_DIR", str(folder))
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    for name in ("first", "second"):
        with livetrain.Monitor(name) as run:
            train(run, 300)
    return folder


def on_a_terminal(command: list[str]) -> tuple[int, str]:
    """Run a command as somebody at a terminal does; return its exit code and what was to be seen."""
    outer, inner = os.openpty()
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    seen = b""
    with contextlib.suppress(OSError):  # the terminal is gone with its last process
        while part := os.read(outer, 65536):
            seen += part
    os.close(outer)
    return process.wait(60), seen.decode()


def test_sync_shows_how_far_it_is_and_is_safe_to_repeat(server: ServerProcess, spool: Path) -> None:
    command = [*LIVETRAIN, "sync", "--server", server.grpc]
    code, seen = on_a_terminal(command)
    assert code == 0, seen
    for name in ("first", "second"):
        bars = re.findall(rf"{name}\s+\[.*?\]\s+(\d+)/(\d+)", seen)
        assert bars, seen
        assert bars[-1][0] == bars[-1][1], "the bar is not full at the end"
        assert f"{name}: {bars[-1][1]} records uploaded." in seen
    assert [line.split()[4] for line in invoke(server, "runs").output.splitlines()[1:]] == [
        "299"
    ] * 2
    code, seen = on_a_terminal(command)
    assert code == 0
    assert f"Nothing is left in {spool}." in seen


def test_sync_says_what_it_cannot_send(server: ServerProcess, spool: Path) -> None:
    broken, damaged = sorted(path for path in spool.iterdir() if path.is_dir())
    (broken / "meta").write_bytes(b"damage")
    (segment,) = damaged.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    result = invoke(server, "sync")
    assert result.exit_code == 1, result.output
    assert f"{broken}: what these records belong to cannot be read" in result.stderr
    assert "records uploaded, of which the disk had damaged 1." in result.output


def test_doctor_finds_nothing_amiss(server: ServerProcess) -> None:
    result = invoke(server, "doctor")
    assert result.exit_code == 0, result.output
    assert f"ok  trainers reach the server at {server.grpc}" in result.output
    assert f"ok  browsers reach the server at {server.http}" in result.output


def test_old_runs_are_found_by_words_state_and_name(server: ServerProcess) -> None:
    for number in range(5):
        with contextlib.suppress(ValueError), monitor(server, f"Série {number}") as run:
            assert run.flush(20)
            if number == 1:
                raise ValueError("no")
    shown = invoke(server, "runs", "--limit", "2").output.splitlines()
    assert [line.split()[1:3] for line in shown[1:3]] == [["Série", "4"], ["Série", "3"]]
    assert shown[3] == "2 of 5 runs; see more with --limit or --search."
    (found,) = invoke(server, "runs", "--search", "sÉRIE 0 default").output.splitlines()[1:]
    assert found.split()[1:3] == ["Série", "0"]
    (failed,) = invoke(server, "runs", "--status", "failed").output.splitlines()[1:]
    assert failed.split()[1:3] == ["Série", "1"]
    assert "no such runs" in invoke(server, "runs", "-s", "another").output
    assert invoke(server, "watch", "Série 0").exit_code == 0
    refused = invoke(server, "runs", "--status", "dead")
    assert refused.exit_code == 2
    assert "'dead' is no status; there are initializing, running" in refused.stderr


def test_a_value_that_is_no_number_is_shown_as_it_is(server: ServerProcess) -> None:
    with monitor(server, "nan") as run:
        for step, loss in enumerate((0.5, 0.25, float("nan"))):
            run.log({"loss": loss}, step=step)
    assert "loss nan" in invoke(server, "watch", "nan").output.splitlines()[0]
