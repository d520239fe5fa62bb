"""Curves for tests: drawn by hypothesis, and as plain numbers."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from livetrain.server.series import Series

START_US = 1_700_000_000_000_000
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
TAME = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0])
)


def curve(values: list[float] | np.ndarray, *, first: int = 0) -> Series:
    """Return a curve with a point at every step, 16 ms apart."""
    count = len(values)
    return Series(
        np.arange(first, first + count, dtype=np.int64),
        np.asarray(values, np.float64),
        START_US + 16_000 * np.arange(count, dtype=np.int64),
    )


def same(one: Series, other: Series) -> None:
    """Assert that two curves are equal in every bit, and so also in the sign of a zero."""
    np.testing.assert_array_equal(one.steps, other.steps)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(np.signbit(one.values), np.signbit(other.values))
    np.testing.assert_array_equal(one.times_us, other.times_us)


@st.composite
def series(draw: st.DrawFn, *, most: int = 120, values: st.SearchStrategy[float] = TAME) -> Series:
    """Draw a curve: steps in any order, again and with holes, clocks that go back."""
    count = draw(st.integers(0, most))
    kind = draw(st.sampled_from(["even", "uneven", "any", "again"]))
    if kind == "even":
        first, by = draw(st.integers(0, 10**6)), draw(st.integers(1, 1000))
        steps = first + by * np.arange(count)
    elif kind == "uneven":
        gaps = draw(st.lists(st.integers(0, 2**30), min_size=count, max_size=count))
        steps = np.cumsum(np.array(gaps, np.int64))
    elif kind == "again":
        steps = np.arange(count) % draw(st.integers(1, 40))
    else:
        steps = np.array(
            draw(st.lists(st.integers(0, 2**53 - 1), min_size=count, max_size=count)), np.int64
        )
    if draw(st.booleans()):
        times = START_US + 16_000 * np.arange(count)
    else:
        times = np.array(
            draw(st.lists(st.integers(1, 2**61), min_size=count, max_size=count)), np.int64
        )
    numbers = draw(st.lists(values, min_size=count, max_size=count))
    return Series(steps.astype(np.int64), np.array(numbers, np.float64), times.astype(np.int64))
