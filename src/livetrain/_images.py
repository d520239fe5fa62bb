"""Any pixels to what an encoder takes: 8 bits, rows of height × width × channels, no larger than a tile.

Few numpy calls on large arrays, all of which release the GIL: beside a thread that is busy in Python each call has to
wait up to 5 ms to go on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livetrain._device import widen
from livetrain._layout import NotAnImageError, Order
from livetrain._pixels import RangeGuess, finite_extremes
from livetrain._reports import Reports
from livetrain._scratch import Scratch
from livetrain._source import is_numeric
from livetrain.config import ImageOptions

__all__ = ["Converter", "reduce"]

Bytes = NDArray[np.uint8]

# The width of all 256 steps together. k/255 times this is k and a bit, for every k from 0 to 255, so that cutting off
# the fraction gives back the very bytes that an 8-bit image was scaled from, with no pass for rounding.
_LEVELS = 255.999


class Converter:
    """Turns copies of images into 8-bit ones.

    Colour images have 3 channels in the end; of 2 channels the third is black; with 4 the fourth is alpha.

    Args:
        options: what the user says about range, mean and std.
        reports: where guesses are told.
    """

    def __init__(self, options: ImageOptions, reports: Reports) -> None:
        self._options = options
        self._reports = reports
        self._guess = RangeGuess(reports)

    def convert(self, rows: NDArray[Any], order: Order, scratch: Scratch) -> Bytes:
        """Return images as bytes.

        Args:
            rows: shape (n, ...), any numeric type, axes of each image as in order.
            order: "HW", "HWC" or "CHW".
            scratch: lends the memory of the result.

        Returns:
            Shape (n, height, width, channels), contiguous, 1, 3 or 4 channels. Not a copy where none is needed.

        Raises:
            NotAnImageError: the values are no numbers.
        """
        if not is_numeric(rows.dtype):
            raise NotAnImageError(f"values of type {rows.dtype} are not pixels")
        rows = rows[..., np.newaxis] if order == "HW" else rows
        channel_axis = 1 if order == "CHW" else 3
        options = self._options
        told = options.value_range != "auto" or options.mean is not None
        with np.errstate(
            all="ignore"
        ):  # NaN and infinity are shown as black and white, not warned about
            if rows.dtype == np.uint8 and not told:
                return self._interleave(rows, channel_axis, scratch)
            if rows.dtype == np.bool_ and not told:
                white = np.multiply(
                    rows.view(np.uint8), np.uint8(255), out=scratch.array(rows.shape, np.uint8)
                )
                return self._interleave(white, channel_axis, scratch)
            numbers = rows.view(np.uint8) if rows.dtype == np.bool_ else widen(rows)
            scaled = self._scale(numbers, channel_axis, scratch)
            return self._interleave(scaled, channel_axis, scratch)

    def _scale(
        self, rows: NDArray[Any], channel_axis: int, scratch: Scratch
    ) -> NDArray[np.float32]:
        """Return values from 0 to 255.999, of which only the fraction is too much."""
        mean, std = self._normalisation(rows.shape[channel_axis], channel_axis)
        if self._options.value_range != "auto":
            black, white = self._options.value_range
            inside = finite = False
        elif mean is not None:
            white = 1.0 if all(abs(m) <= 1 for m in self._options.mean or ()) else 255.0
            black, inside, finite = 0.0, False, False
        else:
            low, high, finite = finite_extremes(rows)
            black, white = self._guess.of(rows.dtype, low, high)
            inside = finite and black <= low and high <= white
        scale = _LEVELS / (white - black)
        scaled = scratch.array(rows.shape, np.float32)
        # Offsets are taken off before scaling up: the other way round loses the last bits of a float32.
        if mean is not None and std is not None:
            np.multiply(rows, std * scale, out=scaled, casting="unsafe", dtype=np.float32)
            np.add(scaled, (mean - black) * scale, out=scaled)
        elif black != 0:
            # Wide integers and float64 lose nothing that matters if black is taken off in their own precision.
            wide = (
                np.float64 if rows.dtype.itemsize > 2 and rows.dtype != np.float32 else np.float32
            )
            np.subtract(rows, black, out=scaled, casting="unsafe", dtype=wide)
            np.multiply(scaled, np.float32(scale), out=scaled)
        else:
            np.multiply(rows, np.float32(scale), out=scaled, casting="unsafe", dtype=np.float32)
        if not inside:
            # fmax takes the number of a number and NaN, where clip would hand the NaN on.
            np.fmax(scaled, np.float32(0), out=scaled)
            np.minimum(scaled, np.float32(_LEVELS), out=scaled)
        return scaled

    def _normalisation(
        self, channels: int, channel_axis: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | tuple[None, None]:
        mean, std = self._options.mean, self._options.std
        if mean is None or std is None:
            return None, None
        if len(mean) not in (1, channels):
            self._reports.problem(
                "normalisation",
                f"mean and std have {len(mean)} numbers and the images {channels} channels; mean and std are left out",
            )
            return None, None
        shape = (-1, 1, 1) if channel_axis == 1 else (-1,)
        return np.array(mean, np.float32).reshape(shape), np.array(std, np.float32).reshape(shape)

    @staticmethod
    def _interleave(rows: NDArray[Any], channel_axis: int, scratch: Scratch) -> Bytes:
        """Return (n, height, width, channels) bytes of values that fit into bytes, in any order and type."""
        channels = rows.shape[channel_axis]
        last = np.moveaxis(rows, channel_axis, 3)
        if rows.dtype == np.uint8 and channels != 2 and last.flags.c_contiguous:
            return last
        out = scratch.array((*last.shape[:3], 3 if channels == 2 else channels), np.uint8)
        if channels == 2:
            out[..., 2] = 0
        if last.flags.c_contiguous and channels != 2:
            np.copyto(out, last, casting="unsafe")
        else:
            # One plane at a time: numpy would else walk along the 3 channels in its innermost loop, 6 times slower.
            for channel in range(channels):
                np.copyto(out[..., channel], last[..., channel], casting="unsafe")
        return out


def reduce(images: Bytes, max_size: int) -> Bytes:
    """Return images whose longer side is at most ``max_size`` pixels, averaged over the area that each pixel stands for.

    Args:
        images: shape (n, height, width, channels), contiguous. Smaller ones are returned as they are.
        max_size: pixels.

    Example:
        >>> reduce(np.zeros((2, 100, 200, 3), np.uint8), 50).shape
        (2, 25, 50, 3)
    """
    count, height, width, channels = images.shape
    longer = max(height, width)
    if longer <= max_size:
        return images
    new_height, new_width = (max(1, round(n * max_size / longer)) for n in (height, width))
    # All tiles at once, as one tall picture: the areas of two tiles never mix, since each tile's edge is a pixel's edge.
    tall = Image.frombuffer(
        {1: "L", 3: "RGB", 4: "RGBX"}[channels],
        (width, count * height),
        images.reshape(-1),
        "raw",
        {1: "L", 3: "RGB", 4: "RGBX"}[channels],
        0,
        1,
    )
    factor = longer // max_size
    if height == new_height * factor and width == new_width * factor:
        small = tall.reduce(factor)
    else:
        if factor >= 4 and height % (factor // 2) == 0 == width % (factor // 2):
            tall = tall.reduce((factor // 2, factor // 2))  # most of the way by the fast filter
        small = tall.resize((new_width, count * new_height), Image.Resampling.BOX)
    return np.frombuffer(small.tobytes(), np.uint8).reshape(count, new_height, new_width, channels)
