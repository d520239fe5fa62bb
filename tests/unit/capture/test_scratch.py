"""Working memory that is used again."""

from __future__ import annotations

import numpy as np

from livetrain._capture.scratch import Scratch


def frame(scratch: Scratch) -> list[np.ndarray]:
    scratch.begin()
    return [
        scratch.array((3, 5), np.float32),
        scratch.array((7,), np.uint8),
        scratch.array((2, 2), np.float64),
    ]


def test_arrays_of_a_frame_do_not_overlap_and_the_next_frame_has_the_same_memory() -> None:
    scratch = Scratch()
    frame(scratch)
    first = frame(scratch)
    for n, array in enumerate(first):
        array.fill(n + 1)
    assert [float(a.min()) for a in first] == [float(a.max()) for a in first] == [1.0, 2.0, 3.0]
    second = frame(scratch)
    assert [a.ctypes.data for a in second] == [a.ctypes.data for a in first]


def test_what_is_freed_is_handed_out_again() -> None:
    scratch = Scratch()
    for _ in range(2):
        scratch.begin()
        kept = scratch.array((10,), np.uint8)
        mark = scratch.mark()
        one = scratch.array((1000,), np.uint8)
        scratch.free(mark)
        two = scratch.array((1000,), np.uint8)
    assert one.ctypes.data == two.ctypes.data
    assert not np.shares_memory(kept, two)
