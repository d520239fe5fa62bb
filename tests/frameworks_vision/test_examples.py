"""The examples of the frameworks that need torchvision run as they stand, and every step of them arrives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livetrain._console.server_process import ServerProcess
from tests.frameworks.world import only_run

ROOT = Path(__file__).parents[2]
RUN = "import runpy, sys, tests.frameworks_vision.operators; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


@pytest.mark.parametrize(
    ("example", "run_name", "accuracy", "better_than"),
    [
        ("fastai_digits.py", "digits-fastai", "val/accuracy", 0.8),
        ("ultralytics_digits.py", "digits-ultralytics", "val/accuracy_top5", 0.5),
    ],
)
def test_an_example(
    example: str,
    run_name: str,
    accuracy: str,
    better_than: float,
    server: ServerProcess,
    tmp_path: Path,
) -> None:
    epochs = 4
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "examples" / example), "--epochs", str(epochs)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run, metrics = only_run(server)
    assert (run["name"], run["status"]) == (run_name, "finished")
    assert metrics["loss"]["steps"] == list(range(run["steps"]))
    assert len(metrics["epoch/loss"]["steps"]) == epochs
    assert metrics[accuracy]["values"][-1] > better_than
    assert run["frames"] > 0
    assert "livetrain failed" not in done.stderr
