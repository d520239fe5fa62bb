"""What is black and white when nobody says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.pixels import RangeGuess, Scaling, extremes, highest_bits
from livetrain._capture.reports import Reports
from livetrain._capture.scratch import Scratch


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


@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_the_highest_of_positive_floats_is_seen_by_their_bits(values: list[float]) -> None:
    array = np.array(values, np.float32)
    top = highest_bits(array)
    if np.isfinite(array).all() and not np.signbit(array).any():
        assert top == array.max()
    else:
        assert top == math.inf


@given(
    st.lists(st.floats(width=16), min_size=1, max_size=20),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_extremes_leave_nan_and_infinity_out(values: list[float], dtype: Any) -> None:
    array = np.array(values, dtype).reshape(1, -1, 1, 1)
    finite = array[np.isfinite(array)]
    expected = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    assert extremes(array) == expected


@given(
    values=st.lists(st.floats(-10, 10, width=32), min_size=12, max_size=12),
    black=st.floats(-5, 5), span=st.floats(0.1, 10), crowded=st.booleans(), planes=st.booleans(),
)  # fmt: skip
def test_scaling_is_a_straight_line_cut_off_at_both_ends(
    values: list[float], black: float, span: float, crowded: bool, planes: bool
) -> None:
    array = np.array(values, np.float32).reshape(2, 2, 1, 3)
    given_ = (
        np.ascontiguousarray(array.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1) if planes else array
    )
    out, scratch = np.empty(array.shape, np.uint8), Scratch()
    scratch.crowded = crowded
    Scaling(black, black + span).apply(given_, out, scratch)
    exact = np.clip((array.astype(np.float64) - black) / span * 255.999, 0, 255)
    assert (np.abs(out - np.floor(exact)) <= 1).all()
    assert (np.abs(out - exact) < 1.01).all()


@pytest.mark.parametrize(
    ("dtype", "base"),
    [(np.uint16, 60_000), (np.float32, 60_000), (np.float64, 10**9), (np.int64, 10**9)],
)
def test_small_differences_of_large_values_are_seen(dtype: Any, base: int) -> None:
    values = np.array([base, base + 100, base + 255], dtype).reshape(1, 1, 3, 1)
    out = np.empty(values.shape, np.uint8)
    Scaling(base, base + 255).apply(values, out, Scratch())
    assert out.ravel().tolist() == [0, 100, 255]


def test_large_batches_are_done_in_blocks_with_the_same_result() -> None:
    values = np.random.default_rng(0).random((60, 96, 96, 3), np.float32) * 2 - 1
    values[:, :2, 0] = [-1, 0, 1]
    results = []
    for crowded in (False, True):
        out, scratch = np.empty(values.shape, np.uint8), Scratch()
        scratch.crowded = crowded
        Scaling(-1, 1).apply(values, out, scratch)
        results.append(out)
        # One array of working memory, of a block or of all: what lies inside the range needs no second one.
        assert scratch._most <= (values.nbytes if crowded else 3 << 20)
    assert (results[0] == results[1]).all()
    assert np.abs(results[0] - (values + 1) * 127.5).max() <= 1
