"""Working memory of one thread, used again for every frame: fresh large arrays cost page faults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Scratch"]

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
        self._used = 0

    def begin(self) -> None:
        """Start a frame: the arrays of the frame before are up for grabs."""
        if self._block.size < self._used <= _KEPT:
            self._block = np.empty(self._used, np.uint8)
        self._used = 0

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of undefined contents, good until the next :meth:`begin`."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        start = -(-self._used // 64) * 64
        self._used = start + size
        if self._used > self._block.size:
            return np.empty(shape, kind)
        return self._block[start : start + size].view(kind).reshape(shape)
