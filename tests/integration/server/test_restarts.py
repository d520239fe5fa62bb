"""A training that its launcher starts again goes on in its run, and one that may not go on there is a run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.runs import get
from tests.integration.server.trainer import Trainer

TRAINING = """
import os, sys, livetrain
name, first, last, dies = sys.argv[1], *map(int, sys.argv[2:])
with livetrain.Monitor(name) as monitor:
    for step in range(first, last):
        monitor.log_batch(None, None, 1 / (step + 1), step=step)
    assert monitor.flush(60)
    if dies:
        os._exit(1)
"""


@pytest.fixture
def server(shared_server: ServerProcess) -> ServerProcess:
    return shared_server


class Starts:
    """Starts trainings of one name in one session."""

    def __init__(self, server: ServerProcess, folder: Path, name: str) -> None:
        self.server, self.name = server, name
        self._base = {
            **os.environ,
            "LIVETRAIN_SERVER": server.grpc,
            "LIVETRAIN_SPOOL_DIR": str(folder),
            "LIVETRAIN_SESSION": f"the-secret-word-of-{name}",
        }

    def start(
        self, rank: int, size: int, first: int, last: int, *, dies: bool = False, **env: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                *(sys.executable, "-c", TRAINING),
                *(self.name, str(first), str(last), str(int(dies))),
            ],
            env={**self._base, "RANK": str(rank), "WORLD_SIZE": str(size), **env},
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: Any, **options: Any) -> str:
        """Make one start of one rank, and return what it wrote."""
        return self.start(*args, **options).communicate(timeout=90)[1]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The runs, the oldest first."""
        runs = get(self.server, f"/api/runs?q={self.name}")["runs"]
        whole = [get(self.server, f"/api/runs/{run['run_id']}") for run in runs]
        return sorted(
            (run for run in whole if run["name"] == self.name), key=lambda r: r["created_at"]
        )


@pytest.fixture
def starts(server: ServerProcess, tmp_path: Path, request: pytest.FixtureRequest) -> Starts:
    return Starts(server, tmp_path, request.node.name.replace("[", "-").strip("]")[-40:])


def test_a_restarted_training_is_another_attempt_of_its_run(starts: Starts) -> None:
    counts = ({}, {"TORCHELASTIC_RESTART_COUNT": "1"}, {"SLURM_RESTART_COUNT": "1"})
    for again, count in enumerate(counts):
        first, last = again * 20, again * 20 + 40
        ranks = [starts.start(rank, 2, first, last, dies=again < 2, **count) for rank in range(2)]
        said = [rank.communicate(timeout=90)[1] for rank in ranks]
        assert "refused" not in "".join(said)
    (run,) = starts.shown
    assert (run["status"], run["steps"], run["remarks"]) == ("finished", 80, [])
    assert [(a["attempt"], a["from_step"]) for a in run["attempts"]] == [(1, 0), (2, 20), (3, 40)]
    assert [(r["rank"], r["status"], r["steps"]) for r in run["ranks"]] == [
        (0, "finished", 80),
        (1, "finished", 80),
    ]


def test_a_restart_may_have_another_number_of_ranks(starts: Starts) -> None:
    for rank in range(2):
        starts.run(rank, 2, 0, 10, dies=True)
    # Rank 1 of the new start comes first.
    for rank in (1, 0, 2):
        starts.run(rank, 3, 10, 20, TORCHELASTIC_RESTART_COUNT="1")
    (run,) = starts.shown
    assert (run["world_size"], [r["status"] for r in run["ranks"]]) == (3, ["finished"] * 3)


def test_one_that_may_not_go_on_there_is_a_run_of_its_own(starts: Starts) -> None:
    assert starts.run(0, 1, 0, 10) == ""
    said = starts.run(0, 1, 0, 30)
    assert "it shows as a run of its own" in said
    assert "resume_token" in said, "with the reason"
    assert [(run["status"], run["steps"]) for run in starts.shown] == [
        ("finished", 10),
        ("finished", 30),
    ]


def test_a_rank_alone_is_shown_as_it_stands(starts: Starts) -> None:
    one = starts.start(1, 2, 0, 10)
    one.communicate(timeout=90)
    (run,) = starts.shown
    assert (run["status"], run["steps"], run["remarks"]) == ("finished", 10, [])
    assert [(r["rank"], r["status"], r["steps"]) for r in run["ranks"]] == [(1, "finished", 10)]


def test_a_start_is_let_in_once_for_each_rank(server: ServerProcess) -> None:
    with Trainer(server.grpc, stream_id="0-a") as first:
        assert first.register(world_size=2).success

        def joins(stream_id: str, rank: int, restart: int, world_size: int = 2, *left: str) -> bool:
            other = Trainer(server.grpc, session_id=first.session_id, stream_id=stream_id)
            with other:
                return other.register(
                    rank=rank, world_size=world_size, restart_count=restart, capabilities=left
                ).success

        assert not joins("0-b", 0, 0)
        assert joins("0-c", 0, 1)
        assert not joins("0-d", 0, 1)
        assert joins("1-a", 1, 1)
        assert not joins("2-a", 2, 1), "the start was registered with two ranks"
        assert not joins("1-b", 1, 1, world_size=3)
        assert not joins("1-c", 1, 0), "an earlier start is over"
        assert joins("1-c", 1, 0, 2, "leftover"), "what it left on its disk"
        assert not joins("1-d", 1, 0, 2, "leftover")


def test_nobody_starts_a_training_again_that_goes_on(server: ServerProcess) -> None:
    """Who knows the session of a run that is connected is not let in by a count that they make up."""
    with Trainer(server.grpc, stream_id="0-a") as first:
        first.register(run_name="goes on")
        first.open()
        first.batch(1)
        first.wait_durable(1)
        with Trainer(server.grpc, session_id=first.session_id, stream_id="0-b") as other:
            answer = other.register(restart_count=1, run_name="taken over")
            assert (answer.success, answer.retryable) == (False, True)
            assert "still connected" in answer.message
            assert not other.register(restart_count=2**63).success
        first.batch(2)
        first.wait_durable(2)
        assert not first.errors
        run_id = first.register().run_id
        assert get(server, f"/api/runs/{run_id}")["name"] == "goes on"
    with Trainer(server.grpc, session_id=first.session_id, stream_id="0-c") as again:
        until(lambda: again.register(restart_count=1).success, "it to be let in")
        assert not again.register(stream_id="0-d", restart_count=2**63).success
        again.token = ""
        assert not again.register(stream_id="0-d", restart_count=2**63).success
