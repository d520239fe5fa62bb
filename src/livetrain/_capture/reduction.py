"""Images made smaller: each pixel of the result is the mean of the area that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livetrain._capture.layout import Order
from livetrain._capture.scratch import Scratch

__all__ = ["reduce", "shrink"]

Bytes = NDArray[np.uint8]

_BLOCK = 3 << 16  # values: stays in a core's cache


def reduce(images: Bytes, max_size: int) -> Bytes:
    """Return images whose longer side is at most ``max_size`` pixels, averaged over the area that each pixel stands for.

    Args:
        images: shape (n, height, width, channels). Smaller ones are returned as they are.
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


def shrink(rows: NDArray[Any], order: Order, max_size: int, scratch: Scratch) -> NDArray[Any]:
    """Return images a whole number of times smaller, where they are planes of float32 and too large; else as they are.

    That is done before they are converted to bytes, which takes longer than this does.

    Args:
        rows: shape (n, height, width) or (n, channels, height, width), as `order` says.
        order: of the axes of an image.
        max_size: pixels of the longer side.
        scratch: lends the memory of the result.

    Example:
        >>> shrink(np.ones((2, 3, 8, 4), np.float32), "CHW", 4, Scratch()).shape
        (2, 3, 4, 2)
    """
    height, width = rows.shape[-2:]
    factor = max(height, width) // max_size
    whole = factor >= 2 and height % factor == 0 == width % factor
    if rows.dtype != np.float32 or order == "HWC" or not whole or not rows.flags.c_contiguous:
        return rows
    shape = (*rows.shape[:-2], height // factor, width // factor)
    small = scratch.array(shape, np.float32)
    lines, means = rows.reshape(-1, width), small.reshape(-1, shape[-1])
    at_once = len(means) if scratch.crowded else max(1, _BLOCK // width)
    part = np.float32(1 / factor**2)
    for start in range(0, len(means), at_once):
        mark = scratch.mark()
        out = means[start : start + at_once]
        tall = lines[start * factor : (start + len(out)) * factor]
        sums = scratch.array((len(out), width), np.float32)
        np.add(tall[::factor], tall[1::factor], out=sums)
        for row in range(2, factor):
            np.add(sums, tall[row::factor], out=sums)
        np.add(sums[:, ::factor], sums[:, 1::factor], out=out)
        for column in range(2, factor):
            np.add(out, sums[:, column::factor], out=out)
        np.multiply(out, part, out=out)
        scratch.free(mark)
    return small
