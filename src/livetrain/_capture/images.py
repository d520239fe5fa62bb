"""Any pixels to what an encoder takes: 8 bits, rows of height × width × channels, no larger than a tile."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livetrain._capture.layout import NotAnImageError, Order
from livetrain._capture.reports import Reports
from livetrain._capture.scaling import Scaling
from livetrain._capture.scratch import Scratch
from livetrain._capture.source import is_numeric
from livetrain._capture.value_range import RangeGuess, extremes
from livetrain.config import ImageOptions

__all__ = ["Converter", "reduce"]

Bytes = NDArray[np.uint8]


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
        if order == "CHW":
            rows = rows.transpose(
                0, 2, 3, 1
            )  # a view: whether it is read plane by plane is seen below
        elif order == "HW":
            rows = rows[..., np.newaxis]
        channels = rows.shape[3]
        told = self._told(channels)
        plain = rows.dtype == np.uint8 and told is None
        if plain and channels != 2 and rows.flags.c_contiguous:
            return rows
        out = scratch.array((*rows.shape[:3], 3 if channels == 2 else channels), np.uint8)
        if channels == 2:
            out[..., 2] = 0
        pixels = out[..., :channels]
        if plain:
            _interleave(rows, pixels)
            return out
        with np.errstate(
            all="ignore"
        ):  # NaN and infinity are shown as black and white, not warned about
            scaling = told or self._guessed(rows)
            if not scaling.apply(rows, pixels, scratch) and told is None:
                # A glance at a few values missed what lies outside, or some of it is infinite or no number.
                again = self._guessed(rows, every=True)
                if again != scaling:
                    again.apply(rows, pixels, scratch)
        return out

    def _told(self, channels: int) -> Scaling | None:
        """Return what the user says of black and white; None: nothing."""
        mean, std = self._options.mean, self._options.std
        if mean is not None and len(mean) not in (1, channels):
            self._reports.problem(
                "normalisation",
                f"mean and std have {len(mean)} numbers and the images {channels} channels; they are not used",
            )
            mean = std = None
        told = self._options.value_range
        if told != "auto":
            return Scaling(*told, mean, std)
        if mean is not None:
            return Scaling(0.0, 1.0 if all(abs(m) <= 1 for m in mean) else 255.0, mean, std)
        return None

    def _guessed(self, rows: NDArray[Any], *, every: bool = False) -> Scaling:
        return Scaling(*self._guess.of(rows.dtype, *extremes(rows, every=every)))


def _interleave(source: Bytes, out: Bytes) -> None:
    """Copy one plane at a time: numpy would else walk along the 3 channels in its innermost loop, 6 times slower."""
    for channel in range(source.shape[3]):
        np.copyto(out[..., channel], source[..., channel])


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
