"""From values to bytes: the line, its ends, and every type of number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.device import BFLOAT16, widen
from livetrain._capture.scaling import Scaling, highest_bits
from livetrain._capture.scratch import Scratch
from livetrain._capture.spaced import spaced


@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_the_highest_of_positive_floats_is_seen_by_their_bits(values: list[float]) -> None:
    array = np.array(values, np.float32)
    top = highest_bits(array)
    if np.isfinite(array).all() and not np.signbit(array).any():
        assert top == array.max()
    else:
        assert top == math.inf


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


class Watched(Scratch):
    """A scratch that notes how many values were worked on at once, each at a speed of its own."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.seconds = seconds

    def worked(self, values: int, seconds: float) -> None:
        self.sizes.append(values)
        super().worked(values, self.seconds)


@pytest.mark.parametrize("planes", [False, True])
def test_who_has_to_wait_for_the_gil_does_the_rest_at_once(planes: bool) -> None:
    values = np.random.default_rng(0).random((8, 3, 256, 256), np.float32).transpose(0, 2, 3, 1)
    if not planes:
        values = np.ascontiguousarray(values)
    results = []
    for seconds, many in ((1e-4, True), (0.1, False)):
        scratch = Watched(seconds)
        out = spaced(values.shape[:3], scratch) if planes else np.empty(values.shape, np.uint8)
        assert Scaling(0.0, 1.0).apply(values, out, scratch)
        assert scratch.crowded is not many
        assert (len(scratch.sizes) == 8) is many
        assert len(scratch.sizes) in (2, 8)
        results.append(out)
    assert np.abs(results[0].astype(int) - results[1]).max() <= 1


TYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "f2", "bfloat16", "f4", "f8", "g")


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize(
    ("black", "white"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 100.0), (-128.0, 127.0)]
)
@pytest.mark.parametrize("inside", [True, False])
def test_every_type_is_scaled_along_the_same_line(
    name: str, black: float, white: float, inside: bool
) -> None:
    ends = (black, white) if inside else (black - 20, white + 20)
    wide = np.linspace(*ends, 1200).reshape(4, 10, 10, 3)
    if name == "bfloat16":
        values: Any = (
            (wide.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(BFLOAT16)
        )
    else:
        limits = np.iinfo(name) if np.dtype(name).kind in "iu" else None
        values = (
            wide if limits is None else np.clip(np.rint(wide), limits.min, limits.max)
        ).astype(name)
    exact = (widen(values).astype(np.float64) - black) / (white - black) * 255.999
    for planes in (False, True):
        given_ = (
            np.ascontiguousarray(values.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
            if planes
            else values
        )
        out = np.empty(values.shape, np.uint8)
        held = Scaling(black, white).apply(given_, out, Scratch())
        assert np.abs(out - np.floor(np.clip(exact, 0, 255))).max() <= 1
        assert held is bool(exact.min() >= -1e-3 and exact.max() <= 256)


@pytest.mark.parametrize("name", ["f2", "f4", "f8", "bfloat16"])
@pytest.mark.parametrize("black", [0.0, -1.0])
def test_what_is_no_number_is_black_and_infinity_is_white_or_black(name: str, black: float) -> None:
    wide = np.array([math.nan, math.inf, -math.inf, 1.0, -1.0, 6e-8], np.float32).reshape(
        1, 1, 6, 1
    )
    values = (
        (wide.view(np.uint32) >> 16).astype(np.uint16).view(BFLOAT16)
        if name == "bfloat16"
        else wide.astype(name)
    )
    out = np.empty(values.shape, np.uint8)
    with np.errstate(all="ignore"):
        assert not Scaling(black, 1.0).apply(values, out, Scratch())
    assert out.ravel().tolist() == [0, 255, 0, 255, 0, 0 if black == 0 else 128]


def test_float16_too_far_apart_for_its_bits() -> None:
    values = np.array([0.0, 1e-3, 2e-3], np.float16).reshape(1, 1, 3, 1)
    out = np.empty(values.shape, np.uint8)
    assert Scaling(0.0, float(values.max())).apply(values, out, Scratch())
    assert out.ravel().tolist() == [0, 127, 255]
