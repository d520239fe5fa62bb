"""How many records had to go for want of room, and are missing on the server; pure."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["LeftOut"]


class LeftOut:
    """Counts what was refused and what was thinned.

    A record that is thinned after it was sent may still arrive: it is counted when the next connection shows
    that it did not.

    Attributes:
        refused: records that were not taken in.
        thinned: records left out afterwards. Never falls.

    Example:
        >>> left_out = LeftOut()
        >>> left_out.sent(4)
        >>> left_out.thin([2, 4, 6])
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
        self._sent_seq = 0
        self._in_doubt: list[int] = []  # sent and thinned; bounded by the server's credit

    @property
    def count(self) -> int:
        """All of them."""
        return self.refused + self.thinned

    def refuse(self) -> None:
        """A record is not taken in."""
        self.refused += 1

    def thin(self, seqs: Iterable[int]) -> None:
        """Records are left out that were taken in."""
        for seq in seqs:
            if seq <= self._sent_seq:
                self._in_doubt.append(seq)
            else:
                self.thinned += 1

    def sent(self, seq: int) -> None:
        """All up to `seq` are on their way."""
        self._sent_seq = max(self._sent_seq, seq)

    def committed(self, durable_seq: int) -> None:
        """What is on its way has arrived up to `durable_seq`."""
        self._in_doubt = [seq for seq in self._in_doubt if seq > durable_seq]

    def settle(self) -> None:
        """Nothing is on its way any more: what is not committed did not arrive."""
        self.thinned += len(self._in_doubt)
        self._in_doubt.clear()
        self._sent_seq = 0
