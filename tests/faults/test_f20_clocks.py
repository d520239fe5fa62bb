"""F20: wall clocks that are wrong, and that jump by an hour or a year while everything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Measure
from tests.faults.ledger import api, stream_of
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_delivered, assert_undisturbed

YEAR = 365 * 86400


class WrongClock:
    """A wall clock that is off by so many seconds, for processes with its `env`; the monotonic clock is right."""

    def __init__(self, folder: Path, name: str) -> None:
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not libraries:
            pytest.skip("another clock needs libfaketime")
        self._file = folder / f"{name}.clock"
        self.env = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        self._file.write_text(f"{seconds:+d}")


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
