"""What is damaged in the store costs itself, and is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, select, update

from livetrain.server.curve_json import curve_pieces
from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.buckets import bucketize
from livetrain.server.store.chunk import DATA, STEP_LEVEL, part_key
from livetrain.server.store.grid import Window
from livetrain.server.store.question import Buckets, Curve, Lost, Question
from tests.unit.server.store.examples import curve, same
from tests.unit.server.store.test_store_curves import ask
from tests.unit.server.store.world import RunWorld, opened

POINTS = curve(np.random.default_rng(0).normal(size=12_000))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunWorld]:
    with opened(tmp_path / "livetrain.db") as world:
        run = world.add_run()
        for start in range(0, 12_000, 4_000):
            run.log({"x": POINTS.take(slice(start, start + 4_000))})
            run.seal()
        yield run


def damage(run: RunWorld, key: int, data: bytes | None) -> None:
    parts = schema.chunk_parts
    with run.world.store.writer.begin() as connection:
        if data is None:
            connection.execute(delete(parts).where(parts.c.key == key))
            return
        there = connection.execute(select(parts.c.data).where(parts.c.key == key)).scalar()
        assert there is not None
        broken = there[:100] + data + there[100 + len(data) :]
        connection.execute(update(parts).where(parts.c.key == key).values(data=broken))


@pytest.mark.parametrize("data", [b"\x00\xff", None])
def test_a_damaged_chunk_costs_its_range_which_is_named(run: RunWorld, data: bytes | None) -> None:
    damage(run, part_key(2, DATA), data)
    found = ask(run, "x", Question())
    assert isinstance(found, Curve)
    same(found.series, Series.join([POINTS.between(0, 3_999), POINTS.between(8_000, None)]))
    assert found.lost == (Lost(4_000, 7_999, 4_000),)
    assert found.total == 8_000
    (piece,) = [p for p in [b"".join(curve_pieces({"x": found}))]]
    assert b'"corrupt":[{"from":4000,"to":7999,"points":4000}]' in piece
    # Its level says still what was in it.
    buckets = ask(run, "x", Question(Window(), 50, "buckets"))
    assert isinstance(buckets, Buckets)
    np.testing.assert_array_equal(buckets.rows, bucketize(POINTS, "step", buckets.width))
    fine = ask(run, "x", Question(Window(), 12_000, "buckets"))
    assert isinstance(fine, Buckets)
    assert (fine.total, fine.lost) == (8_000, (Lost(4_000, 7_999, 4_000),))


@pytest.mark.parametrize("data", [b"\x00\xff", None])
def test_points_stand_in_for_a_damaged_level(run: RunWorld, data: bytes | None) -> None:
    damage(run, part_key(2, STEP_LEVEL), data)
    found = ask(run, "x", Question(Window(), 50, "buckets"))
    assert isinstance(found, Buckets)
    assert found.lost == ()
    np.testing.assert_array_equal(found.rows, bucketize(POINTS, "step", found.width))


def test_points_stand_in_for_a_damaged_summary(run: RunWorld) -> None:
    with run.world.store.writer.begin() as connection:
        values: dict[str, Any] = {"summary": b"x" * 188}
        connection.execute(update(schema.chunks).where(schema.chunks.c.key == 2).values(**values))
    found = ask(run, "x", Question(Window(), 1, "buckets"))
    assert isinstance(found, Buckets)
    np.testing.assert_array_equal(found.rows, bucketize(POINTS, "step", found.width))
    with run.world.store.writer.begin() as connection:
        connection.execute(update(schema.metrics).values(summary=None))
    summary = run.reader.metric_page(run.key, limit=1).summaries["x"]
    assert (summary.points, summary.low) == (12_000, POINTS.values.min())


def test_a_damaged_record_costs_itself(run: RunWorld) -> None:
    run.log({"x": curve([1.0], first=20_000)})
    run.log({"x": curve([2.0], first=20_001)})
    events = schema.events
    with run.world.store.writer.begin() as connection:
        connection.execute(
            update(events).where(events.c.offset == run.offset - 1).values(record=b"\xff\xff")
        )
    assert run.curves("x")["x"].steps.tolist()[-2:] == [11_999, 20_001]
    run.seal()
    assert run.curves("x")["x"].steps.tolist()[-2:] == [11_999, 20_001]
