"""F04: the power goes. Whatever the disk kept of what no sync covered, all that was acknowledged is there."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from pathlib import Path

import pytest

from tests.faults.conftest import Measure
from tests.faults.ledger import read_store
from tests.faults.powerloss import Trace
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_delivered, assert_undisturbed


def power_goes(
    folder: Path, chance: random.Random, measure: Measure, *, steps: int, moments: int
) -> None:
    trace = Trace(folder / "trace", folder / "data")
    with Server(folder, prefix=trace.prefix) as server:
        trainer = Trainer(folder, server.grpc, steps=steps, seed=steps, scalars=3, flush=30.0)
        assert_undisturbed(trainer, measure, seconds=120)
        assert_delivered(trainer, server, measure)
        server.stop()
    trace.read()
    seen = [(e["wall"], e["acknowledged"]) for e in trainer.entries() if "step" in e]
    compared = 0
    for moment in trace.moments(chance, moments):
        acknowledged = max((count for wall, count in seen if wall <= moment), default=0)
        with tempfile.TemporaryDirectory() as scratch:
            trace.files_at(moment, Path(scratch), chance)
            try:
                streams = read_store(Path(scratch))
            except (sqlite3.DatabaseError, ValueError):
                # The power went before there was a store; nobody was promised anything yet.
                assert acknowledged == 0
                continue
        seqs = streams[0].seqs if streams else []
        stored = streams[0].calls if streams else 0
        assert seqs == list(range(1, len(seqs) + 1))
        assert stored >= acknowledged, f"{acknowledged} were acknowledged, {stored} are stored"
        compared += acknowledged
    assert compared, "no moment was after an acknowledgement"
    measure("acknowledged", compared)
    measure("acknowledged_lost", 0)


def test_power_goes(folder: Path, chance: random.Random, measure: Measure) -> None:
    power_goes(folder, chance, measure, steps=100, moments=40)


@pytest.mark.faults_full
@pytest.mark.timeout(900)
def test_power_goes_often(folder: Path, chance: random.Random, measure: Measure) -> None:
    power_goes(folder, chance, measure, steps=1000, moments=400)
