"""Every fault, over and over, under a training that runs beside the same training without telemetry."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.faults.conftest import FULL, Measure
from tests.faults.ledger import StoredStream, read_store
from tests.faults.pair import Pair
from tests.faults.processes import Trainer
from tests.faults.scenes import SCENES
from tests.faults.verdict import (
    assert_delivered,
    assert_no_stalls,
    assert_undisturbed,
    percentile,
    stalls,
    totals,
)

STEPS = 400 if FULL else 100
IN_EVERY_RUN = {"F01 server killed"}


def stream_of(trainer: Trainer, data_dir: Path) -> StoredStream:
    """Return the stream of this training; there may be others'."""
    losses = {entry["step"]: entry["loss"] for entry in trainer.entries() if "step" in entry}
    (found,) = [
        stream
        for stream in read_store(data_dir)
        if stream.batches and stream.batches.items() <= losses.items()
    ]
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in IN_EVERY_RUN else pytest.mark.faults_full)
        for name in SCENES
    ],
)
def test_nothing_of_a_fault_reaches_the_training(
    folder: Path,
    chance: random.Random,
    measure: Measure,
    row: dict[str, object],
    name: str,
) -> None:
    row["fault"] = name
    with SCENES[name](folder, chance) as stage:
        pair = Pair(folder, stage, steps=STEPS, seed=chance.randrange(1000))
        subject, control = pair.subject, pair.control
        while not subject.finished and subject.alive:
            stage.act(subject)
        stage.mend()
        summary = assert_undisturbed(subject, measure, seconds=120, punctual=False)
        assert_undisturbed(control, measure, seconds=60, punctual=False)
        assert len(totals(subject)) == len(totals(control)), "the number of steps is another"
        for entry, other in zip(subject.entries(), control.entries(), strict=True):
            assert entry.get("loss") == other.get("loss"), "the result is another"
        with_us, without = (percentile(totals(t), 0.99) for t in (subject, control))
        longest, usual = (max(stalls(t)) * 1e3 for t in (subject, control))
        logging = max(entry["log"] for entry in subject.entries() if "step" in entry) * 1e3
        row.update(
            p99_ms=with_us * 1e3,
            ratio=with_us / without,
            stall_ms=longest,
            control_stall_ms=usual,
            log_ms=logging,
            reconnects=summary["reconnects"],
            stripped=summary["stripped"],
            dropped=summary["dropped"],
        )
        if stage.punctual:
            measure("step_p99_ratio", with_us / without)
            measure("stall_ms", longest)
        if stage.server is not None:
            assert summary["flushed"], summary
            stream = stream_of(subject, stage.server.data_dir)
            delivery = assert_delivered(subject, stage.server, measure, stream=stream)
            row.update(produced=delivery.produced, stored=delivery.stored, missing=delivery.missing)
            thinned = summary["dropped"].get("thinned", 0)
            assert thinned == stream.tombstones, "what was thinned is counted otherwise"
            assert (thinned > 0) == ("space" in name)
            assert "Traceback" not in stage.server.log(), stage.server.log()[-3000:]
        else:
            assert summary["acknowledged"] == 0
            measure(
                "trainer_memory_mib", max(e.get("memory", 0) for e in subject.entries()) / 2**20
            )
            row.update(produced=2 * STEPS, stored=0, missing="away")
    print(json.dumps(row))
    # The worst single step and the ratio are for the report: here a machine with other work may show.
    if stage.punctual:
        assert_no_stalls(subject)
