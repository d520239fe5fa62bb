"""One server for all endings, and the runs that a test made on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.processes import Server, kill_leftovers
from tests.integration.endings.runs import Runs


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """Let SIGINT reach the trainings: a shell's background job ignores it, and so would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), lasting=True) as running:
        yield running


@pytest.fixture
def runs(server: Server) -> Iterator[Runs]:
    yield Runs(server)
    kill_leftovers()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
