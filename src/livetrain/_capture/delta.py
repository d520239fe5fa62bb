"""Pictures that did not change are encoded once: what was encoded is known by its content.

A tile gets a content hash when it is followed (``watch=``), or when a glance at the frame says that most of its tiles
look as they did in the frame before. Whether its bytes travel is for who sends it to say: by its hash it is known there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from livetrain._wire import Tile

__all__ = ["REMEMBERED", "Delta", "content_hashes"]

REMEMBERED = 64
"""Encoded tiles that are kept, the ones used last."""

_REMEMBERED_BYTES = 8 << 20
_GLANCE = 30  # bytes of an image that are looked at first


class Delta:
    """Remembers what was encoded.

    Example:
        >>> delta = Delta()
        >>> delta.keep(Tile(b"jpeg", "jpeg", 8, 8, 3, content_hash=5))
        >>> delta.find(5).data
        b'jpeg'
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # there may be two encoder threads
        self._tiles: OrderedDict[int, Tile] = OrderedDict()
        self._bytes = 0
        self._glances: OrderedDict[Hashable, bytes] = OrderedDict()

    def look_known(self, keys: Sequence[Hashable], images: NDArray[np.uint8]) -> list[bool]:
        """Return of each image whether a glance at it shows what it showed the last time.

        Args:
            keys: what tells each tile from the others of a frame: the sample's id, or its place.
            images: the bytes of each as it was captured, shape (n, bytes).
        """
        step = -(-images.shape[1] // _GLANCE)
        glances = images[:, ::step]
        known = []
        with self._lock:
            for key, glance in zip(keys, glances, strict=True):
                seen = glance.tobytes()
                known.append(self._glances.pop(key, None) == seen)
                self._glances[key] = seen
            while len(self._glances) > REMEMBERED:
                self._glances.popitem(last=False)
        return known

    def find(self, digest: int) -> Tile | None:
        """Return the tile with this hash as it was encoded; None: it is not known."""
        with self._lock:
            tile = self._tiles.get(digest)
            if tile is not None:
                self._tiles.move_to_end(digest)
            return tile

    def keep(self, tile: Tile) -> None:
        """Remember an encoded tile by its hash."""
        with self._lock:
            if tile.content_hash in self._tiles:
                return
            self._tiles[tile.content_hash] = tile
            self._bytes += len(tile.data)
            while len(self._tiles) > REMEMBERED or self._bytes > _REMEMBERED_BYTES:
                _, oldest = self._tiles.popitem(last=False)
                self._bytes -= len(oldest.data)


def content_hashes(images: NDArray[np.uint8], kind: str) -> list[int]:
    """Return 64 bits for each image that stand for its pixels, size and type; never 0, which means none.

    Two sums of its words by random odd numbers (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): for all
    images together three passes that give up the GIL, where a hash of each would be 16 calls and take as long as encoding.

    Args:
        images: the bytes of each as it was captured, shape (n, bytes).
        kind: their size and type, and how they are encoded.

    Example:
        >>> one, other = content_hashes(np.array([[1], [2]], np.uint8), "")
        >>> one == other
        False
    """
    size = images.shape[1]
    if size % 8 or not images.flags.c_contiguous or images.ctypes.data % 8:
        padded = np.zeros((len(images), -(-size // 8) * 8), np.uint8)
        padded[:, :size] = images
        images = padded
    words = images.view(np.uint64)
    keys = _keys(words.shape[1])
    with np.errstate(all="ignore"):  # they are meant to overflow
        # A sum's upper half depends on all bytes that stand low in their words: the second one has the others there.
        low, high = words @ keys[0], (words >> np.uint64(32)) @ keys[1]
    start = crc32(f"{size}{kind}".encode())
    return [
        (((int(a) >> 32) | (int(b) & ~0xFFFFFFFF)) ^ start) or 1
        for a, b in zip(low, high, strict=True)
    ]


@lru_cache(maxsize=4)
def _keys(count: int) -> NDArray[Any]:
    # A generator of its own: the user's random numbers stay what they are.
    odd = np.random.default_rng(7).integers(0, 1 << 63, (2, count), dtype=np.uint64) * 2 + 1
    return odd
