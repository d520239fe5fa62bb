"""A smoothed curve is the same live, reloaded and zoomed, at any length: it is made of means of stretches, which do not change."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livetrain.server.store.buckets import bucketize, means
from livetrain.server.store.grid import Window
from livetrain.server.store.question import Buckets, Question
from tests.unit.server.store.examples import curve
from tests.unit.server.store.smoothing import smooth, smooth_points
from tests.unit.server.store.world import RunWorld, StoreWorld, opened

GOLDEN = Path(__file__).parents[3] / "golden" / "smoothing.json"
EXAMPLES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
MOST = int(os.environ.get("SMOOTHING_POINTS", "300000"))
STRETCHES = 1024
PART = 1 / 128


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreWorld]:
    with opened(tmp_path_factory.mktemp("store") / "livetrain.db") as world:
        yield world


def stretches(run: RunWorld, window: Window, count: int) -> Buckets:
    question = Question(window, count, "buckets")
    found = run.reader.curves(run.key, names=["x"], question=question)["x"]
    assert isinstance(found, Buckets)
    return found


@pytest.mark.parametrize("length", [n for n in (100, 777, 4_096, 40_000, MOST) if n <= MOST])
def test_even_noise_is_smoothed_to_its_mean_at_every_length(world: StoreWorld, length: int) -> None:
    """Of 40,000 points of noise between 1 and 2 a saw-tooth was drawn after a reload, and a thin line live."""
    noise = 1 + np.random.default_rng(length).random(length)
    run, points = world.add_run(), curve(noise)
    window = Window("step", 0, length - 1)
    for start in range(0, length, 40_000):
        run.log({"x": points.take(slice(start, start + 40_000))})
    live = stretches(run, window, STRETCHES)
    run.seal()
    run.log({"y": curve([1.0])})
    run.merge()
    reloaded = stretches(run, window, STRETCHES)
    assert live.width == reloaded.width
    np.testing.assert_array_equal(means(live.rows), means(reloaded.rows))
    extent = live.width
    while extent < length * PART:
        extent *= 2
    if extent == live.width:  # so few points are not smoothed
        extent *= 2
    smoothed = smooth(live.rows, live.width, extent)
    exact = smooth_points(noise, extent)
    ends = np.minimum((live.rows["slot"] + 1) * live.width, length) - 1
    assert np.abs(exact[ends] - smoothed).max() < 0.01
    # Zoomed: the same stretches, asked for by themselves.
    zoomed = Window("step", int(live.width * 16), int(live.width * 48) - 1)
    if zoomed.last is not None and zoomed.last < length:
        part = stretches(run, zoomed, 32)
        assert part.width == live.width
        assert part.rows.tobytes() == reloaded.rows[16:48].tobytes()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"])
def test_the_examples_that_the_page_is_held_to(example: dict[str, Any]) -> None:
    steps, values = (np.array(column) for column in zip(*example["points"], strict=True))
    points = curve(values.astype(float))
    points = type(points)(steps.astype(np.int64), points.values, points.times_us)
    rows = bucketize(points, "step", example["width"])
    found = smooth(rows, example["width"], example["extent"])
    assert len(found) == len(example["smoothed"])
    for ours, theirs in zip(found, example["smoothed"], strict=True):
        assert math.isclose(ours, theirs, rel_tol=1e-9)
