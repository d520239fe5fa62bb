"""Pixels of three bytes that lie four bytes apart.

An encoder of JPEGs reads them as they are, and from planes of colour they are put together a pixel at a time, as one number of 32
bits: three times as fast as byte by byte.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from livetrain._capture.scratch import Scratch

__all__ = ["as_numbers", "scale_planes", "spaced", "worth_spacing"]

Bytes = NDArray[np.uint8]
_UNITS = np.float32(2**23)  # from here on to twice as much the lowest bit of a float32 is one
_UNITS_BITS = _UNITS.view(np.uint32)
_HIGH_BITS = ~np.uint32(255)
_LEAST, _MOST = 96 * 96, 384 * 384  # pixels of an image
_PLACE = np.uint32(8)  # bits from one byte of a pixel to the next


def spaced(shape: tuple[int, int, int], scratch: Scratch) -> Bytes:
    """Return room for pixels: shape (n, height, width, 3), of undefined contents.

    Args:
        shape: n, height and width.
        scratch: lends the memory.

    Example:
        >>> spaced((1, 2, 2), Scratch()).strides
        (16, 8, 4, 1)
    """
    room: Bytes = scratch.array((*shape, 4), np.uint8)
    return room[..., :3]


def worth_spacing(shape: tuple[int, ...]) -> bool:
    """Whether planes of that shape, (n, height, width, 3), are put together faster so.

    A smaller image costs more calls than it saves, and of a larger one the working memory does not fit into a core's cache.
    """
    little = sys.byteorder == "little"  # the first channel is a number's lowest byte
    return little and shape[3] == 3 and _LEAST <= shape[1] * shape[2] <= _MOST


def as_numbers(pixels: Bytes) -> NDArray[np.uint32] | None:
    """Return pixels as numbers of 32 bits, of which the lowest bytes are the first channel; None: they are not spaced so.

    Args:
        pixels: shape (..., height, width, channels), what `spaced` returned, or a part of its axes before the last.
    """
    rows = pixels.strides[-3] == 4 * pixels.shape[-2]
    if pixels.shape[-1] != 3 or pixels.strides[-2:] != (4, 1) or not rows:
        return None
    whole = as_strided(pixels, (*pixels.shape[:-1], 4), pixels.strides)
    return whole.view(np.uint32)[..., 0]


def scale_planes(
    values: NDArray[np.float32],
    black: NDArray[np.float32] | float,
    factor: NDArray[np.float32] | np.float32,
    out: NDArray[np.uint32],
    scratch: Scratch,
) -> bool:
    """Scale planes of colour to levels of 0 to 255, round them, and put them together.

    Args:
        values: shape (n, 3, height, width).
        black: what becomes 0; a number, or shape (3, 1, 1).
        factor: what a level is; a number, or shape (3, 1, 1).
        out: takes the pixels, shape (n, height, width).
        scratch: lends working memory.

    Returns:
        Whether all levels were 0 to 255 and no other thread wants the GIL; else what is in `out` is of no use.
    """
    # Of one image, in place, so that all of it stays in a core's cache.
    levels = scratch.array(values.shape[1:], np.float32)
    bits = levels.view(np.uint32)
    every, (red, green, blue) = bits.reshape(-1), bits
    shift = isinstance(black, np.ndarray) or black != 0
    for image, pixels in zip(values, out, strict=True):
        began = time.perf_counter()
        if shift:
            np.subtract(image, black, out=levels)
            np.multiply(levels, factor, out=levels)
        else:
            np.multiply(image, factor, out=levels)
        # The sum is rounded to the next whole number, which then are its lowest bits: half of what a cast to bytes takes.
        np.add(levels, _UNITS, out=levels)
        # What is too low, too high, infinite or no number has other high bits.
        if np.bitwise_or.reduce(every) & _HIGH_BITS != _UNITS_BITS:
            return False
        # The highest byte, the same everywhere, is shifted out, or lies where no channel does.
        np.left_shift(blue, _PLACE, out=pixels)
        np.bitwise_or(pixels, green, out=pixels)
        np.left_shift(pixels, _PLACE, out=pixels)
        np.bitwise_or(pixels, red, out=pixels)
        scratch.worked(image.size, time.perf_counter() - began)
        if scratch.crowded:
            return False
    return True
