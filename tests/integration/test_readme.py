"""The snippets of the README, and so of the tutorial, run as they stand and arrive whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from livetrain._console.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EPOCHS, IMAGES, BATCH = 5, 1797, 32
STEPS = EPOCHS * -(-IMAGES // BATCH)


def snippet(name: str) -> str:
    found = re.search(rf"<!-- begin: {name} -->\n```python\n(.*?)```\n<!-- end", README, re.DOTALL)
    assert found, f"README.md has no snippet {name!r}"
    return found[1]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("name", ["loop", "lightning"])
def test_a_snippet_trains_and_every_step_arrives(name: str, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "runs", tmp_path / "server.log") as server:
        done = subprocess.run(
            [sys.executable, "-c", snippet(name)],
            cwd=tmp_path,
            env={**os.environ, "LIVETRAIN_SERVER": server.grpc},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (run,) = get(f"{server.http}/api/runs")["runs"]
        metrics = get(f"{server.http}/api/runs/{run['run_id']}/metrics?names=loss")["metrics"]
    assert run["status"] == "finished"
    loss = metrics["loss"]
    assert loss["steps"] == list(range(STEPS))
    assert sum(loss["values"][-50:]) < 0.5 * sum(loss["values"][:50])
