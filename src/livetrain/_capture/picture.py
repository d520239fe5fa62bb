"""Bytes of pixels to a JPEG or PNG, in one call that releases the GIL."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from livetrain._capture.spaced import as_numbers

__all__ = ["JPEG_LIMIT", "encode_picture"]

Bytes = NDArray[np.uint8]

JPEG_LIMIT = 65500
"""Pixels that a side of a JPEG may have."""

_LARGE = 128  # px: from here on colour at half resolution is not seen, and saves 40 % of time and 25 % of bytes
_SMALL_BYTES = 256 << 10


def encode_picture(
    image: Bytes, *, tile_height: int, quality: int, form: str
) -> tuple[bytes, str, int]:
    """Encode one picture, or a strip of equal ones.

    Args:
        image: shape (height, width, channels), 1, 3 or 4 channels; contiguous, or `spaced`.
        tile_height: pixels; ``height`` if this is not a strip.
        quality: of a JPEG, 1 to 100.
        form: "jpeg", "png", or "auto": PNG where the image is flat, as masks and digits are, and PNG is smaller.

    Returns:
        The bytes, "jpeg" or "png", and the channels in it: a JPEG leaves alpha out.
    """
    height, width, channels = image.shape
    if form == "png":
        return _png(image), "png", channels
    pixels = as_numbers(image)
    whole = image if pixels is None else pixels.view(np.uint8).reshape(height, width, 4)
    jpeg = simplejpeg.encode_jpeg(
        whole,
        quality=quality,
        colorspace={1: "GRAY", 3: "RGB", 4: "RGBX"}[whole.shape[2]],
        colorsubsampling=_subsampling(tile_height, height, width, channels),
    )
    if form == "auto" and _is_flat(image):
        png = _png(image)
        if len(png) < len(jpeg):
            return png, "png", channels
    return jpeg, "jpeg", min(channels, 3)


def _subsampling(tile_height: int, height: int, width: int, channels: int) -> str:
    if channels == 1:
        return "Gray"
    if max(tile_height, width) < _LARGE:
        return "444"
    # In a strip colours are halved across rows only where no block of 16 rows holds two tiles.
    return "420" if tile_height == height or tile_height % 16 == 0 else "422"


def _is_flat(image: Bytes) -> bool:
    """Return whether most neighbours are equal, by a look at 160 pairs: so few that numpy keeps the GIL."""
    height, width, _ = image.shape
    if width < 2:
        return True
    rows = image[:: -(-height // 16)]
    step = -(-(width - 1) // 10)
    equal = rows[:, 1::step] == rows[:, :-1:step]
    needed = 0.5 if image.size <= _SMALL_BYTES else 0.9
    return bool(np.count_nonzero(equal) >= needed * equal.size)


def _png(image: Bytes) -> bytes:
    """Write a PNG: Pillow's writer takes ten calls and holds the GIL for most of them."""
    height, width, channels = image.shape
    lines = np.empty((height, 1 + width * channels), np.uint8)
    flat = image.reshape(height, -1)
    if _is_flat(image):
        lines[:, 0] = 0  # filter "none"
        lines[:, 1:] = flat
    else:
        lines[:, 0] = 2  # filter "up": the difference to the row above
        lines[0, 1:] = flat[0]
        np.subtract(flat[1:], flat[:-1], out=lines[1:, 1:])
    packed = zlib.compress(lines.data, 6 if image.size <= _SMALL_BYTES else 1)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
