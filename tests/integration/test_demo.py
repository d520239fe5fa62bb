"""`livetrain demo` as people start it: a process, with a server of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livetrain._console.server_process import ServerProcess

DEMO = [sys.executable, "-u", "-c", "from livetrain.cli import main; main()", "demo"]
STEPS_PER_EPOCH = 90  # 1,437 digits, 16 at a time


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def reached(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DEMO, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Return the lines up to the one with these words in it."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"no {words!r} in {lines}")


@pytest.fixture
def demos() -> Iterator[list[subprocess.Popen[str]]]:
    """Give a list of processes that do not outlive the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def kept_run(data_dir: Path, log: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start a server on a directory; return its only run, and that run's curves."""
    with ServerProcess(data_dir, log) as server:
        (run,) = get(f"{server.http}/api/runs")["runs"]
        return run, get(f"{server.http}/api/runs/{run['run_id']}/metrics")["metrics"]


def test_every_step_of_a_real_training_is_kept(tmp_path: Path) -> None:
    data_dir = tmp_path / "runs"
    done = subprocess.run(
        [
            *DEMO,
            "--epochs",
            "3",
            "--no-browser",
            "--exit",
            "--data-dir",
            str(data_dir),
            "--fps",
            "0",
        ],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Look at http://127\.0\.0\.1:\d+/runs/\w+$", done.stdout, re.MULTILINE)
    accuracy = re.search(r"^Test accuracy (0\.\d+)", done.stdout, re.MULTILINE)
    assert accuracy
    assert float(accuracy[1]) > 0.9
    assert f"livetrain-server --data-dir {data_dir}" in done.stdout

    run, curves = kept_run(data_dir, tmp_path / "log")
    assert (run["name"], run["status"], run["steps"]) == ("digits-demo", "finished", 270)
    assert (
        curves["loss"]["steps"] == curves["accuracy"]["steps"] == list(range(3 * STEPS_PER_EPOCH))
    )
    assert None not in curves["loss"]["values"]
    assert sum(curves["loss"]["values"][-90:]) < 0.5 * sum(curves["loss"]["values"][:90])
    assert curves["val/accuracy"]["values"][-1] == pytest.approx(float(accuracy[1]), abs=1e-3)
    assert len(curves["epoch/loss"]["steps"]) == 3


def test_the_page_stays_until_ctrl_c(tmp_path: Path, demos: list[Any]) -> None:
    process = start("--epochs", "1", "--no-browser", "--fps", "0", TMPDIR=str(tmp_path))
    demos.append(process)
    (look, *_) = read_until(process, "Look at")[-1:]
    page = look.split()[-1]
    read_until(process, "until you press Ctrl-C")
    http, _, run_id = page.rpartition("/runs/")
    (run,) = get(f"{http}/api/runs")["runs"]
    assert (run["run_id"], run["steps"], run["status"]) == (run_id, STEPS_PER_EPOCH, "finished")
    loss = get(f"{http}/api/runs/{run_id}/metrics?names=loss")["metrics"]["loss"]
    assert loss["steps"] == list(range(STEPS_PER_EPOCH))
    assert list(tmp_path.glob("livetrain-demo-*"))

    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "--data-dir" in output
    assert not reached(http)
    assert not list(tmp_path.glob("livetrain-demo-*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_a_training_cut_short_ends_as_interrupted_with_its_server(
    number: signal.Signals, code: int, tmp_path: Path, demos: list[Any]
) -> None:
    process = start("--no-browser", "--exit", "--fps", "100", "--data-dir", str(tmp_path / "runs"))
    demos.append(process)
    page = read_until(process, "Look at")[-1].split()[-1]
    http, _, run_id = page.rpartition("/runs/")
    while get(f"{http}/api/runs/{run_id}")["steps"] < 10:
        assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert not reached(http)
    run, _ = kept_run(tmp_path / "runs", tmp_path / "log")
    assert run["status"] == "interrupted"


def test_it_opens_the_page(tmp_path: Path, demos: list[Any]) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    browser.chmod(0o700)
    process = start("--epochs", "1", "--exit", "--fps", "0", BROWSER=f"{browser} %s")
    demos.append(process)
    page = read_until(process, "Look at")[-1].split()[-1]
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert opened.read_text() == page


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [*DEMO, "--exit", "--data-dir", str(tmp_path / "file" / "runs")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "cannot be written (Not a directory); give a directory of your own." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_directory_in_use_is_one_sentence(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "runs", tmp_path / "log"):
        done = subprocess.run(
            [*DEMO, "--exit", "--data-dir", str(tmp_path / "runs")],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert "The server did not start: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
