"""Pictures that did not change travel once: what was sent is known by its content.

A tile gets a content hash when it is followed (``watch=``), or when a glance at the frame says that most of its tiles
look as they did in the frame before.
A tile whose hash was sent already goes without its bytes. What counts as sent is what the transport says it sent, so
a frame that was dropped on the way costs nothing but its own bytes; after a reconnect everything is sent anew.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["REMEMBERED", "Delta", "content_hash"]

REMEMBERED = 64
"""Pictures whose hashes are taken as known to the other side, the newest ones."""

_GLANCE = 512  # bytes of an image that are compared at first


class Delta:
    """Remembers what was sent.

    Example:
        >>> delta = Delta()
        >>> digest = content_hash(np.zeros((2, 2), np.uint8))
        >>> delta.confirm([digest])
        >>> delta.is_known(digest)
        True
    """

    def __init__(self) -> None:
        # Encoder threads look and the stream's thread confirms.
        self._lock = threading.Lock()
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._glances: OrderedDict[Hashable, int] = OrderedDict()

    def looks_known(self, key: Hashable, image: NDArray[Any]) -> bool:
        """Return whether a glance at an image shows what it showed the last time.

        Args:
            key: what tells this tile from the others of a frame: the sample's id, or its place.
            image: as it was captured, in one piece of memory.
        """
        content = image.ravel("K").view(np.uint8)
        glance = zlib.crc32(content[:: max(1, content.size // _GLANCE)].tobytes())
        with self._lock:
            known = self._glances.pop(key, None) == glance
            self._glances[key] = glance
            if len(self._glances) > REMEMBERED:
                self._glances.popitem(last=False)
        return known

    def is_known(self, digest: int) -> bool:
        """Return whether this content was sent."""
        with self._lock:
            return digest in self._sent

    def confirm(self, digests: Iterable[int]) -> None:
        """Pictures with these hashes were sent."""
        with self._lock:
            for digest in digests:
                if digest:
                    self._sent[digest] = None
                    self._sent.move_to_end(digest)
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)

    def forget(self) -> None:
        """The other side may know nothing: send every picture anew."""
        with self._lock:
            self._sent.clear()


def content_hash(image: NDArray[Any]) -> int:
    """Return 64 bits that stand for an image's size, type and pixels; never 0, which means none.

    Args:
        image: as it was captured, in one piece of memory.
    """
    kind = f"{image.shape}{image.dtype}".encode()
    content = image.ravel("K").view(np.uint8).data
    digest = hashlib.blake2b(content, digest_size=8, key=kind[:64]).digest()
    return int.from_bytes(digest, "little") or 1
