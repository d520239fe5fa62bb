"""F19: the spool of a killed trainer is damaged before it is uploaded. Every byte: tests/unit/test_spool.py."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.conftest import Measure
from tests.faults.ledger import check_delivery, read_store
from tests.faults.processes import Server, synchronize
from tests.faults.test_f05_trainer_killed import UNWRITTEN_SECONDS, start_and_kill


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_what_is_whole_arrives_and_the_rest_is_marked(
    folder: Path, server: Server, chance: random.Random, measure: Measure, damage: str
) -> None:
    killed = start_and_kill(folder, server, seed=1, steps=100)
    newest = max((folder / "spool").glob("**/*.seg"))
    data = bytearray(newest.read_bytes())
    if damage == "cut":
        del data[chance.randrange(len(data) // 2, len(data)) :]
    else:
        for _ in range(5):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    newest.write_bytes(data)
    server.start()
    assert synchronize(folder, server).wait(30) == 0
    (stream,) = read_store(server.data_dir)
    delivery = check_delivery(killed, stream, whole=False)
    measure("acknowledged_lost", delivery.acknowledged_lost)
    if damage == "flipped":
        assert 1 <= delivery.tombstones <= 5
        times = [entry["time"] for entry in killed.entries() if "step" in entry]
        unwritten = 2 * sum(at >= times[-1] - UNWRITTEN_SECONDS for at in times)
        assert delivery.missing <= 5 + unwritten, "more than the damage and the kill took"
    assert killed.entries()[-1]["step"] - max(stream.batches) < 100
    assert "Traceback" not in (folder / "sync.err").read_text()
