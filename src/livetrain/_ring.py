"""The slots that snapshots are copied into: a few blocks of memory, used again and again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ring", "Slot"]

Array = NDArray[np.generic]


class Slot:
    """One block of memory that grows to what one frame needs and stays that large."""

    __slots__ = ("_buffer", "_bytes", "_first", "_geometry", "_used")

    def __init__(self) -> None:
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._bytes = self._buffer.data
        self.clear()

    def clear(self) -> None:
        """Forget what is in here; the memory stays."""
        self._first = self._used = 0
        self._geometry: tuple[object, ...] = ()

    def append(self, source: Array, picks: Sequence[int], room_for: int) -> Array:
        """Copy some rows of an array in.

        Args:
            source: shape (N, ...), any strides.
            picks: which rows, each 0 to N - 1.
            room_for: how many rows of this size the frame may hold in the end.

        Returns:
            A view of the copies, shape (n, ...). With the rows of the calls before it, when those have the same
            size and type and lie directly in front: then n is more than ``len(picks)``.
        """
        order = _memory_order(source)
        rows = source.transpose(order)
        row_shape = rows.shape[1:]
        row_bytes = math.prod(row_shape) * rows.itemsize
        size = row_bytes * len(picks)
        geometry = (row_shape, rows.dtype, order)
        start = self._used if geometry == self._geometry else -(-self._used // 64) * 64  # aligned
        if start + size > self._buffer.size:
            # Views of the old block keep it alive until their frame is released.
            self._buffer = np.empty(max(row_bytes * max(room_for, len(picks)), 1), np.uint8)
            self._bytes = self._buffer.data
            start, self._geometry = 0, ()
        end = start + size
        if rows.flags.c_contiguous:
            # A memoryview copies without giving up the GIL. numpy gives it up, and beside a thread that is
            # busy in Python gets it back 5 ms later, for a copy that takes 0.1 to 0.3 ms.
            given = rows.reshape(-1).view(np.uint8).data
            taken = self._bytes
            at = start
            for pick in picks:
                taken[at : at + row_bytes] = given[pick * row_bytes : (pick + 1) * row_bytes]
                at += row_bytes
        else:
            target = self._buffer[start:end].view(rows.dtype).reshape(len(picks), *row_shape)
            for i, pick in enumerate(picks):
                target[i] = rows[pick]
        first = self._first if geometry == self._geometry else start
        self._first, self._used, self._geometry = first, end, geometry
        count = (end - first) // row_bytes
        view = self._buffer[first:end].view(rows.dtype).reshape(count, *row_shape)
        return view.transpose(np.argsort(order))


class Ring:
    """A bounded number of slots; the one used last is lent first, as its memory is warm.

    Example:
        >>> ring = Ring(slots=1)
        >>> slot = ring.lend()
        >>> ring.lend() is None
        True
        >>> ring.give_back(slot)
    """

    def __init__(self, slots: int) -> None:
        # deque.pop and append are atomic: no lock that a signal handler could find taken.
        self._free: deque[Slot] = deque((Slot() for _ in range(slots)), maxlen=slots)

    def lend(self) -> Slot | None:
        """Return an empty slot, or None when all are in use."""
        try:
            slot = self._free.pop()
        except IndexError:
            return None
        slot.clear()
        return slot

    def give_back(self, slot: Slot) -> None:
        """Take back a slot whose contents nobody reads any more."""
        self._free.append(slot)


def _memory_order(source: Array) -> tuple[int, ...]:
    """Return the axes in the order of memory, the batch axis first: so a transposed array is copied in one piece."""
    if source.flags.c_contiguous:
        return tuple(range(source.ndim))
    strides = source.strides
    return (0, *sorted(range(1, source.ndim), key=lambda axis: -abs(strides[axis])))
