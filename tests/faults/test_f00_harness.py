"""The harness itself: without a fault everything arrives, and the checker sees what is wrong."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.faults.conftest import Measure
from tests.faults.ledger import check_delivery, stream_of
from tests.faults.processes import Server, Trainer
from tests.faults.verdict import assert_delivered, assert_undisturbed


def test_no_fault(folder: Path, server: Server, seed: int, measure: Measure) -> None:
    trainer = Trainer(folder, server.grpc, steps=60, seed=seed)
    summary = assert_undisturbed(trainer, measure)
    assert summary["delivered"]
    assert_delivered(trainer, server, measure)

    stream = stream_of(trainer, server.data_dir)
    batches = [
        index for index, record in enumerate(stream.records) if record.HasField("batch_data")
    ]
    for damage, complaint in (
        (lambda records: records.pop(batches[5]), "gaps"),
        (lambda records: records.append(records[3]), "twice"),
        (lambda records: records.insert(0, records.pop()), "gaps"),
        (lambda records: setattr(records[batches[5]].batch_data, "exact_loss", 7.0), "differ"),
        (lambda records: records[batches[5]].ClearField("batch_data"), "missing"),
    ):
        damaged = copy.deepcopy(stream)
        damage(damaged.records)
        with pytest.raises(AssertionError, match=complaint):
            check_delivery(trainer, damaged)
    behind = copy.deepcopy(stream)
    del behind.records[-1]
    behind.durable_seq -= 1
    with pytest.raises(AssertionError, match="acknowledged"):
        check_delivery(trainer, behind, whole=False)
