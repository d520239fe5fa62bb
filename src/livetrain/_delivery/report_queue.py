"""What comes from the server and is not read yet: bounded, so that a server that talks without end fills no memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["ReportQueue"]

_Item = TypeVar("_Item")
_LOOK_SECONDS = 0.1


class ReportQueue(Generic[_Item]):
    """A queue of one reader, whose writers wait while it is full; one item is always taken in.

    Args:
        most: how many items may wait.
        most_bytes: how many bytes they may have together.

    Example:
        >>> waiting = ReportQueue()
        >>> waiting.put("one", 3, wanted=lambda: True)
        >>> waiting.take(10), len(waiting)
        (['one'], 0)
    """

    def __init__(self, most: int = 256, most_bytes: int = 8 << 20) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._items: deque[tuple[_Item, int]] = deque()
        self._bytes = 0
        self._room = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: _Item, size: int, *, wanted: Callable[[], bool] | None) -> None:
        """Add an item.

        Args:
            item: what to add.
            size: its bytes.
            wanted: asked while there is no room; once it says no, the item is thrown away. None: the item is one of few, and
                room is made for it at once.
        """
        with self._room:
            while wanted is not None and self._items and self._full(size):
                if not wanted():
                    return
                self._room.wait(_LOOK_SECONDS)
            self._items.append((item, size))
            self._bytes += size

    def _full(self, size: int) -> bool:
        return len(self._items) >= self._most or self._bytes + size > self._most_bytes

    def take(self, most: int) -> list[_Item]:
        """Return the oldest items, ``most`` of them at most; never waits for one."""
        with self._room:
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(size for _, size in taken)
            self._room.notify_all()
        return [item for item, _ in taken]
