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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import widen
from livetrain._capture.reports import Reports

__all__ = ["RangeGuess", "extremes"]

Range = tuple[float, float]

_INTEGER_RANGES: tuple[Range, ...] = ((0, 1), (0, 255), (0, 4095), (0, 65535))
_FLOAT_RANGES: tuple[Range, ...] = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_SPARE = 0.05
_GLANCE = 480  # values: of more than 500 numpy gives up the GIL


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


def extremes(values: NDArray[Any], *, every: bool = False) -> tuple[float, float]:
    """Return the lowest and highest finite value; 0 and 0 if there is none.

    Args:
        values: shape (n, height, width, channels), any numeric type.
        every: all of them are looked at; False: a few of each image, so few that numpy keeps the GIL.
    """
    count, height, width, channels = values.shape
    down = across = 1
    if not every:
        places = max(1, _GLANCE // (count * channels))
        rows = min(height, max(1, math.isqrt(places)))
        down, across = -(-height // rows), -(-width // max(1, places // rows))
    some = widen(values[:, ::down, ::across])
    low, high = some.min(), some.max()
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = some[np.isfinite(some)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    return float(low), float(high)
