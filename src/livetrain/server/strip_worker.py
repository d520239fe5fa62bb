"""A process of its own that cuts strips of tiles into single pictures; it can use little memory, and dies with its parent.

It reads requests from stdin and writes answers to stdout, one after the other; what they look like is said in the module `strips`.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import BinaryIO, Final

import numpy as np
import simplejpeg
from PIL import Image

from livetrain.server.strips import MAX_PIXELS, REQUEST, SIZE

__all__ = ["cut", "main"]

_QUALITY: Final = 85
_MEMORY_BYTES: Final = 1 << 30


def cut(strip: bytes, tile_height: int, count: int) -> list[bytes]:
    """Return the tiles of a strip, the first `count` of them, as JPEGs.

    Raises:
        ValueError: it is no picture, or not one of so many rows.
    """
    with Image.open(io.BytesIO(strip), formats=("JPEG", "PNG")) as opened:
        width, height = opened.size
        if not 0 < tile_height * count <= height or width * height > MAX_PIXELS:
            raise ValueError(f"{count} tiles of {tile_height} rows in {width} x {height} pixels")
        grey = opened.mode in ("1", "L", "I", "I;16", "F")
        if opened.format == "JPEG":
            rows = simplejpeg.decode_jpeg(strip, colorspace="GRAY" if grey else "RGB")
        else:
            rows = np.asarray(opened.convert("L" if grey else "RGB"))
    tiles = np.ascontiguousarray(rows[: tile_height * count]).reshape(
        count, tile_height, width, 1 if grey else 3
    )
    kind = "GRAY" if grey else "RGB"
    return [
        simplejpeg.encode_jpeg(tile, quality=_QUALITY, colorspace=kind, colorsubsampling="420")
        if not grey
        else simplejpeg.encode_jpeg(tile, quality=_QUALITY, colorspace=kind)
        for tile in tiles
    ]


def main() -> None:
    """Cut what comes until nothing comes any more."""
    _limit()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(REQUEST.size):
        tile_height, count, size = REQUEST.unpack(head)
        _answer(sink, source.read(size), tile_height, count)


def _answer(sink: BinaryIO, strip: bytes, tile_height: int, count: int) -> None:
    try:
        tiles = cut(strip, tile_height, count)
    except Exception:  # whatever a stranger's picture does to a decoder
        tiles = []
    sink.write(SIZE.pack(len(tiles)))
    for tile in tiles:
        sink.write(SIZE.pack(len(tile)))
        sink.write(tile)
    sink.flush()


def _limit() -> None:
    """Give up what a decoder has no use for: much memory, files, and time that others need."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)


if __name__ == "__main__":
    main()
