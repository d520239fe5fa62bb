"""Copies into memory that is used again."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.device import BFLOAT16
from livetrain._capture.ring import Ring, Slot


@st.composite
def batches(draw: Any) -> np.ndarray:
    """An array of any strides and type."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    dtype = draw(
        st.sampled_from([np.uint8, np.bool_, np.float16, np.float32, np.float64, ">u2", BFLOAT16])
    )
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    array = np.arange(size, dtype=np.uint8).view(dtype).reshape(shape)
    if dtype is np.bool_:
        array = (np.arange(size).reshape(shape) % 2).astype(bool)
    order = (0, *draw(st.permutations(range(1, len(shape)))))
    array = array.transpose(order)
    steps = tuple(slice(None, None, draw(st.sampled_from([1, 1, -1, 2]))) for _ in shape)
    return array[steps]


@given(st.lists(st.tuples(batches(), st.integers(0, 10)), min_size=1, max_size=6))
def test_what_is_appended_comes_back_whatever_its_strides(
    given_: list[tuple[np.ndarray, int]],
) -> None:
    slot, last, kept = Slot(), None, []
    for array, seed in given_:
        picks = np.random.default_rng(seed).permutation(len(array)).tolist()
        before = 0 if last is None else len(last.array())
        block = slot.append(array, picks, 4, last)
        part = slice(before if block is last else 0, None)
        kept.append((block, part, array[picks].tobytes(), len(picks)))
        last = block
    for block, part, expected, count in kept:
        assert block.array()[part][:count].tobytes() == expected


def test_equal_rows_lie_in_one_piece() -> None:
    slot = Slot()
    rows = np.arange(60, dtype=np.uint8).reshape(5, 12)
    block = slot.append(rows, [0, 1], 4)
    assert slot.append(rows, [4, 2], 4, block) is block
    assert (block.array() == rows[[0, 1, 4, 2]]).all()
    other = slot.append(rows.astype(np.int32), [0], 4, block)
    assert other is not block


def test_memory_is_used_again_and_grows_only_when_it_must() -> None:
    slot = Slot()
    rows = np.zeros((16, 1000), np.uint8)
    first = slot.append(rows, range(16), 16).buffer
    slot.clear()
    assert slot.append(rows[:, :500], range(16), 16).buffer is first
    slot.clear()
    assert slot.append(np.zeros((16, 2000), np.uint8), range(16), 16).buffer is not first


def test_growing_in_the_middle_leaves_what_was_there() -> None:
    slot = Slot()
    small = np.arange(8, dtype=np.uint8).reshape(2, 4)
    block = slot.append(small, [0, 1], 2)
    large = np.arange(200, dtype=np.uint8).reshape(2, 100)
    other = slot.append(large, [1], 2, block)
    assert (block.array() == small).all()
    assert (other.array() == large[1:]).all()


def test_lending() -> None:
    ring = Ring(2)
    first, second = ring.lend(), ring.lend()
    assert first is not None
    assert second is not None
    assert ring.lend() is None
    ring.give_back(first)
    assert ring.lend() is first
    ring.give_back(first)
    ring.give_back(second)
    assert ring.lend() is second  # used last, so its memory is warm


def test_only_what_lies_directly_behind_is_taken_in() -> None:
    slot = Slot()
    rows = np.arange(8, dtype=np.uint8).reshape(2, 4)
    first = slot.append(rows, [0], 40)
    slot.append(rows.astype(np.int64), [1], 1, first)
    again = slot.append(rows, [1], 1, first)
    assert again is not first
    assert (first.array() == rows[:1]).all()
    assert (again.array() == rows[1:]).all()
