"""A thinned curve is even on the axis that was asked for, and has every extreme of the window."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.series import Series
from livetrain.server.store.buckets import bucketize
from livetrain.server.store.grid import Axis, Window, fit_width
from livetrain.server.store.sketch import sketch
from tests.unit.server.store.examples import FLOATS, START_US, curve, series

AXES = st.sampled_from(get_args(Axis))


def cut(points: Series, window: Window) -> Series:
    keys = points.steps if window.axis == "step" else points.times_us
    keep = np.ones(len(points), np.bool_)
    if window.first is not None:
        keep &= keys >= window.first
    if window.last is not None:
        keep &= keys <= window.last
    return points.take(keep)


def thinned(points: Series, window: Window, count: int) -> Series:
    raw = cut(points, window)
    if not len(raw):
        return raw
    keys = raw.steps if window.axis == "step" else raw.times_us
    width = fit_width(window.axis, int(keys.min()), int(keys.max()), count)
    return sketch(bucketize(raw, window.axis, width), window.axis, width, count)


def windows(points: Series, axis: Axis) -> st.SearchStrategy[Window]:
    keys = points.steps if axis == "step" else points.times_us
    bound = st.sampled_from([int(k) + d for k in keys.tolist()[:20] for d in (-1, 0, 1)] or [0])
    return st.builds(Window, st.just(axis), st.none() | bound, st.none() | bound)


@given(st.data(), series(values=FLOATS), AXES, st.integers(4, 60))
def test_it_is_small_in_order_real_and_has_the_ends_and_every_extreme(
    data: st.DataObject, points: Series, axis: Axis, count: int
) -> None:
    window = data.draw(windows(points, axis))
    raw, kept = cut(points, window), thinned(points, window, count)
    assert len(kept) <= max(count, 5)
    keys, raw_keys = ((c.steps if axis == "step" else c.times_us).tolist() for c in (kept, raw))
    assert keys == sorted(keys)
    real = set(
        zip(raw.steps.tolist(), map(repr, raw.values.tolist()), raw.times_us.tolist(), strict=True)
    )
    chosen = list(
        zip(
            kept.steps.tolist(),
            map(repr, kept.values.tolist()),
            kept.times_us.tolist(),
            strict=True,
        )
    )
    assert real.issuperset(chosen)
    if not len(raw):
        return
    assert (keys[0], keys[-1]) == (min(raw_keys), max(raw_keys))
    finite, kept_finite = (c.values[np.isfinite(c.values)] for c in (raw, kept))
    if len(finite):
        assert (kept_finite.min(), kept_finite.max()) == (finite.min(), finite.max())
    odd = [k for k, v in zip(raw_keys, raw.values.tolist(), strict=True) if not math.isfinite(v)]
    kept_odd = [k for k, v in zip(keys, kept.values.tolist(), strict=True) if not math.isfinite(v)]
    if odd:
        assert min(kept_odd) == min(odd)


@pytest.mark.parametrize("count", [100, 1500])
def test_every_tenth_of_an_even_curve_has_as_many_points(count: int) -> None:
    """Of 40,000 points 22 stood in each of nine tenths and 793 in the last, because the newest were not in chunks yet."""
    noise = 1 + np.random.default_rng(0).random(40_000)
    kept = thinned(curve(noise), Window(), count)
    tenths = np.bincount(kept.steps // 4000, minlength=10)
    assert tenths.min() > (0.9 if count > 1000 else 0.5) * tenths.max()
    assert count / 2.5 < len(kept) <= count


@pytest.mark.parametrize("axis", get_args(Axis))
def test_lone_spikes_on_an_uneven_axis_are_all_kept(axis: Axis) -> None:
    """Of 99 lone spikes in the thin part of an uneven curve eight were kept: points were counted, not the axis."""
    dense = np.arange(100_000)
    alone = 100_000 + 1_000 * np.arange(1, 199)
    spikes = np.arange(198) % 2 == 0
    steps = np.concatenate([dense, alone])
    values = np.concatenate([np.sin(dense), np.where(spikes, 100.0 + np.arange(198), 0.0)])
    points = Series(steps, values, START_US + 1000 * steps)
    kept = thinned(points, Window(axis), 1500)
    assert set(values[len(dense) :][spikes]) <= set(kept.values.tolist())
    assert len(kept) <= 1500


@pytest.mark.parametrize("spike", [(1, 2), (4_999, 5_000), (9_990, 9_991), (123, 7_777)])
def test_no_spike_is_lost_though_two_stand_side_by_side(spike: tuple[int, int]) -> None:
    values = np.sin(np.arange(10_000) / 500)
    values[spike[0]], values[spike[1]] = 50.0, -50.0
    assert {50.0, -50.0} <= set(thinned(curve(values), Window(), 100).values.tolist())


def test_what_is_not_finite_is_kept_evenly_and_takes_a_quarter_at_most() -> None:
    values = np.random.default_rng(0).random(10_000)
    values[::3] = math.nan
    kept = thinned(curve(values), Window(), 400)
    odd = kept.steps[np.isnan(kept.values)]
    assert odd[0] == 0
    assert 50 <= len(odd) <= 102
    assert np.bincount(odd // 1000, minlength=10).min() >= 4
