from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from livetrain.server.store.chunks import Columns, pack, rollup, rollups, thin, unpack

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def curve(values: list[float] | np.ndarray) -> Columns:
    count = len(values)
    return Columns(
        np.arange(count, dtype=np.int64),
        np.asarray(values, np.float64),
        1_700_000_000_000_000 + 16_000 * np.arange(count, dtype=np.int64),
    )


def same(one: Columns, other: Columns) -> None:
    np.testing.assert_array_equal(one.steps, other.steps)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.times_us, other.times_us)


@given(
    hnp.arrays(np.int64, st.shared(st.integers(1, 50), key="n"), elements=st.integers(0, 2**53)),
    hnp.arrays(np.float64, st.shared(st.integers(1, 50), key="n"), elements=FLOATS),
    hnp.arrays(np.int64, st.shared(st.integers(1, 50), key="n"), elements=st.integers(0, 2**62)),
)
def test_packed_and_unpacked_is_the_same(
    steps: np.ndarray, values: np.ndarray, times: np.ndarray
) -> None:
    columns = Columns(steps, values, times)
    same(unpack(pack(columns)), columns)


def test_a_loss_takes_few_bytes() -> None:
    noise = np.random.default_rng(0).normal(size=4096).astype(np.float32).astype(np.float64)
    assert len(pack(curve(noise))) / 4096 < 8


@given(st.lists(FLOATS, min_size=1, max_size=700))
def test_a_rollup_keeps_the_ends_the_extremes_and_what_is_not_finite(values: list[float]) -> None:
    columns = curve(values)
    kept = rollups([rollup(columns)])
    assert set(kept.steps) <= set(columns.steps)
    assert kept.steps[0] == 0
    assert kept.steps[-1] == len(values) - 1
    finite = columns.values[np.isfinite(columns.values)]
    if len(finite):
        assert np.nanmax(kept.values[np.isfinite(kept.values)]) == finite.max()
        assert np.nanmin(kept.values[np.isfinite(kept.values)]) == finite.min()
    odd = np.flatnonzero(~np.isfinite(columns.values))
    if len(odd):
        assert odd[0] in kept.steps


@given(st.lists(FLOATS, max_size=600), st.integers(4, 200))
@example([0.5, 0.0, 1.0, math.inf, 0.0, 0.0], 4)
def test_a_thinned_curve_is_small_ordered_and_has_every_extreme(
    values: list[float], points: int
) -> None:
    columns = curve(values)
    kept = thin(columns, points)
    assert len(kept) <= max(points, 5)
    assert np.all(np.diff(kept.steps) > 0)
    np.testing.assert_array_equal(kept.values, columns.values[kept.steps])
    finite = columns.values[np.isfinite(columns.values)]
    # With room for the ends and two extremes, whatever is not finite aside.
    if len(finite) and points >= 8:
        assert finite.max() in kept.values
        assert finite.min() in kept.values
    odd = np.flatnonzero(~np.isfinite(columns.values))
    if len(odd) and len(values) > points:
        assert odd[0] in kept.steps


@pytest.mark.parametrize("spike", [(1, 2), (4_999, 5_000), (9_990, 9_991), (123, 7_777)])
def test_no_spike_is_lost_though_two_stand_side_by_side(spike: tuple[int, int]) -> None:
    values = np.sin(np.arange(10_000) / 500)
    values[spike[0]], values[spike[1]] = 50.0, -50.0
    kept = thin(curve(values), 100)
    assert {50.0, -50.0} <= set(kept.values)


def test_steps_that_come_again_are_put_in_order_and_kept() -> None:
    columns = Columns(
        np.array([3, 4, 5, 4, 5, 6]), np.array([1.0, 2, 3, 4, 5, 6]), np.arange(6, dtype=np.int64)
    ).by_step()
    assert columns.steps.tolist() == [3, 4, 4, 5, 5, 6]
    assert columns.values.tolist() == [1, 2, 4, 3, 5, 6]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(None, None, [0, 1, 2, 3]), (1, 2, [1, 2]), (2, None, [2, 3]), (None, 0, [0]), (9, None, [])],
)
def test_a_stretch_of_steps(first: int | None, last: int | None, expected: list[int]) -> None:
    assert curve([1.0, 2, 3, math.nan]).between(first, last).steps.tolist() == expected
