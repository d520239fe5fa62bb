"""One stream's order: what is new, what came before, what is missing, and who may speak. No I/O and no clock.

A trainer numbers its records 1, 2, 3 ... Each is taken once, in order. It may be acknowledged as *received* at once and as
*durable* when it is committed; after a reconnect the trainer goes on after what is durable, and what was merely received comes
again and is known.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

__all__ = ["Sequencer", "Verdict"]


class Verdict(Enum):
    """What to do with a record."""

    NEW = "take it"
    DUPLICATE = "it came before: acknowledge again"
    GAP = "records before it are missing: say which is expected"
    FENCED = "a newer connection speaks for this stream: end this one"


class Sequencer:
    """The order of one stream.

    Attributes:
        durable: the number up to and with which everything is committed.
        received: the same for what was taken.
        connection: the number of the connection that may speak; 0: none ever did.

    Example:
        >>> order = Sequencer(durable=4)
        >>> me = order.open()
        >>> [order.offer(me, seq, 10).name for seq in (4, 5, 7)]
        ['DUPLICATE', 'NEW', 'GAP']
        >>> order.commit(5), order.durable
        (None, 5)
    """

    __slots__ = ("_waiting", "_waiting_bytes", "connection", "durable", "received")

    def __init__(self, durable: int = 0) -> None:
        self.durable = durable
        self.received = durable
        self.connection = 0
        self._waiting: deque[tuple[int, int]] = deque()
        self._waiting_bytes = 0

    @property
    def expected(self) -> int:
        """The number that the next new record has."""
        return self.received + 1

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of the wire were taken and are not committed."""
        return self._waiting_bytes

    def open(self) -> int:
        """Return the number of a new connection; from now on no older one may speak."""
        self.connection += 1
        return self.connection

    def owns(self, connection: int) -> bool:
        """Is this the connection that may speak?"""
        return connection == self.connection

    def judge(self, connection: int, seq: int) -> Verdict:
        """Say what a record is, and change nothing."""
        if connection != self.connection:
            return Verdict.FENCED
        if seq <= self.received:
            return Verdict.DUPLICATE
        return Verdict.NEW if seq == self.received + 1 else Verdict.GAP

    def offer(self, connection: int, seq: int, size: int) -> Verdict:
        """Judge a record of ``size`` bytes and take it if it is new."""
        verdict = self.judge(connection, seq)
        if verdict is Verdict.NEW:
            self.received = seq
            self._waiting.append((seq, size))
            self._waiting_bytes += size
        return verdict

    def commit(self, seq: int) -> None:
        """Note that everything up to and with ``seq`` is committed.

        Raises:
            ValueError: that was never taken.
        """
        if seq > self.received:
            raise ValueError(f"{seq} was committed, but only {self.received} records were taken")
        self.durable = max(self.durable, seq)
        while self._waiting and self._waiting[0][0] <= seq:
            self._waiting_bytes -= self._waiting.popleft()[1]

    def start_at(self, first_unacked: int) -> int:
        """Go on where the trainer has its oldest record, and return how many records before it are lost for good.

        A server whose store was emptied knows less than it once acknowledged; the trainer has thrown that away.
        """
        lost = first_unacked - 1 - self.received
        if lost <= 0:
            return 0
        self.received = first_unacked - 1
        if not self._waiting:
            self.durable = self.received
        return lost

    def credit(self, window: int) -> int:
        """Return how many bytes past ``durable`` may be on their way, when ``window`` more are welcome."""
        return self._waiting_bytes + window
