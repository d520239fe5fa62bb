"""Has memory that is not needed any more given back to the system."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

__all__ = ["give_back_freed_memory", "trim"]

_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_LARGE: Final = 1024 * 1024  # larger than a frame, which comes 60 times a second


def give_back_freed_memory() -> None:
    """Set the C library's allocator up, before the first thread starts; does nothing where it is not glibc's.

    By itself glibc raises, with each large block that is freed, the size from which on blocks are given back, up to 32 MiB. What
    curves are packed in is larger than that together and smaller by itself, so that hundreds of megabytes stayed with the server.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, 2)


def trim() -> None:
    """Have the C library's allocator give back what is free in it; does nothing where it is not glibc's."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
