"""Any pixels to what an encoder takes: 8 bits, rows of height × width × channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetrain._capture.layout import NotAnImageError, Order
from livetrain._capture.reports import Reports
from livetrain._capture.scaling import Scaling
from livetrain._capture.scratch import Scratch
from livetrain._capture.source import is_numeric
from livetrain._capture.spaced import spaced, worth_spacing
from livetrain._capture.value_range import RangeGuess, SeenRange, extremes
from livetrain.config import ImageOptions

__all__ = ["Converter"]

Bytes = NDArray[np.uint8]


class Converter:
    """Turns copies of images into 8-bit ones.

    Colour images have 3 channels in the end; of 2 channels the third is black; with 4 the fourth is alpha.

    Args:
        options: what the user says about range, mean and std.
        reports: where guesses are told.

    Attributes:
        seen: which numbers the images hold.
    """

    def __init__(self, options: ImageOptions, reports: Reports) -> None:
        self._options = options
        self._reports = reports
        self._guess = RangeGuess(reports)
        self.seen = SeenRange()

    def convert(self, rows: NDArray[Any], order: Order, scratch: Scratch) -> Bytes:
        """Return images as bytes; see `convert_range`."""
        return self.convert_range(rows, order, scratch)[0]

    def convert_range(
        self, rows: NDArray[Any], order: Order, scratch: Scratch
    ) -> tuple[Bytes, tuple[float, float] | None]:
        """Return images as bytes, and which of their numbers are black and white.

        Args:
            rows: shape (n, ...), any numeric type, axes of each image as in order.
            order: "HW", "HWC" or "CHW".
            scratch: lends the memory of the result.

        Returns:
            Bytes of shape (n, height, width, channels), 1, 3 or 4 channels; contiguous, or `spaced`; no copy where none is needed.
            And black and white; None where they are 0 and 255 of unsigned bytes, or false and true.

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
            return rows, None
        if (
            rows.dtype == np.float32
            and order == "CHW"
            and worth_spacing(rows.shape)
            and not scratch.crowded  # it takes many calls
        ):
            out = spaced(rows.shape[:3], scratch)
        else:
            out = scratch.array((*rows.shape[:3], 3 if channels == 2 else channels), np.uint8)
        if channels == 2:
            out[..., 2] = 0
        pixels = out[..., :channels]
        if plain:
            _interleave(rows, pixels)
            return out, None
        with np.errstate(
            all="ignore"
        ):  # NaN and infinity are shown as black and white, not warned about
            scaling = told or self._guessed(rows)
            if not scaling.apply(rows, pixels, scratch) and told is None:
                # A glance at a few values missed what lies outside, or some of it is infinite or no number.
                again = self._guessed(rows, every=True)
                if again != scaling:
                    scaling = again
                    again.apply(rows, pixels, scratch)
        return out, None if rows.dtype.kind == "b" and told is None else scaling.shown

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
