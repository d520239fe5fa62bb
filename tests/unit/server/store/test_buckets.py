"""Buckets say of a stretch what its points say, however they were made."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.series import Series
from livetrain.server.store.buckets import BUCKET, Rows, bucketize, means, merge, reslot
from livetrain.server.store.grid import Axis, coarser, fit_width, slots_between
from tests.unit.server.store.examples import FLOATS, START_US, curve, series

AXES = st.sampled_from(get_args(Axis))
GOLDEN = Path(__file__).parents[3] / "golden" / "buckets.json"
EXAMPLES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())


def naive(points: Series, axis: Axis, width: int) -> list[dict[str, Any]]:
    """Return buckets by plain Python."""
    found: dict[int, list[tuple[int, int, float, int]]] = {}
    rows = zip(points.steps.tolist(), points.values.tolist(), points.times_us.tolist(), strict=True)
    for order, (step, value, time_us) in enumerate(rows):
        key = step if axis == "step" else time_us
        found.setdefault(key // width, []).append((key, order, value, step))
    buckets = []
    for slot in sorted(found):
        stretch = sorted(found[slot])
        finite = [p for p in stretch if math.isfinite(p[2])]
        odd = [p for p in stretch if not math.isfinite(p[2])]
        bucket: dict[str, Any] = {"slot": slot, "count": len(finite), "odd": len(odd)}
        if finite:
            low = min(finite, key=lambda p: p[2])
            high = max(finite, key=lambda p: p[2])
            mean = math.fsum(p[2] / len(finite) for p in finite)
            bucket |= {"mean": mean, "low": low[2], "low_step": low[3]}
            bucket |= {"high": high[2], "high_step": high[3]}
            bucket |= {"first": finite[0][2], "first_step": finite[0][3]}
            bucket |= {"last": finite[-1][2], "last_step": finite[-1][3]}
        if odd:
            bucket |= {"odd_first_step": odd[0][3], "odd_last_step": odd[-1][3]}
        buckets.append(bucket)
    return buckets


def check(rows: Rows, points: Series, axis: Axis, width: int) -> None:
    expected = naive(points, axis, width)
    assert rows["slot"].tolist() == [bucket["slot"] for bucket in expected]
    found = {name: rows[name].tolist() for name in BUCKET.names or ()}
    found["mean"] = means(rows).tolist()
    for at, bucket in enumerate(expected):
        mean = bucket.pop("mean", None)
        assert {name: found[name][at] for name in bucket} == bucket
        if mean is not None:
            peak = max(abs(bucket["low"]), abs(bucket["high"]))
            assert abs(found["mean"][at] - mean) <= 1e-12 * peak
            assert bucket["low"] <= found["mean"][at] <= bucket["high"]


@given(series(values=FLOATS), AXES, st.integers(0, 70))
def test_a_bucket_says_what_its_points_say(points: Series, axis: Axis, power: int) -> None:
    width = 2 ** min(power, 62)
    check(bucketize(points, axis, width), points, axis, width)


@given(series(values=FLOATS), AXES, st.lists(st.integers(0, 120), max_size=4), st.integers(0, 8))
def test_it_is_the_same_from_points_from_buckets_and_from_both(
    points: Series, axis: Axis, cuts: list[int], power: int
) -> None:
    width, factor = 2**power * 1000, 8
    parts = [
        points.take(slice(a, b))
        for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True)
    ]
    pieces = [
        bucketize(part, axis, width * factor)
        if at % 2
        else merge(reslot(bucketize(part, axis, width), factor), axis)
        for at, part in enumerate(parts)
    ]
    check(merge(np.concatenate(pieces), axis), points, axis, width * factor)


def test_its_numbers_do_not_depend_on_how_it_was_made() -> None:
    """Not in their last bit: what somebody saw before the points were packed, he sees after."""
    noise = np.random.default_rng(0).normal(size=100_000) * np.exp(
        np.random.default_rng(1).normal(size=100_000) * 5
    )
    points = curve(noise, first=61_010)
    whole = bucketize(points, "step", 8192)
    for first_cut, levels in ((777, (1, 8192)), (50_001, (128, 64)), (99_999, (1024, 8))):
        width, factor = levels
        parts = [points.take(slice(None, first_cut)), points.take(slice(first_cut, None))]
        pieces = [reslot(bucketize(part, "step", width), factor) for part in parts]
        made = merge(np.concatenate(pieces), "step")
        for name in BUCKET.names or ():
            if name != "rest":
                np.testing.assert_array_equal(made[name], whole[name], err_msg=name)
        np.testing.assert_array_equal(means(made), means(whole))


@pytest.mark.parametrize("value", [0.1, 1e308, -1e-308, 5e-324, 3.0])
def test_the_mean_of_equal_numbers_is_that_number(value: float) -> None:
    for count in (1, 3, 7, 49, 1000):
        rows = bucketize(curve([value] * count), "step", 1024)
        assert means(rows).tolist() == [value]
        halves = bucketize(curve([value] * count), "step", 4)
        assert means(merge(reslot(halves, 256), "step")).tolist() == [value]


def test_numbers_that_cancel_out_leave_what_is_between_them() -> None:
    rows = bucketize(curve([1e16, 1.0, -1e16, 1.0]), "step", 4)
    assert means(rows).tolist() == [0.5]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"])
def test_the_examples_that_the_page_is_held_to(example: dict[str, Any]) -> None:
    steps, values, times_us = zip(*example["points"], strict=True)
    points = Series.of(steps, [float(value) for value in values], times_us)
    axis, width = example["axis"], example["width"]
    rows = bucketize(points, axis, width)
    if example.get("pieces"):
        parts = np.split(np.arange(len(points)), example["pieces"])
        rows = merge(np.concatenate([bucketize(points.take(p), axis, width) for p in parts]), axis)
    assert len(rows) == len(example["buckets"])
    found = means(rows).tolist()
    for at, bucket in enumerate(example["buckets"]):
        row = rows[at]
        assert (row["slot"] * width, row["count"], row["odd"]) == (
            bucket["start"],
            bucket["count"],
            bucket["nonfinite"],
        )
        if bucket["count"]:
            assert math.isclose(found[at], bucket["mean"], rel_tol=1e-12, abs_tol=1e-300)
            for name, ours in (
                ("min", "low"),
                ("max", "high"),
                ("first", "first"),
                ("last", "last"),
            ):
                assert row[ours] == bucket[name], name
                assert row[f"{ours}_step"] == bucket[f"{name}_step"], name


def test_widths_are_powers_of_two_of_steps_and_round_numbers_of_time() -> None:
    assert [fit_width("step", 0, 39_999, n) for n in (1, 100, 1500, 40_000)] == [65536, 512, 32, 1]
    day = 86_400_000_000
    assert fit_width("time", START_US, START_US + day, 100) == 1_000_000_000
    assert fit_width("step", 100, 50, 4) == 1


@given(AXES, st.integers(0, 2**53), st.integers(0, 2**53), st.integers(1, 2000))
def test_there_are_at_most_as_many_stretches_as_asked(
    axis: Axis, one: int, other: int, stretches: int
) -> None:
    first, last = sorted((one, other))
    width = fit_width(axis, first, last, stretches)
    assert slots_between(first, last, width) <= stretches
    wider = coarser(axis, width)
    assert wider is not None
    assert wider % width == 0
