"""Which values are black and white: what a number in an image means when nobody says.

The rule for ``value_range="auto"``:

* bool: False is black, True white; uint8: 0 to 255; int8: −128 to 127;
* other integers: 0 to 1, 0 to 255, 0 to 4095 or 0 to 65535, the first that holds what was seen; else lowest to highest;
* floats: 0 to 1, −1 to 1 or 0 to 255, the first that holds what was seen, with 5 % to spare (resizing overshoots);
  else lowest to highest of the frame, which is what a mean/std normalisation looks like.

"What was seen" is everything since the monitor started: a dark frame does not flicker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import widen
from livetrain._capture.reports import Reports
from livetrain._capture.scratch import Scratch

__all__ = ["RangeGuess", "Scaling", "extremes", "highest_bits"]

Range = tuple[float, float]

_INTEGER_RANGES: tuple[Range, ...] = ((0, 1), (0, 255), (0, 4095), (0, 65535))
_FLOAT_RANGES: tuple[Range, ...] = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_SPARE = 0.05

# The width of all 256 steps together. k/255 times this is k and a bit, for every k from 0 to 255, so that cutting off
# the fraction gives back the very bytes that an 8-bit image was scaled from, with no pass for rounding.
_LEVELS = 255.999


class RangeGuess:
    """Guesses black and white from the lowest and highest value, and remembers what it saw.

    Example:
        >>> guess = RangeGuess(Reports())
        >>> guess.of(np.dtype("float32"), -0.9, 0.9)
        (-1.0, 1.0)
        >>> guess.of(np.dtype("float32"), 0.1, 0.2)
        (-1.0, 1.0)
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        # Two pool threads may overwrite each other's entry: one frame's memory is lost, and comes again.
        self._seen: dict[str, Range] = {}

    def of(self, dtype: np.dtype[Any], low: float, high: float) -> Range:
        """Return what black and white are in images of this type that reach from low to high."""
        if dtype.kind == "b":
            return 0.0, 1.0
        if dtype == np.int8:
            return -128.0, 127.0
        integers = dtype.kind in "iu"
        kind = "integers" if integers else "floats"
        seen_low, seen_high = self._seen.get(kind, (low, high))
        wide = min(low, seen_low), max(high, seen_high)
        for black, white in _INTEGER_RANGES if integers else _FLOAT_RANGES:
            # What is to spare below black is measured by what was seen, so that -2 to 2.6 is not read as 0 to 255.
            below, above = (
                (0.0, 0.0) if integers else (_SPARE * (wide[1] - black), _SPARE * (white - black))
            )
            if black - below <= wide[0] and wide[1] <= white + above:
                self._seen[kind] = wide
                if integers and white in (1, 4095):
                    self._say(dtype, f"seen as {black} to {white}")
                return black, white
        self._say(dtype, "shown from its lowest to its highest value")
        return (low, high) if high > low else (low, low + 1.0)

    def _say(self, dtype: np.dtype[Any], how: str) -> None:
        self._reports.guess(
            "value_range",
            f"What is black and white in {dtype} images is not clear: each frame is {how}. "
            f"ImageOptions(value_range=(black, white)), or mean= and std= for normalised images, says otherwise",
        )


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
    def each(self) -> bool:
        """Whether the channels are scaled differently."""
        return self.mean is not None and len(self.mean) > 1

    def channels(self) -> list[Scaling]:
        """Return the scaling of each channel."""
        return [
            Scaling(self.black, self.white, (mean,), (std,))
            for mean, std in zip(self.mean or (), self.std or (), strict=True)
        ]

    def apply(
        self,
        values: NDArray[Any],
        out: NDArray[np.uint8],
        scratch: Scratch,
        *,
        inside: bool = False,
    ) -> None:
        """Scale values into bytes.

        Args:
            values: shape (..., channels), of a type that numpy computes with.
            out: takes the result, of the same shape.
            scratch: lends working memory.
            inside: all values are known to lie between black and white; False: that is to be seen.
        """
        factor: NDArray[np.float32] | np.float32 = np.float32(_LEVELS / (self.white - self.black))
        black: NDArray[np.float32] | float = self.black
        if self.mean is not None and self.std is not None:
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
            factor, black = std * factor, (np.float32(self.black) - mean) / std
        if values.ndim == 4 and values.strides[3] > values.strides[2]:
            # Where source and result differ in the order of their axes, numpy walks along them as they are written here: along
            # the source's planes that is twice as fast as along the 3 channels of a pixel.
            values, out = values.transpose(0, 3, 1, 2), out.transpose(0, 3, 1, 2)
            if isinstance(black, np.ndarray):
                factor, black = np.reshape(factor, (-1, 1, 1)), black.reshape(-1, 1, 1)
        if inside:
            np.multiply(values, factor, out=out, casting="unsafe", dtype=np.float32)
            return
        # In blocks that stay in the cache between one step and the next.
        size = len(values) if scratch.crowded else max(1, len(values) * _BLOCK // values.size)
        for start in range(0, len(values), size):
            block = slice(start, start + size)
            _scale(values[block], black, factor, out[block], scratch)


def _scale(
    values: NDArray[Any],
    black: NDArray[np.float32] | float,
    factor: NDArray[np.float32] | np.float32,
    out: NDArray[np.uint8],
    scratch: Scratch,
) -> None:
    # Only the result of the last step is cast to bytes and put in its place: each pass over memory costs as much as
    # the computing.
    mark = scratch.mark()
    if isinstance(black, np.ndarray) or black != 0:
        shifted = scratch.array(values.shape, np.float32)
        # Large integers and float64 keep what matters if black is taken off in their own precision.
        wide = values.dtype.itemsize > 2 and values.dtype != np.float32
        exact = np.float64 if wide else np.float32
        np.subtract(values, black - _NUDGE / factor, out=shifted, casting="unsafe", dtype=exact)
        values = shifted
    # White itself was nudged as well, and still is less than 256.
    highest = float(np.min((_LEVELS + 1.5 * _NUDGE) / factor))
    if values.dtype == np.float32 and highest_bits(values) <= highest:
        np.multiply(values, factor, out=out, casting="unsafe", dtype=np.float32)
    else:
        scaled = scratch.array(values.shape, np.float32)
        np.multiply(values, factor, out=scaled, casting="unsafe", dtype=np.float32)
        # NaN stays NaN in a clip, and is cast to 0.
        np.clip(scaled, np.float32(0), np.float32(_LEVELS), out=out, casting="unsafe")
    scratch.free(mark)


def highest_bits(values: NDArray[np.float32]) -> float:
    """Return the highest of values that are all positive and finite; more than any number where one is not.

    One pass in place of two: positive floats are in the order of their bits, and those of negative ones, of infinity
    and of NaN are larger.
    """
    top: np.uint32 = values.view(np.uint32).max()
    return float(top.view(np.float32)) if top < _BITS_OF_INFINITY else math.inf


def extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Return about the lowest and highest finite value, by a look at some rows of each image; 0 and 0 if there is none.

    Args:
        values: shape (n, height, width, channels), any numeric type.
    """
    some = widen(values[:, :: max(1, min(values.shape[1], values.size // _LOOKED_AT))])
    low, high = some.min(), some.max()
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = some[np.isfinite(some)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    return float(low), float(high)


_BLOCK = 3 << 18  # values: 3 MB of float32
_LOOKED_AT = 1 << 16  # values
_BITS_OF_INFINITY = np.float32(math.inf).view(np.uint32)
_NUDGE = np.float32(
    5e-4
)  # of a step of 255: what rounding took from black does not make it negative
