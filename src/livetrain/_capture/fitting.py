"""Encodes frames as the governor wishes, and so small that they fit into a message of the server's."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from livetrain._capture.encode import PICTURE_SIZE, encode
from livetrain._capture.frame import CapturedFrame
from livetrain._wire import EncodedFrame

__all__ = ["Fitting"]

_NUMBERS_BYTES = 64 << 10  # of a batch's message, what is not pictures: predictions and the like
_LEAST_PIXELS = 16


class Fitting:
    """Encodes frames on the threads of the pool.

    Args:
        settings: returns the quality and the size in pixels to encode with.
        max_bytes: returns how large a message may be.
        packing: "strip" or "tiles"; "auto": strips.

    Attributes:
        packing: may be changed at any time.
    """

    def __init__(
        self,
        settings: Callable[[], tuple[int, int]],
        max_bytes: Callable[[], int],
        packing: str,
    ) -> None:
        self.packing = packing
        self._settings = settings
        self._max_bytes = max_bytes
        self._fitting = sys.maxsize  # pixels of a tile's longer side with which a frame fits

    def __call__(self, frame: CapturedFrame) -> EncodedFrame:
        """Return a frame's pictures, of the largest size that fits."""
        quality, max_size = self._settings()
        packing = "strip" if self.packing == "auto" else self.packing
        if frame.alone:
            quality, max_size, packing = frame.reader.options.quality, PICTURE_SIZE, "tiles"
        room = self._max_bytes() - _NUMBERS_BYTES
        while True:
            size = min(max_size, self._fitting)
            pictures = encode(frame, quality=quality, max_size=size, packing=packing)
            if pictures.size <= room or size <= _LEAST_PIXELS:
                return pictures
            # Over the server's limit it would not be shown at all; the next one is encoded to fit at once.
            self._fitting = max(
                _LEAST_PIXELS, int(size * min(0.9, math.sqrt(room / pictures.size)))
            )
