"""F20, F21: wall clocks that jump by an hour or a year while everything runs; clocks of two hosts that disagree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Measure
from tests.faults.ledger import api, stream_of
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_delivered, assert_undisturbed
from tests.faults.wrong_clock import WrongClock

YEAR = 365 * 86400


@pytest.mark.parametrize(
    ("whose", "jump"),
    [
        ("server", YEAR),
        ("trainer", -3600),
        *(
            pytest.param(whose, jump, marks=pytest.mark.faults_full)
            for whose, jump in [
                ("server", 3600),
                ("server", -3600),
                ("server", -YEAR),
                ("trainer", 3600),
                ("trainer", YEAR),
                ("trainer", -YEAR),
            ]
        ),
    ],
)
def test_a_clock_jumps(folder: Path, seed: int, measure: Measure, whose: str, jump: int) -> None:
    clock = WrongClock(folder, whose)
    env = {"server": {}, "trainer": {}, whose: clock.env}
    with Server(folder, env=env["server"]) as server:
        trainer = Trainer(folder, server.grpc, env=env["trainer"], steps=0, seed=seed, flush=15.0)
        trainer.wait_for_acknowledged(20, 20)
        clock.set(jump)
        trainer.wait_for_acknowledged(trainer.acknowledged + 50, 20)
        trainer.finish()
        # libfaketime reads its file at every look at a clock: that alone stalls a step.
        summary = assert_undisturbed(trainer, measure, punctual=whose == "server")
        assert summary["reconnects"] == 0, "a wrong clock ended a connection"
        assert_delivered(trainer, server, measure)
        (run,) = api(server, "/api/runs")["runs"]
        assert run["status"] == "finished"
        stream = stream_of(trainer, server.data_dir)
        steps = api(server, f"/api/runs/{stream.run_id}/metrics?names=loss")["metrics"]["loss"][
            "steps"
        ]
        assert steps == sorted(stream.batches)


@pytest.mark.faults_full
@pytest.mark.parametrize("skew", [-86_400, 90])
def test_f21_clocks_that_disagree(folder: Path, seed: int, measure: Measure, skew: int) -> None:
    """Two hosts, a day or a minute and a half apart, from the beginning."""
    clock = WrongClock(folder, "server")
    clock.set(skew)
    with Server(folder, env=clock.env) as server:
        trainer = Trainer(folder, server.grpc, steps=200, seed=seed, flush=15.0)
        summary = assert_undisturbed(trainer, measure)
        assert summary["reconnects"] == 0
        assert_delivered(trainer, server, measure)
        (run,) = api(server, "/api/runs")["runs"]
        assert run["status"] == "finished"
