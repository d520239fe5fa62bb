"""Whatever a training says, and whatever happens to it: the server holds what the documentation says, and nothing else.

``ORACLE_CASES`` says how many trainings are drawn; `nox -s oracle` draws 10,000.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, note, settings

pytest.register_assert_rewrite("tests.oracle.page_checks")

from tests.oracle.harness import Bench  # noqa: E402
from tests.oracle.model import Points, expect  # noqa: E402
from tests.oracle.page_checks import assert_page, assert_same_page  # noqa: E402
from tests.oracle.trainings import FOUND, Training, trainings  # noqa: E402

CASES = int(os.environ.get("ORACLE_CASES", "25"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("oracle")) as started:
        yield started


def bits(curves: dict[str, Points]) -> dict[str, list[tuple[int, bytes]]]:
    """Return curves in a form in which only what is the same is equal: NaN is NaN, and 0.0 is not -0.0."""
    return {
        name: [
            (step, b"nan" if value != value else struct.pack("<d", value)) for step, value in points
        ]
        for name, points in curves.items()
    }


def assert_stretches(metrics: dict[str, Any], curves: dict[str, Points]) -> None:
    """Every point is in one stretch, no extreme is lost, and the means are those of all points."""
    assert metrics.keys() == curves.keys()
    for name, points in curves.items():
        found = metrics[name]
        values = [value for _, value in points if math.isfinite(value)]
        assert sum(found["nonfinite_count"]) == len(points) - len(values)
        assert sum(found["count"]) == len(values)
        assert len(found["steps"]) <= 8
        if values:
            assert min(low for low in found["min"] if low is not None) == min(values)
            assert max(high for high in found["max"] if high is not None) == max(values)
            if max(map(abs, values)) < 1e300:  # beyond, their sum is no double
                means = zip(found["count"], found["mean"], strict=True)
                total = math.fsum(count * mean for count, mean in means if count)
                scale = math.fsum(map(abs, values))
                assert math.isclose(total, math.fsum(values), abs_tol=max(1e-9 * scale, 1e-300))


@reduce(
    lambda before, found: lambda test: example(training=found)(before(test)), FOUND, lambda t: t
)
@given(training=trainings())
@settings(
    max_examples=CASES,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@pytest.mark.timeout(0)
def test_what_was_logged_is_what_is_kept(bench: Bench, training: Training) -> None:
    expected = expect(training)
    runs, children = bench.perform(training)
    assert len(runs) == len(expected)
    for shown, run in zip(runs, expected, strict=True):
        note(f"expected: {run}")
        assert shown.status == run.status
        assert bits(shown.curves()) == bits(run.newest())
        if run.newest():  # without names all curves are asked for
            assert_stretches(shown.buckets(sorted(run.newest()), points=8), run.newest())
        for number in run.numbers:
            if run.attempt(number):
                assert bits(shown.curves(attempt=number)) == bits(run.attempt(number))
        held = shown.pages()
        assert_page(held.loaded, run)
        if held.kept is not None:
            assert_same_page(held.kept, held.loaded)
    points = [n for run in expected for n in run.children]
    assert sorted(len(child.curves().get("n", [])) for child in children) == sorted(points)
    assert {child.status for child in children} <= {"finished"}
