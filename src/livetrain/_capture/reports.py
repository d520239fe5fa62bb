"""What went wrong or was guessed: said once per cause in the log, and kept until somebody asks."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque

__all__ = ["Reports"]

_KEPT = 64  # sentences that wait to be asked for; older ones make room
_CAUSES = 512  # that are told apart; a run may log any number of names
_OTHER = "other"

_log = logging.getLogger("livetrain")


class Reports:
    """Collects sentences by cause; a cause is a short word such as ``"layout"``.

    The log gets a warning the first time a cause comes up, and never again: a training that does
    a thing a million times is told about it once. After 512 causes all that are new count as one.

    Example:
        >>> reports = Reports()
        >>> reports.guess("layout", "(3, 4, 3) is taken as HWC.")
        >>> reports.drain()
        ('(3, 4, 3) is taken as HWC.',)
    """

    def __init__(self) -> None:
        # Training thread and pool threads both report. Reentrant, for a signal handler that logs.
        self._lock = threading.RLock()
        self._counts: Counter[str] = Counter()
        self._problems = 0
        self._waiting: deque[str] = deque(maxlen=_KEPT)

    def problem(self, cause: str, sentence: str, count: int = 1) -> None:
        """Something could not be read, `count` times; every case waits to be drained, the first one is logged."""
        self._add(cause, sentence, every=True)
        with self._lock:
            self._problems += count

    @property
    def problems(self) -> int:
        """How many things could not be read."""
        return self._problems

    def guess(self, cause: str, sentence: str) -> None:
        """Something was ambiguous and a rule decided; said once, whatever comes later."""
        self._add(cause, sentence, every=False)

    def drain(self) -> tuple[str, ...]:
        """Return the sentences since the last call, oldest first."""
        if not self._waiting:  # the common case costs no lock
            return ()
        with self._lock:
            sentences = tuple(self._waiting)
            self._waiting.clear()
        return sentences

    @property
    def counts(self) -> dict[str, int]:
        """How often each cause came up."""
        with self._lock:
            return dict(self._counts)

    def _add(self, cause: str, sentence: str, *, every: bool) -> None:
        with self._lock:
            if len(self._counts) >= _CAUSES and cause not in self._counts:
                cause = _OTHER
            self._counts[cause] += 1
            first = self._counts[cause] == 1
            if first or every:
                self._waiting.append(sentence)
        if first:
            _log.warning("%s (said once)", sentence)
