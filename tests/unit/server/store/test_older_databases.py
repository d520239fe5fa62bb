"""A database that an earlier release wrote opens with everything in it.

`tests/golden/store_of_schema_0003.db.gz` was written by a server of that schema: a run of 6,000 steps of which most are in chunks,
a resumed run, one of two ranks of which one was lost, an older client's, and one that was under way when the server ended.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livetrain.server.series import Series
from livetrain.server.store.engine import open_store
from livetrain.server.store.question import Curve, Question
from livetrain.server.store.reader import Reader

_GOLDEN = Path(__file__).parents[3] / "golden" / "store_of_schema_0003.db.gz"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    path = tmp_path / "livetrain.db"
    path.write_bytes(gzip.decompress(_GOLDEN.read_bytes()))
    store = open_store(f"sqlite:///{path}")
    yield Reader(store.reader)
    store.close()


def keys(reader: Reader) -> dict[str, int]:
    return {str(row["name"]): int(row["key"]) for row in reader.runs(limit=10, before=None)}


def curves(reader: Reader, run: str) -> dict[str, Series]:
    found = reader.curves(keys(reader)[run], question=Question())
    return {name: curve.series for name, curve in found.items() if isinstance(curve, Curve)}


def test_every_run_is_there_as_it_stood(reader: Reader) -> None:
    rows = reader.runs(limit=10, before=None)
    assert [(row["name"], row["status"], row["steps"]) for row in rows] == [
        ("goes on", "running", 2),
        ("older", "running", 5),
        ("ranks", "finished", 11),
        ("resumed", "failed", 15),
        ("sealed", "finished", 6000),
    ]
    assert {row["protocol"] for row in rows} == {0, 1}


def test_every_point_is_there_from_chunks_and_from_records(reader: Reader) -> None:
    found = curves(reader, "sealed")
    assert sorted(found) == ["epoch/loss", "loss2", "odd/näme,1"]
    for name, values in (("loss2", np.arange(6000) / 1000), ("odd/näme,1", -np.arange(6000.0))):
        columns = found[name]
        if name != "loss2":
            values[77] = np.nan
        assert np.array_equal(columns.steps, np.arange(6000))
        assert np.array_equal(columns.values, values, equal_nan=True)
        assert np.array_equal(columns.times_us, (1_700_000_000_002 + np.arange(6000)) * 1000)


def test_what_had_several_streams_is_one_attempt_each(reader: Reader) -> None:
    loss = curves(reader, "resumed")["loss"]
    assert (len(loss), loss.values.sum()) == (20, 30.0)
    streams = reader.streams(keys(reader)["resumed"])
    assert [(s["stream_id"], s["attempt"], s["from_step"]) for s in streams] == [
        ("first", 1, 0),
        ("second", 1, 0),
    ]
