"""Working memory of one thread, used again for every frame: fresh large arrays cost page faults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Scratch"]

_SLOW = 20e-9  # seconds a value: some ten times what a few passes over memory take
_KEPT = 256 << 20  # bytes; a frame that needs more pays for fresh memory


class Scratch:
    """Hands out uninitialised arrays from one block that grows to what a frame needs.

    Example:
        >>> scratch = Scratch()
        >>> scratch.begin()
        >>> scratch.array((2, 3), "float32").shape
        (2, 3)
    """

    def __init__(self) -> None:
        self._block: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._used = self._most = 0
        self.crowded = (
            False  # other threads want the GIL: few large calls are better than many small ones
        )

    def worked(self, values: int, seconds: float) -> None:
        """Tell how long it took to work on so many values: so long that other threads must have had the GIL meanwhile?"""
        if seconds > 0.002 + values * _SLOW:
            self.crowded = True

    def begin(self) -> None:
        """Start a frame: the arrays of the frame before are up for grabs."""
        if self._block.size < self._most <= _KEPT:
            self._block = np.empty(self._most, np.uint8)
        self._used = self._most = 0

    def mark(self) -> int:
        """Return a place to go back to."""
        return self._used

    def free(self, mark: int) -> None:
        """Take back what was handed out since the mark."""
        self._used = mark

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of undefined contents, good until the next :meth:`begin`."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        start = -(-self._used // 64) * 64
        self._used = start + size
        self._most = max(self._most, self._used)
        if self._used > self._block.size:
            return np.empty(shape, kind)
        return self._block[start : start + size].view(kind).reshape(shape)
