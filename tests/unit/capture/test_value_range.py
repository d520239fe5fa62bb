"""What is black and white when nobody says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.reports import Reports
from livetrain._capture.value_range import RangeGuess, extremes


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected", "told"),
    [
        ("f4", 0.0, 1.0, (0, 1), False), ("f4", -0.03, 1.04, (0, 1), False), ("f4", -1.0, 1.0, (-1, 1), False),
        ("f4", 0.0, 255.0, (0, 255), False), ("f4", 0.0, 3.0, (0, 255), False), ("f4", -8.0, 262.0, (0, 255), False),
        ("f4", -2.1, 2.6, (-2.1, 2.6), True),
        ("f4", 0.0, 900.0, (0, 900), True), ("f8", 0.0, 0.0, (0, 1), False), ("f2", -5.0, -5.0, (-5, -4), True),
        ("i8", 0, 1, (0, 1), True), ("i8", 0, 255, (0, 255), False), ("u2", 0, 4000, (0, 4095), True),
        ("u2", 0, 65535, (0, 65535), False), ("i2", -1000, 3000, (-1000, 3000), True), ("i1", -100, 100, (-128, 127), False),
        ("?", 0, 1, (0, 1), False),
    ],
)  # fmt: skip
def test_the_rule(
    dtype: str, low: float, high: float, expected: tuple[float, float], told: bool
) -> None:
    reports = Reports()
    assert RangeGuess(reports).of(np.dtype(dtype), low, high) == expected
    said = reports.drain()
    assert bool(said) is told
    if told:
        assert "ImageOptions(value_range=(black, white))" in said[0]


def test_a_dark_frame_does_not_flicker() -> None:
    guess = RangeGuess(Reports())
    floats = np.dtype("f4")
    assert guess.of(floats, -0.9, 0.9) == (-1, 1)
    assert guess.of(floats, 0.0, 0.3) == (-1, 1)
    assert guess.of(np.dtype("u2"), 0, 300) == (0, 4095)  # of its own
    other = RangeGuess(Reports())
    assert other.of(floats, 0.0, 200.0) == (0, 255)
    assert other.of(floats, 0.0, 0.5) == (0, 255)


def test_one_broken_frame_is_not_remembered() -> None:
    guess = RangeGuess(Reports())
    assert guess.of(np.dtype("f4"), 0.0, 1e30) == (0.0, 1e30)
    assert guess.of(np.dtype("f4"), 0.0, 1.0) == (0.0, 1.0)


@given(
    st.lists(st.floats(width=16), min_size=1, max_size=20),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_extremes_leave_nan_and_infinity_out(values: list[float], dtype: Any) -> None:
    array = np.array(values, dtype).reshape(1, -1, 1, 1)
    finite = array[np.isfinite(array)]
    expected = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    assert extremes(array) == expected
