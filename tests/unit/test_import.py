"""`import livetrain` is cheap, and a monitor brings nothing with it that a training did not ask for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PROBE = """
import json, sys, threading, time
began = time.perf_counter()
import livetrain
seconds = time.perf_counter() - began
livetrain.Monitor(enabled=False).close()
print(json.dumps({
    "seconds": seconds,
    "packages": sorted({name.partition(".")[0] for name in sys.modules}),
    "modules": sorted(name for name in sys.modules if name.startswith("livetrain.")),
    "threads": threading.active_count(),
}))
"""
RUNS = 5


def _import_in_a_new_process() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def imports() -> list[dict[str, Any]]:
    return [_import_in_a_new_process() for _ in range(RUNS)]


def test_it_takes_under_a_fifth_of_a_second(imports: list[dict[str, Any]]) -> None:
    # What else the machine does only adds time: the quickest run is the closest to the cost.
    assert min(report["seconds"] for report in imports) < 0.2


@pytest.mark.parametrize(
    "package",
    [
        *("torch", "lightning", "pytorch_lightning", "tensorflow", "keras", "transformers"),
        *("fastapi", "starlette", "uvicorn", "websockets", "sqlalchemy", "pydantic", "sklearn"),
    ],
)
def test_a_monitor_loads_no_framework_and_no_web_package(
    imports: list[dict[str, Any]], package: str
) -> None:
    assert package not in imports[0]["packages"]


def test_a_monitor_loads_nothing_of_the_server(imports: list[dict[str, Any]]) -> None:
    modules = imports[0]["modules"]
    assert "livetrain._monitor" in modules
    assert [name for name in modules if name.startswith("livetrain.server")] == []


def test_a_disabled_monitor_starts_no_thread(imports: list[dict[str, Any]]) -> None:
    assert imports[0]["threads"] == 1
