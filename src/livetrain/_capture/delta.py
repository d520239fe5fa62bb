"""Pictures that did not change travel once: what was sent is known by its content.

A tile gets a content hash when it is followed (``watch=``), or when a glance at the frame says that most of its tiles
look as they did in the frame before.
A tile whose hash was sent already goes without its bytes. What counts as sent is what the transport says it sent, so
a frame that was dropped on the way costs nothing but its own bytes; after a reconnect everything is sent anew.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["REMEMBERED", "Delta", "content_hash"]

REMEMBERED = 64
"""Pictures whose hashes are taken as known to the other side, the newest ones."""

_GLANCE = 30  # bytes of an image that are looked at first


class Delta:
    """Remembers what was sent.

    Example:
        >>> delta = Delta()
        >>> digest = content_hash(np.zeros(4, np.uint8), "2 × 2")
        >>> delta.confirm([digest])
        >>> delta.is_known(digest)
        True
    """

    def __init__(self) -> None:
        # Encoder threads look and the stream's thread confirms.
        self._lock = threading.Lock()
        self._sent: OrderedDict[int, None] = OrderedDict()
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


def content_hash(image: NDArray[np.uint8], kind: str) -> int:
    """Return 64 bits that stand for an image's pixels, size and type; never 0, which means none.

    Args:
        image: its bytes as it was captured, contiguous.
        kind: its size and type.
    """
    digest = hashlib.blake2b(image.data, digest_size=8, key=kind.encode()[:64]).digest()
    return int.from_bytes(digest, "little") or 1
