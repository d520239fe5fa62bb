"""What every fault starts from: a seed that repeats it, a folder, figures that go into the report."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.figures import FIGURES
from tests.faults.ledger import StoredStream, read_store
from tests.faults.processes import Server, kill_leftovers

SEED = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(1 << 32))
FULL = bool(os.environ.get("FAULTS_FULL"))


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and so would every training that is started from it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "faults_full: takes long; runs with FAULTS_FULL=1, as nox -s faults does"
    )


def pytest_report_header() -> str:
    return f"faults: FAULT_SEED={SEED}{' FAULTS_FULL=1' if FULL else ''}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if FULL:
        return
    long = [item for item in items if item.get_closest_marker("faults_full")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    yield
    kill_leftovers()


@pytest.fixture
def seed() -> int:
    print(f"repeat with FAULT_SEED={SEED}")  # shown with a failure
    return SEED


@pytest.fixture
def chance(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """Randomness of this one test: the same whichever tests run before it."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with Server(folder) as running:
        yield running


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the faults that are the trainer's alone: nothing may end it, and nothing does."""
    with Server(tmp_path_factory.mktemp("shared"), lasting=True) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.log(), running.log()[-3000:]


@pytest.fixture
def new_streams(shared_server: Server) -> Callable[[], list[StoredStream]]:
    """What this test's trainings left in the shared server's store."""
    before = {stream.run_id for stream in read_store(shared_server.data_dir)}

    def new() -> list[StoredStream]:
        return [s for s in read_store(shared_server.data_dir) if s.run_id not in before]

    return new


@pytest.fixture
def row(request: pytest.FixtureRequest) -> dict[str, object]:
    """What is filled in goes into the report's table of faults."""
    filled: dict[str, object] = {}
    request.node.user_properties.append(("row", filled))
    return filled


NewStreams = Callable[[], list[StoredStream]]
Measure = Callable[[str, float], None]


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Give a figure of `tests.faults.figures` to the report."""

    def give(name: str, value: float) -> None:
        assert name in FIGURES
        print(f"{name} = {value:g} {FIGURES[name].unit}")
        request.node.user_properties.append((name, value))

    return give
