"""The slots that snapshots are copied into: a few blocks of memory, used again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Ring", "Slot"]

Array = NDArray[np.generic]


@dataclass(slots=True)
class Block:
    """Rows of one size and type in a slot; what they look like as an array is worked out in the background."""

    buffer: NDArray[np.uint8]
    start: int
    end: int
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]  # as it lies in memory
    order: tuple[int, ...] | None  # of the axes in memory; None: as they are

    def array(self) -> Array:
        """Return the rows, shape (n, ...), with their axes as they were given."""
        rows = self.buffer[self.start : self.end].view(self.dtype).reshape(-1, *self.row_shape)
        return rows if self.order is None else rows.transpose(np.argsort(self.order))


class Slot:
    """One block of memory that grows to what one frame needs and stays that large."""

    __slots__ = ("_buffer", "_bytes", "_used")

    def __init__(self) -> None:
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._bytes = self._buffer.data
        self._used = 0

    def clear(self) -> None:
        """Forget what is in here; the memory stays."""
        self._used = 0

    def append(
        self, source: Array, picks: Sequence[int], room_for: int, last: Block | None = None
    ) -> Block:
        """Copy some rows of an array in.

        Args:
            source: shape (N, ...), at least a pixel each, any strides.
            picks: which rows, each 0 to N - 1.
            room_for: how many rows of this size the frame may hold in the end.
            last: what was appended last, and may be extended.

        Returns:
            The rows. This is `last`, extended, if they have the same size and type and lie directly behind it.
        """
        order = None if source.flags.c_contiguous else _memory_order(source)
        rows = source if order is None else source.transpose(order)
        row_shape, dtype = rows.shape[1:], rows.dtype
        row_bytes = rows.nbytes // len(rows)
        start = self._used
        if last is None or not (
            last.end == start
            and last.buffer is self._buffer
            and last.row_shape == row_shape
            and last.dtype == dtype
            and last.order == order
        ):
            last = None
            start = -(-start // 64) * 64  # any type may begin here
        if start + row_bytes * len(picks) > len(self._bytes):
            # The old memory lives on with the blocks in it, until their frame is released.
            self._buffer = np.empty(row_bytes * max(room_for, len(picks)), np.uint8)
            self._bytes = self._buffer.data
            start, last = 0, None
        end = start + row_bytes * len(picks)
        if rows.flags.c_contiguous:
            # A memoryview copies without giving up the GIL. numpy gives it up, and beside a thread that is
            # busy in Python gets it back 5 ms later, for a copy that takes 0.1 to 0.3 ms.
            given, taken = rows.reshape(-1).view(np.uint8).data, self._bytes
            at = start
            for pick in picks:
                taken[at : at + row_bytes] = given[pick * row_bytes : (pick + 1) * row_bytes]
                at += row_bytes
        else:
            target = self._buffer[start:end].view(dtype).reshape(len(picks), *row_shape)
            for place, pick in enumerate(picks):
                target[place] = rows[pick]
        self._used = end
        if last is not None:
            last.end = end
            return last
        return Block(self._buffer, start, end, dtype, row_shape, order)


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
    strides = source.strides
    return (0, *sorted(range(1, source.ndim), key=lambda axis: -abs(strides[axis])))
