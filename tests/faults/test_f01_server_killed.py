"""F01: the server is killed with -9 mid-stream, at random moments, many times."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.ledger import check_delivery, stream_of
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_delivered, assert_undisturbed


def kill_again_and_again(
    folder: Path, chance: random.Random, measure: Measure, *, kills: int, scalars: int
) -> None:
    # All events stay: the whole stream is compared, not only its end.
    with Server(folder, arguments=["--retain-events", "100000000"]) as server:
        trainer = Trainer(
            folder, server.grpc, steps=0, step_seconds=0.01, scalars=scalars, seed=kills, flush=15.0
        )
        trainer.wait_for_acknowledged(1, 20)
        for _ in range(kills):
            reached = trainer.steps + chance.randint(1, 60)
            trainer.wait_for_steps(reached, 30)
            server.kill()
            # The store as the kill left it: a promise that was given must be in there now.
            check_delivery(trainer, stream_of(trainer, server.data_dir), whole=False)
            server.start()
            trainer.wait_for_acknowledged(trainer.acknowledged + 1, 20)
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)
    measure("server_kills", kills)


def test_killed_a_few_times(folder: Path, chance: random.Random, measure: Measure) -> None:
    kill_again_and_again(folder, chance, measure, kills=3, scalars=1)


@pytest.mark.faults_full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(6))
def test_killed_three_hundred_times(
    folder: Path, chance: random.Random, measure: Measure, part: int
) -> None:
    kill_again_and_again(folder, chance, measure, kills=50, scalars=4)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("seconds", "figure", "bound"),
    [
        (5, "back_after_5s", 3.0),
        pytest.param(30, "back_after_30s", 5.0, marks=pytest.mark.faults_full),
        pytest.param(300, "back_after_5min", 6.0, marks=pytest.mark.faults_full),
    ],
)
def test_killed_and_back_after_a_while(
    folder: Path,
    server: Server,
    seed: int,
    measure: Measure,
    seconds: int,
    figure: str,
    bound: float,
) -> None:
    """The training tries again at the right time: not at once each time, and not minutes later."""
    trainer = Trainer(folder, server.grpc, steps=0, step_seconds=0.05, seed=seed, flush=15.0)
    trainer.wait_for_acknowledged(10, 20)
    server.kill()
    killed = time.monotonic()
    wait_until(lambda: time.monotonic() - killed >= seconds, seconds + 1, "it was away for so long")
    acknowledged = trainer.acknowledged
    server.start()
    back = trainer.wait_for_acknowledged(acknowledged + 1, 20)
    measure(figure, back)
    trainer.finish()
    assert_undisturbed(trainer, measure)
    assert_delivered(trainer, server, measure)
    assert back <= bound
