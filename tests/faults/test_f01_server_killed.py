"""F01: the server is killed with -9 mid-stream, at random moments, many times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

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
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(3))
def test_killed_a_hundred_times(
    folder: Path, chance: random.Random, measure: Measure, part: int
) -> None:
    kill_again_and_again(folder, chance, measure, kills=100, scalars=2)
