"""The command that a benchmark, or the page about them, gives is one that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "tests" / "benchmarks"
COMMAND = re.compile(r"python (.*?)\b(bench_\w+|bare)\b")


def test_a_benchmark_is_run_as_a_module_of_the_tests() -> None:
    texts = [*BENCHMARKS.glob("b*.py"), ROOT / "docs/benchmarks.md"]
    given = {path.name: COMMAND.findall(path.read_text("utf-8")) for path in texts}
    assert given.pop("bench_peers.py") == []  # which has a session of its own
    assert all(given.values())
    for how, module in (command for found in given.values() for command in found):
        assert how == "-m tests.benchmarks."
        assert (BENCHMARKS / f"{module}.py").is_file()


def test_it_needs_no_setting() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_scalars", "--help"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert "--points" in done.stdout
