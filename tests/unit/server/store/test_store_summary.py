"""Where each curve stands is known without reading its points, and is true at every moment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.summary import Summary
from tests.unit.server.store.examples import FLOATS, curve, series
from tests.unit.server.store.world import RunWorld, StoreWorld, opened


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreWorld]:
    with opened(tmp_path_factory.mktemp("store") / "livetrain.db") as world:
        yield world


@pytest.fixture
def run(world: StoreWorld) -> RunWorld:
    return world.add_run()


def standing(points: Series) -> dict[str, Any]:
    """Return by plain Python where a curve stands."""
    rows = list(zip(points.steps.tolist(), points.values.tolist(), strict=True))
    finite = [(step, value) for step, value in rows if math.isfinite(value)]
    found: dict[str, Any] = {
        "points": len(rows),
        "odd": len(rows) - len(finite),
        "last": repr(rows[-1][1]),
        "last_step": rows[-1][0],
        "last_us": points.times_us.tolist()[-1],
    }
    if finite:
        low = min(value for _, value in finite)
        high = max(value for _, value in finite)
        found |= {"finite": finite[-1][1], "finite_step": finite[-1][0], "low": low, "high": high}
        found["low_step"] = min(step for step, value in finite if value == low)
        found["high_step"] = min(step for step, value in finite if value == high)
    return found


def check(summary: Summary, points: Series) -> None:
    expected = standing(points)
    found = {name: getattr(summary, name) for name in expected}
    found["last"] = repr(found["last"])
    assert found == expected
    assert summary.has_finite == ("low" in expected)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(series(most=40, values=FLOATS), st.lists(st.integers(0, 40), max_size=3), st.booleans())
def test_a_curve_stands_where_its_points_say(
    world: StoreWorld, points: Series, cuts: list[int], seal_rest: bool
) -> None:
    if not len(points):
        return
    run = world.add_run()
    bounds = [0, *sorted(cuts), len(points)]
    for start, end in pairwise(bounds):
        if start < end:
            run.log({"x": points.take(slice(start, end))})
            if end < len(points) or seal_rest:
                run.seal()
            upto = points.take(slice(None, end))
            check(run.reader.metric_page(run.key, limit=1).summaries["x"], upto)
    run.merge()
    check(run.reader.metric_page(run.key, limit=1).summaries["x"], points)
    with world.store.writer.begin() as connection:
        connection.execute(update(schema.metrics).values(summary=None))
    check(run.reader.metric_page(run.key, limit=1).summaries["x"], points)
    plan = run.reader.plan_repair(0)
    if plan is not None and seal_rest:
        summary = Summary.unpack(dict(plan.summaries)[max(dict(plan.summaries))])
        assert summary is not None
        check(summary, points)


def test_its_bytes_are_checked() -> None:
    summary = Summary()
    summary.add(7, curve([1.0, math.nan]))
    packed = summary.pack()
    assert Summary.unpack(packed) == summary or math.isnan(summary.last)
    for damaged in (None, b"", packed[:-1], packed[:9] + b"x" + packed[10:]):
        assert Summary.unpack(damaged) is None


def test_curves_come_page_by_page_by_name(run: RunWorld) -> None:
    names = [f"m/{at:04}" for at in range(1_000)]
    run.log({name: curve([1.0]) for name in names[::2]})
    run.seal()
    run.log({name: curve([2.0]) for name in names[1::2]})
    seen: list[str] = []
    after = None
    while True:
        page = run.reader.metric_page(run.key, after=after, limit=170)
        assert page.total == 1_000
        seen += page.summaries
        if not page.more:
            break
        after = seen[-1]
    assert seen == names
    found = run.reader.metric_page(run.key, search="M/00", limit=30)
    assert (list(found.summaries), found.total, found.more) == (names[:30], 100, True)
    nothing = run.reader.metric_page(run.key, search="%", limit=30)
    assert (nothing.total, nothing.more) == (0, False)
    odd = run.world.add_run()
    odd.log({"ÄRGER": curve([1.0]), "__proto__": curve([1.0]), "a,b": curve([1.0])})
    assert list(odd.reader.metric_page(odd.key, search="ärger", limit=9).summaries) == ["ÄRGER"]
    assert odd.reader.metric_names(odd.key) == ["__proto__", "a,b", "ÄRGER"]


def test_a_snapshot_has_tips_and_curves_of_one_moment(run: RunWorld) -> None:
    run.log({"a": curve(np.arange(100.0)), "b": curve([1.0, math.nan])})
    run.seal()
    run.log({"a": curve([7.0], first=100)})
    taken = run.reader.snapshot(run.key, points=50, tips=10, recent=10)
    assert (taken.offset, taken.metric_count) == (2, 2)
    assert {name: tip.points for name, tip in taken.tips.items()} == {"a": 101, "b": 2}
    assert (taken.tips["a"].last, taken.tips["a"].last_step) == (7.0, 100)
    assert len(taken.curves["a"].series) <= 50
    assert run.reader.snapshot(run.key, points=None, tips=1, recent=10).curves == {}
