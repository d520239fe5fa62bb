"""Smoothing from the server's buckets: the page's rule, in Python, against the same examples and against every single point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livetrain.server.series import Series
from livetrain.server.store.buckets import bucketize, means
from livetrain.server.store.grid import fit_width

EXAMPLES = json.loads(
    (Path(__file__).parents[3] / "golden/smoothing.json").read_text(encoding="utf-8")
)
WHOLE = 1024
"""Stretches that a page knows a whole curve in."""


def smooth(
    series: Series, width: int, extent: float, until: int
) -> tuple[list[int], np.ndarray[Any, Any]]:
    """Return places and values: each is the mean of all up to it, weighted by exp(-distance / extent)."""
    rows = bucketize(series, "step", width)
    at, values = [], []
    mean = mass = 0.0
    before = 0
    for slot, count, value in zip(rows["slot"], rows["count"], means(rows), strict=True):
        mass = mass * np.exp(-(slot - before) * width / extent) + count
        before = slot
        mean = mean * (1 - count / mass) + value * count / mass
        at.append(min(until, int((slot + 1) * width - 1)))
        values.append(mean)
    return at, np.array(values)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["what"]))
def test_the_examples_hold(example: dict[str, Any]) -> None:
    steps, values = zip(*example["points"], strict=True)
    series = Series.of(steps, values, list(range(len(steps))))
    at, smoothed = smooth(series, example["width"], example["extent"], example["until"])
    assert at == example["at"]
    np.testing.assert_allclose(smoothed, example["values"], rtol=1e-10)


@pytest.mark.parametrize("count", [100, 1_000, 40_000, 1_000_000, 10_000_000])
def test_buckets_give_the_same_smoothed_curve_as_all_points(count: int) -> None:
    steps = np.arange(count)
    noise = 1 + np.random.default_rng(count).random(count)
    width = fit_width("step", 0, count - 1, WHOLE)
    extent = 1 << int(np.ceil(np.log2(max(count / 128, 2 * width))))
    at, smoothed = smooth(Series(steps, noise, steps), width, extent, count - 1)
    for place, value in zip(at[::37], smoothed[::37], strict=True):
        part = slice(max(0, place + 1 - 20 * extent), place + 1)
        weights = np.exp(-(place - steps[part]) / extent)
        exact = np.average(noise[part], weights=weights)
        assert abs(value - exact) < 0.01, "a hundredth of the range"
