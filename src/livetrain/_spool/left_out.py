"""How many points and other records had to go for want of room, and are missing on the server; pure."""

from __future__ import annotations

from collections.abc import Iterable

from livetrain._spool.segment import Gone

__all__ = ["LeftOut"]


class LeftOut:
    """Counts what was refused and what was thinned.

    A record that is thinned after it was sent may still arrive: it is counted when the next connection shows
    that it did not.

    Attributes:
        refused: points and other records that were not taken in.
        thinned: the same, left out afterwards. Never falls.
        sent_seq: up to here everything is on its way; 0: nothing is.

    Example:
        >>> left_out = LeftOut()
        >>> left_out.sent(4)
        >>> left_out.thin([Gone(2, 1), Gone(4, 1), Gone(6, 1)])
        >>> left_out.thinned  # 2 and 4 are on their way
        1
        >>> left_out.committed(2)
        >>> left_out.settle()
        >>> left_out.thinned
        2
    """

    def __init__(self) -> None:
        self.refused = 0
        self.thinned = 0
        self.sent_seq = 0
        self._in_doubt: list[Gone] = []  # sent and thinned; bounded by the server's credit

    @property
    def count(self) -> int:
        """All of them."""
        return self.refused + self.thinned

    def refuse(self, points: int) -> None:
        """Count a record that is not taken in."""
        self.refused += points

    def thin(self, records: Iterable[Gone]) -> None:
        """Count records that were taken in, and are left out now."""
        for gone in records:
            if gone.seq <= self.sent_seq:
                self._in_doubt.append(gone)
            else:
                self.thinned += gone.points

    def sent(self, seq: int) -> None:
        """All up to `seq` are on their way."""
        self.sent_seq = max(self.sent_seq, seq)

    def committed(self, durable_seq: int) -> None:
        """What is on its way has arrived up to `durable_seq`."""
        self._in_doubt = [gone for gone in self._in_doubt if gone.seq > durable_seq]

    def settle(self) -> None:
        """Nothing is on its way any more: what is not committed did not arrive."""
        self.thinned += sum(gone.points for gone in self._in_doubt)
        self._in_doubt.clear()
        self.sent_seq = 0
