"""Each example runs as it stands, and every step of it arrives."""

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

from livetrain._console.server_process import ServerProcess

EXAMPLES = Path(__file__).parents[2] / "examples"
# Run by tests/frameworks, where their frameworks are.
ELSEWHERE = {
    "fastai_digits.py",
    "flower_digits.py",
    "keras_digits.py",
    "transformers_digits.py",
    "transformers_docstrings.py",
    "ultralytics_digits.py",
}
EPOCHS, STEPS_PER_EPOCH = 3, 45  # 1,438 digits, 32 at a time


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "runs", tmp_path / "server.log") as server:
        yield server


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_every_example_is_run_and_described() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == {"pytorch_digits.py", "lightning_digits.py", *ELSEWHERE}
    folders = [Path(__file__).parents[1] / name for name in ("frameworks", "frameworks_vision")]
    run = "".join(path.read_text() for folder in folders for path in folder.glob("*.py"))
    assert all(f'{name}"' in run for name in ELSEWHERE)
    described = (EXAMPLES / "README.md").read_text()
    assert all(f"[{name}]({name})" in described for name in names)


@pytest.mark.parametrize(
    ("example", "run_name", "curves"),
    [
        ("pytorch_digits.py", "digits-pytorch", {"val/loss", "val/accuracy"}),
        (
            "lightning_digits.py",
            "Digits",
            {
                "accuracy",
                "learning_rate",
                "epoch/loss",
                "epoch/accuracy",
                "val/loss",
                "val/accuracy",
            },
        ),
    ],
)
def test_an_example(
    example: str, run_name: str, curves: set[str], server: ServerProcess, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example), "--epochs", str(EPOCHS)],
        cwd=tmp_path,
        env={**os.environ, "LIVETRAIN_SERVER": server.grpc, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = get(f"{server.http}/api/runs")["runs"]
    assert (run["name"], run["status"]) == (run_name, "finished")
    metrics = get(f"{server.http}/api/runs/{run['run_id']}/metrics")["metrics"]
    assert metrics["loss"]["steps"] == list(range(EPOCHS * STEPS_PER_EPOCH))
    assert curves <= metrics.keys()
    assert len(metrics["val/accuracy"]["steps"]) == EPOCHS
    assert metrics["val/accuracy"]["values"][-1] > 0.9
