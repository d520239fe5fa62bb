"""A bell between threads: who rings it never waits."""

from __future__ import annotations

import contextlib
import threading

__all__ = ["Bell"]


class Bell:
    """Wakes a thread that waits, or else the next one that would.

    An ``Event`` has a lock inside, which its waiter may hold while it waits for the GIL: beside threads that are busy in
    Python `set` then takes milliseconds. This is one bare lock, held while nobody rang.

    Example:
        >>> bell = Bell()
        >>> bell.ring()
        >>> bell.wait(0.0), bell.wait(0.0)
        (True, False)
    """

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """End the current wait, or the next; any thread, signal handlers too. Twice is as good as once."""
        # Asked first because an exception costs more; of two who ring at once the later gets one.
        if self._silent.locked():
            with contextlib.suppress(RuntimeError):
                self._silent.release()

    def wait(self, seconds: float = -1.0) -> bool:
        """Wait until it rings, `seconds` at most; -1: as long as it takes. Of several threads one is woken by a ring.

        Returns:
            Whether it rang.
        """
        return self._silent.acquire(timeout=seconds)
