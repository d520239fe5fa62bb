from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.processes import Server, kill_leftovers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    yield
    kill_leftovers()
