"""How many files and connections this process may have open at once."""

from __future__ import annotations

import contextlib
from typing import Final

__all__ = ["raise_descriptor_limit", "share_of_descriptors"]

_ENOUGH: Final = 65_536
_MOST_OF_A_PORT: Final = 4_096
_LEAST: Final = 16
_OWN: Final = 96
"""So many the store, the event loop and the log have open themselves."""


def raise_descriptor_limit() -> int:
    """Have the system allow as many open files as it would, and return how many that are.

    By itself it allows 1,024 in most places, for programs that are older than some of their users.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limit for sockets
        return _ENOUGH
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return min(_ENOUGH, soft if soft > 0 else _ENOUGH)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return int(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def share_of_descriptors(limit: int) -> int:
    """Return how many connections one of the three ports may have, so that they leave some descriptors to the store.

    Example:
        >>> share_of_descriptors(1024), share_of_descriptors(65_536), share_of_descriptors(64)
        (232, 4096, 16)
    """
    return max(_LEAST, min(_MOST_OF_A_PORT, (limit - _OWN) // 4))
