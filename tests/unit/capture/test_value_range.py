"""What is black and white when nobody says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.device import BFLOAT16, widen
from livetrain._capture.reports import Reports
from livetrain._capture.value_range import RangeGuess, SeenRange, extremes, lowest_and_highest


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


NUMBERS = st.lists(st.floats(width=16), min_size=1, max_size=50)


@given(NUMBERS, st.sampled_from(["f2", "f4", "f8", "bfloat16"]))
def test_lowest_and_highest_are_those_of_the_finite_numbers(values: list[float], kind: str) -> None:
    if kind == "bfloat16":
        bits = np.array(values, np.float32).view(np.uint32) >> 16
        array: Any = bits.astype(np.uint16).view(BFLOAT16)
    else:
        array = np.array(values, kind)
    wide = widen(array).astype(np.float64)
    finite = wide[np.isfinite(wide)]
    expected = (finite.min(), finite.max()) if finite.size else None
    assert lowest_and_highest(array) == expected
    assert lowest_and_highest(array.reshape(-1, 1)[:, ::1]) == expected


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "i8"])
def test_lowest_and_highest_of_integers(dtype: str) -> None:
    assert lowest_and_highest(np.array([[7, 3], [5, 9]], dtype)) == (3, 9)
    assert lowest_and_highest(np.zeros((0, 3), dtype)) is None


def frame_of(seen: SeenRange, *parts: Any, crowded: bool = False) -> list[Any]:
    every = seen.begin_frame(crowded=crowded)
    return [seen.of(part, every=every) for part in parts]


def test_not_every_frame_is_looked_through() -> None:
    now = [0.0]
    seen = SeenRange(lambda: now[0])
    frame = np.zeros((16, 64, 64), np.float32)
    frame[7, 33, 33] = 16.0  # where no glance falls
    assert frame_of(seen, frame) == [(0.0, 16.0)]
    now[0] = 0.1
    other = np.full_like(frame, 2.0)
    other[7, 33, 33] = 99.0
    assert frame_of(seen, other) == [(0.0, 16.0)], "those of the last quarter of a second together"
    assert frame_of(seen, other - 10) == [(-8.0, 16.0)], "a glance sees what all have"
    now[0] = 0.5
    assert frame_of(seen, other) == [(2.0, 99.0)]
    assert frame_of(seen, other.astype(np.float64)) == [(2.0, 99.0)], "another kind of image"
    now[0] = 9.0
    assert frame_of(seen, frame.astype(np.float64), crowded=True) == [(0.0, 99.0)]


def test_every_part_of_a_frame_is_looked_through() -> None:
    seen = SeenRange(lambda: 0.0)
    parts = [np.full((64, 64), float(n), np.float32) for n in range(5)]
    for n, part in enumerate(parts):
        part[33, 33] = 100.0 * n
    assert frame_of(seen, *parts) == [(0, 0), (1, 100), (2, 200), (3, 300), (4, 400)]
    assert frame_of(seen, parts[0]) == [(0.0, 400.0)]


def test_a_look_that_takes_long_comes_less_often() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.05
        return now[0]

    seen = SeenRange(clock)
    seen.of(np.zeros(3), every=seen.begin_frame())
    looks = sum(seen.begin_frame() for _ in range(40))
    assert looks == 0, "within two seconds after one of 0.05"
    assert any(seen.begin_frame() for _ in range(40))


def test_where_nothing_is_finite_nothing_was_seen() -> None:
    assert frame_of(SeenRange(), np.full(5, np.nan, np.float32)) == [None]
    assert frame_of(SeenRange(), np.full(5, np.inf, np.float16)) == [None]
