"""Curves that an earlier release packed are answered as they were logged, before and after they are packed anew.

`tests/golden/curves_of_schema_0003.db.gz` was written by a server of that schema: a run of 9,000 steps in ten chunks, whose events
are forgotten but for the newest, with a second rank and a resumed stream of 200 steps from 5,000 on that is not in chunks; and a
run of 20 curves that is not in chunks.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livetrain.server.series import Series
from livetrain.server.store.engine import Store, open_store
from livetrain.server.store.grid import Window
from livetrain.server.store.question import Buckets, Curve, Question
from livetrain.server.store.reader import Reader
from livetrain.server.store.upgrade import write_repair, write_upgrade
from tests.unit.server.store.examples import same
from tests.unit.server.store.test_buckets import check
from tests.unit.server.store.test_store_curves import cut

GOLDEN = Path(__file__).parents[3] / "golden" / "curves_of_schema_0003.db.gz"
START_US = 1_700_000_000_000_000
STEPS = np.arange(9_000)
LOSS = (1 / (1 + STEPS / 100)).astype(np.float32).astype(np.float64)
LOSS[777] = 100
LOSS[3000:3003] = [math.nan, math.inf, -math.inf]
AGAIN = np.arange(5_000, 5_200)
EXPECTED = {
    "loss": Series(
        np.concatenate([STEPS, AGAIN]),
        np.concatenate([LOSS, np.full(200, 9.0)]),
        START_US + 7 + 16_000 * np.concatenate([STEPS, AGAIN]),
    ),
    "accuracy": Series(STEPS[::2], np.full(4_500, 0.5), START_US + 7 + 16_000 * STEPS[::2]),
    "val/loss": Series(
        STEPS[999::1000], 1 / STEPS[999::1000], START_US + 16_000 * STEPS[999::1000]
    ),
    "rank1/loss": Series(
        STEPS[:50],
        (STEPS[:50] / 10).astype(np.float32).astype(np.float64),
        START_US + 7 + 16_000 * STEPS[:50],
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "livetrain.db"
    path.write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


def check_everything(reader: Reader, run_key: int) -> None:
    found = reader.curves(run_key, question=Question())
    assert sorted(found) == sorted([*EXPECTED, "epoch/f1", "epoch/loss"])
    for name, points in EXPECTED.items():
        answer = found[name]
        assert isinstance(answer, Curve)
        same(answer.series, points.by_step())
        last_us = int(points.times_us.max())
        for window in (Window(), Window("step", 700, 4_100), Window("time", START_US, last_us - 9)):
            raw = cut(points, window)
            for count in (5, 100):
                question = Question(window, count, "buckets")
                buckets = reader.curves(run_key, names=[name], question=question)[name]
                assert isinstance(buckets, Buckets)
                check(buckets.rows, raw, window.axis, buckets.width)
                thin = reader.curves(run_key, names=[name], question=Question(window, count))[name]
                assert isinstance(thin, Curve)
                assert thin.total == len(raw)
    summaries = reader.metric_page(run_key, limit=10).summaries
    assert (summaries["loss"].points, summaries["loss"].odd) == (9_200, 3)
    assert (summaries["loss"].high, summaries["loss"].high_step) == (100, 777)
    assert (summaries["loss"].last, summaries["loss"].last_step) == (9.0, 5_199)
    assert summaries["val/loss"].points == 9


def test_they_are_answered_before_and_after_they_are_packed_anew(store: Store) -> None:
    reader = Reader(store.reader)
    (few, older) = (int(row["key"]) for row in reader.runs(limit=10, before=None))
    check_everything(reader, older)
    after = packed = 0
    while (upgrade := reader.plan_upgrade(after)) is not None:
        with store.writer.begin() as connection:
            write_upgrade(connection, upgrade)
        after, packed = upgrade.last, packed + len(upgrade.made)
    assert packed == 10
    after = 0
    while (repair := reader.plan_repair(after)) is not None:
        with store.writer.begin() as connection:
            write_repair(connection, repair)
        after = repair.last
    with store.reader.connect() as connection:
        for table, count in (("old_chunks", 0), ("metrics", 5)):
            query = f"SELECT count(*) FROM {table}"
            assert connection.exec_driver_sql(query).scalar() == count
        query = "SELECT count(*) FROM metrics WHERE summary IS NULL"
        assert connection.exec_driver_sql(query).scalar() == 0
    check_everything(reader, older)
    many = reader.curves(few, question=Question())
    assert len(many) == 20
    for at in range(20):
        answer = many[f"many/{at}"]
        assert isinstance(answer, Curve)
        assert answer.series.values.tolist() == [at + step / 8 for step in range(5)]
