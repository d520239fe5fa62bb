"""Which records turned out to be damaged on the disk, and how many; pure."""

from __future__ import annotations

__all__ = ["Damage"]


class Damage:
    """Counts each damaged record once, and remembers it until it is acknowledged.

    Attributes:
        count: how many records were found damaged so far. Never falls.

    Example:
        >>> damage = Damage()
        >>> damage.find(3, 5), damage.find(4, 7), damage.find(4, 7)
        (True, True, False)
        >>> damage.count, 6 in damage
        (4, True)
        >>> damage.forget_through(4)
        >>> damage.count, 4 in damage, 6 in damage
        (4, False, True)
    """

    def __init__(self) -> None:
        self.count = 0
        self._seen_through = 0  # damage up to here is counted
        self._found: list[range] = []  # ascending, apart from each other, and not acknowledged yet

    def __contains__(self, seq: int) -> bool:
        """Return whether a record was found damaged, and is not acknowledged yet."""
        return any(seq in found for found in self._found)

    def find(self, first: int, end: int) -> bool:
        """Note that the records from `first` up to, but not including, `end` are damaged; return whether one of them is new."""
        new = range(max(first, self._seen_through + 1), end)
        if new:
            self.count += len(new)
            self._seen_through = new[-1]
            self._found.append(new)
        return bool(new)

    def forget_through(self, durable_seq: int) -> None:
        """Forget the damage of which all is acknowledged."""
        self._found = [found for found in self._found if found[-1] > durable_seq]
