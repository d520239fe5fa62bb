"""What the tests of the integrations share: no word to a hub, one thread, and a server.

They run in an environment of their own: `nox -s frameworks`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before any framework is imported.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    KERAS_BACKEND="torch",
    FLWR_TELEMETRY_ENABLED="0",
    RAY_USAGE_STATS_ENABLED="0",
    YOLO_OFFLINE="true",
    YOLO_AUTOINSTALL="false",
    TOKENIZERS_PARALLELISM="false",
)

import pytest
import torch

from livetrain import _warnings
from livetrain._console.server_process import ServerProcess


def pytest_configure(config: pytest.Config) -> None:
    # Frameworks warn of their own future, at their import already; what warns of ours is an error.
    config.addinivalue_line("filterwarnings", "default")
    config.addinivalue_line("filterwarnings", "error:::livetrain")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warnings, "_last", {})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    """A server, and the environment that leads to it."""
    with ServerProcess(tmp_path / "runs", tmp_path / "server.log") as server:
        monkeypatch.setenv("LIVETRAIN_SERVER", server.grpc)
        yield server


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that nobody answers at."""
    from tests.faults.processes import free_port

    monkeypatch.setenv("LIVETRAIN_SERVER", f"127.0.0.1:{free_port()}")
