"""Each framework's example runs as it stands, and every step of it arrives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livetrain._console.server_process import ServerProcess
from tests.frameworks.world import only_run

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = {"accuracy", "epoch/loss", "val/loss", "val/accuracy"}


@pytest.mark.parametrize(
    ("example", "epochs", "run_name", "curves", "better_than"),
    [
        ("transformers_digits.py", 4, "digits-transformers", {*DIGITS, "learning_rate"}, 0.7),
        ("keras_digits.py", 4, "digits-keras", {*DIGITS, "learning_rate"}, 0.8),
        ("transformers_docstrings.py", 4, "docstrings", {*DIGITS, "learning_rate"}, 0.5),
    ],
)
def test_an_example(
    example: str,
    epochs: int,
    run_name: str,
    curves: set[str],
    better_than: float,
    server: ServerProcess,
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example), "--epochs", str(epochs)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run, metrics = only_run(server)
    assert (run["name"], run["status"]) == (run_name, "finished")
    assert metrics["loss"]["steps"] == list(range(run["steps"]))
    assert len(metrics["epoch/loss"]["steps"]) == epochs
    assert curves <= metrics.keys()
    assert metrics["val/accuracy"]["values"][-1] > better_than
    assert run["frames"] > 0
    assert "livetrain failed" not in done.stderr
