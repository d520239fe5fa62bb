"""Which values are black and white: what a number in an image means when nobody says.

The rule for ``value_range="auto"``:

* bool: False is black, True white; uint8: 0 to 255; int8: −128 to 127;
* other integers: 0 to 1, 0 to 255, 0 to 4095 or 0 to 65535, the first that holds what was seen; else lowest to highest;
* floats: 0 to 1, −1 to 1 or 0 to 255, the first that holds what was seen, with 5 % to spare (resizing overshoots);
  else lowest to highest of the frame, which is what a mean/std normalisation looks like.

"What was seen" is everything since the monitor started: a dark frame does not flicker.

Beside this, the page is told which numbers the images really hold, so that it can say "shown as 0 to 255, seen 0 to 16".
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.device import BFLOAT16, widen
from livetrain._capture.reports import Reports

__all__ = ["RangeGuess", "SeenRange", "extremes", "lowest_and_highest"]

Range = tuple[float, float]

_INTEGER_RANGES: tuple[Range, ...] = ((0, 1), (0, 255), (0, 4095), (0, 65535))
_FLOAT_RANGES: tuple[Range, ...] = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_SPARE = 0.05
_GLANCE = 480  # values: of more than 500 numpy gives up the GIL
_LOOK_SECONDS = 0.25  # between two looks at every value, and longer where one takes long
_SHARE = 0.02  # of a thread's time that these looks take at most


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


class SeenRange:
    """Which numbers images hold: the lowest and the highest of those that were shown within the last quarter of a second.

    Not each frame is looked through, since that would cost as much as a tenth of its encoding.

    Args:
        clock: seconds, monotonic.

    Example:
        >>> seen = SeenRange()
        >>> seen.of(np.array([0.0, 16.0, np.nan]), every=seen.begin_frame())
        (0.0, 16.0)
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        # Two pool threads may overwrite each other's: both have looked.
        self._last: dict[np.dtype[Any], Range] = {}
        self._due = -math.inf

    def begin_frame(self, *, crowded: bool = False) -> bool:
        """Say whether the frame that comes is to be looked through.

        Args:
            crowded: that would wait for the GIL; the first frame is looked through all the same.
        """
        if self._last and (crowded or self._clock() < self._due):
            return False
        self._last = {}
        self._due = self._clock() + _LOOK_SECONDS
        return True

    def of(self, rows: NDArray[Any], *, every: bool) -> Range | None:
        """Return the lowest and highest finite number; None: there is none.

        Args:
            rows: of any shape and numeric type.
            every: look at each of them, as `begin_frame` said.
        """
        last = self._last.get(rows.dtype)
        if every or last is None:
            began = self._clock()
            found = lowest_and_highest(rows)
            self._due += (self._clock() - began) / _SHARE
        else:
            flat = rows.reshape(-1)
            found = lowest_and_highest(flat[:: -(-flat.size // _GLANCE)])
        if found is None:
            return last
        wide = found if last is None else (min(last[0], found[0]), max(last[1], found[1]))
        self._last[rows.dtype] = wide if every else last or wide
        return found if every else wide


def lowest_and_highest(values: NDArray[Any]) -> Range | None:
    """Return the lowest and the highest finite number; None: there is none.

    Args:
        values: of any shape and numeric type.
    """
    if not values.size:
        return None
    if values.dtype == np.float16 or values.dtype == BFLOAT16:
        low, high = _extremes_of_bits(values)
    else:
        values = widen(values)
        low, high = float(values.min()), float(values.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    wide = widen(values)
    finite = wide[np.isfinite(wide)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def _extremes_of_bits(values: NDArray[Any]) -> Range:
    """Return the extremes of floats of 16 bits; NaN or infinity where one is among them.

    Their bits are in the order of the numbers, but for negative ones, which are in the reverse order: a few passes over integers,
    where NumPy's own over such floats takes a hundred times as long.
    """
    bits = np.ascontiguousarray(values).view(np.uint16)
    lowest, highest = bits.min(), bits.max()
    most = bits.view(np.int16).max()  # negative: all of the numbers are
    ends = np.array([highest if highest > 0x7FFF else lowest, most if most >= 0 else lowest])
    low, high = widen(ends.astype(np.uint16).view(values.dtype)).astype(np.float64).tolist()
    return low, high
