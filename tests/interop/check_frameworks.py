"""Each framework's example, with a server and without: what the integration was given is what is stored, and no loss differs.

A check is listed where its framework is installed; `python -m tests.interop.check_frameworks` prints the lines of those alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from livetrain._console.server_process import ServerProcess
from tests.interop.table import Check, Line, print_line

__all__ = ["CHECKS"]

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).parent / "clients/framework.py"
# The package that must be there, the name of the line, the example, and its argument.
EXAMPLES = [
    ("lightning", "plain PyTorch loop", "pytorch_digits.py", "--epochs=2"),
    ("lightning", "Lightning", "lightning_digits.py", "--epochs=2"),
    ("transformers", "Transformers, images", "transformers_digits.py", "--epochs=2"),
    ("transformers", "Transformers, texts", "transformers_docstrings.py", "--epochs=2"),
    ("keras", "Keras", "keras_digits.py", "--epochs=2"),
    ("fastai", "fastai", "fastai_digits.py", "--epochs=2"),
    ("ultralytics", "Ultralytics", "ultralytics_digits.py", "--epochs=2"),
    ("flwr", "Flower, 4 clients", "flower_digits.py", "--rounds=3"),
]


def run_example(example: str, argument: str, folder: Path, **settings: str) -> dict[str, Any]:
    """Run an example and return what its integration gave the monitor."""
    quiet = {"KERAS_BACKEND": "torch", "HF_HUB_OFFLINE": "1", "FLWR_TELEMETRY_ENABLED": "0"}
    quiet |= {"RAY_USAGE_STATS_ENABLED": "0", "YOLO_OFFLINE": "true", "OMP_NUM_THREADS": "1"}
    quiet |= {"YOLO_CONFIG_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(CLIENT), str(ROOT / "examples" / example), argument],
        cwd=folder,
        env={**os.environ, **quiet, **settings},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def example(name: str, script: str, argument: str, folder: Path) -> Sequence[Line]:
    """Run an example with a server and without, and compare."""
    with ServerProcess(folder / "data", folder / "server.log") as server:
        told = run_example(script, argument, folder, LIVETRAIN_SERVER=server.grpc)
        (run,) = ask(f"{server.http}/api/runs")["runs"]
        details = ask(f"{server.http}/api/runs/{run['run_id']}")
        curves = ask(f"{server.http}/api/runs/{run['run_id']}/metrics")["metrics"]
    assert run["status"] == "finished", run
    losses = told["rounds"] or told["losses"]
    curve = curves["round/fit/loss" if told["rounds"] else "loss"]
    assert curve["steps"] == [int(step) for step in losses]
    # A batch's loss travels in single precision, as the frameworks compute it.
    stored, given = np.float32(curve["values"]), np.float32(list(losses.values()))
    assert stored.tobytes() == given.tobytes()
    if told["rounds"]:
        clients = {curve.split("/")[1] for curve in curves if curve.startswith("client/")}
        sent, seen = f"{len(losses)} rounds", f"one run, finished; {len(clients)} clients"
        compared = "its curve is what the strategy aggregated, bit by bit"
    else:
        alone = run_example(script, argument, folder, LIVETRAIN_MODE="disabled")
        assert alone["losses"] == told["losses"]
        assert details["frames"] > 0
        sent = f"{len(losses)} steps"
        seen = f"one run, finished; {details['frames']} frames, {len(curves)} curves"
        compared = "its curve is what was computed, bit by bit, and so is it without livetrain"
    return [Line(name, sent, seen, compared)]


CHECKS: dict[str, Check] = {
    script.removesuffix(".py"): partial(example, name, script, argument)
    for package, name, script, argument in EXAMPLES
    if find_spec(package) is not None
}

if __name__ == "__main__":
    for check in CHECKS.values():
        with tempfile.TemporaryDirectory() as scratch:
            os.environ["XDG_STATE_HOME"] = f"{scratch}/state"
            for line in check(Path(scratch)):
                print_line(line)
