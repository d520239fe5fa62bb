"""From values to bytes, in few passes over memory: each costs as much as the computing.

Few numpy calls on large arrays, too, where other threads want the GIL: each of them gives it up, and beside a thread that is
busy in Python has to wait up to 5 ms to go on.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import BFLOAT16, widen
from livetrain._capture.scratch import Scratch
from livetrain._capture.spaced import as_numbers, scale_planes

__all__ = ["Scaling", "highest_bits"]

Floats = NDArray[np.float32]

# The width of all 256 steps together. k/255 times this is k and a bit, for every k from 0 to 255, so that cutting off
# the fraction gives back the very bytes that an 8-bit image was scaled from, with no pass for rounding.
_LEVELS = 255.999
_TO_NEAREST = np.float32(255 / _LEVELS)  # for where the fraction is rounded and not cut off
_BLOCK = (
    3 << 16
)  # values: what is read, what is written and what is between them stays in a core's cache
_HALF_INFINITY = 0x7C00  # the bits of a float16
_HALF_SCALE = 2.0**112  # what a float16's bits in a float32's place are too small by
_NUDGE = np.float32(
    5e-4
)  # of a step of 255: what rounding took from black does not make it negative


@dataclass(frozen=True, slots=True)
class Scaling:
    """From values to bytes: black becomes 0, white 255.

    Attributes:
        black, white: values; black is less than white.
        mean, std: what the values were normalised with, before which they lay between black and white; None: they were not.
    """

    black: float
    white: float
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def shown(self) -> tuple[float, float]:
        """Which numbers of an image are black and white; of several channels the lowest black and the highest white."""
        if self.mean is None or self.std is None:
            return self.black, self.white
        channels = list(zip(self.mean, self.std, strict=True))
        return (
            min((self.black - mean) / std for mean, std in channels),
            max((self.white - mean) / std for mean, std in channels),
        )

    def apply(self, values: NDArray[Any], out: NDArray[np.uint8], scratch: Scratch) -> bool:
        """Scale values into bytes; those outside of black and white become black and white, NaN black.

        Args:
            values: shape (n, height, width, channels), any numeric type.
            out: takes the result, of the same shape.
            scratch: lends working memory.

        Returns:
            Whether all values lay between black and white.
        """
        factor: NDArray[np.float32] | np.float32 = np.float32(_LEVELS / (self.white - self.black))
        black: NDArray[np.float32] | float = self.black
        if self.mean is not None and self.std is not None:
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
            factor, black = std * factor, (np.float32(self.black) - mean) / std
        pixels = as_numbers(out)
        if values.strides[3] > values.strides[2]:
            # Where source and result differ in the order of their axes, numpy walks along them as they are written here: along
            # the source's planes that is twice as fast as along the 3 channels of a pixel.
            values, out = values.transpose(0, 3, 1, 2), out.transpose(0, 3, 1, 2)
            if isinstance(black, np.ndarray):
                factor, black = np.reshape(factor, (-1, 1, 1)), black.reshape(-1, 1, 1)
            if (
                pixels is not None
                and values.dtype == np.float32
                and scale_planes(values, black, factor * _TO_NEAREST, pixels, scratch)
            ):
                return True
        inside, start = True, 0
        while start < len(values):
            began, mark = time.perf_counter(), scratch.mark()
            size = len(values) if scratch.crowded else max(1, len(values) * _BLOCK // values.size)
            block = slice(start, start + size)
            inside &= _scale(values[block], black, factor, out[block], scratch)
            scratch.free(mark)
            scratch.worked(values[block].size, time.perf_counter() - began)
            start += size
        return inside


def _scale(
    values: NDArray[Any],
    black: NDArray[np.float32] | float,
    factor: NDArray[np.float32] | np.float32,
    out: NDArray[np.uint8],
    scratch: Scratch,
) -> bool:
    """Scale a block, and say whether all of it lay inside. Only the last step casts to bytes and puts them in their place."""
    shift = isinstance(black, np.ndarray) or black != 0
    if values.dtype == np.float16 or values.dtype == BFLOAT16:
        values, factor = _widened(values, factor, shift, scratch)
    elif values.dtype.kind == "V" or values.dtype.itemsize > 8:
        values = widen(values)
    # White itself was nudged as well, and still is less than 256.
    highest = float(np.min((_LEVELS + 1.5 * _NUDGE) / factor))
    if shift:
        shifted = scratch.array(values.shape, np.float32)
        # Large integers and float64 keep what matters if black is taken off in their own precision.
        wide = values.dtype.itemsize > 2 and values.dtype != np.float32
        exact = np.float64 if wide else np.float32
        np.subtract(values, black - _NUDGE / factor, out=shifted, casting="unsafe", dtype=exact)
        values = shifted
    if highest_bits(values) <= highest:
        np.multiply(values, factor, out=out, casting="unsafe", dtype=np.float32)
        return True
    scaled = scratch.array(values.shape, np.float32)
    np.multiply(values, factor, out=scaled, casting="unsafe", dtype=np.float32)
    # NaN stays NaN in a clip, and is cast to 0.
    np.clip(scaled, np.float32(0), np.float32(_LEVELS), out=out, casting="unsafe")
    return False


def _widened(
    values: NDArray[Any],
    factor: NDArray[np.float32] | np.float32,
    shift: bool,
    scratch: Scratch,
) -> tuple[Floats, NDArray[np.float32] | np.float32]:
    """Return floats of 16 bits as float32, and by what they are to be multiplied then.

    The bits of a positive float16 in a float32's place are the same number, but for a constant factor: one pass, where numpy's own
    conversion takes as long as three.
    """
    bits = values.view(np.uint16)
    if values.dtype == BFLOAT16:
        return _shifted(bits, 16, scratch), factor
    small = float(np.max(factor)) < 1e37 / _HALF_SCALE
    if not shift and small and int(bits.max()) < _HALF_INFINITY:
        return _shifted(bits, 13, scratch), factor * np.float32(_HALF_SCALE)
    wide = scratch.array(values.shape, np.float32)
    np.copyto(wide, values)
    return wide, factor


def _shifted(bits: NDArray[np.uint16], places: int, scratch: Scratch) -> Floats:
    wide = scratch.array(bits.shape, np.uint32)
    np.left_shift(bits, np.uint32(places), out=wide, dtype=np.uint32)
    return wide.view(np.float32)


def highest_bits(values: NDArray[Any]) -> float:
    """Return the highest of values that are all positive and finite; more than any number where one is not.

    One pass in place of two: positive numbers are in the order of their bits, and those of negative ones, of infinity
    and of NaN are larger.

    Args:
        values: integers, booleans, or floats of 32 or 64 bits.
    """
    top = values.view(f"u{values.dtype.itemsize}").max()
    highest = float(top.view(values.dtype))
    # The bits of -0.0 are larger than those of any positive number.
    return highest if math.copysign(1.0, highest) > 0 and highest < math.inf else math.inf
