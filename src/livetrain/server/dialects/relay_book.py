"""Which training a publisher's message belongs to. Pure; the clock is passed in.

Publishers open a connection for each message and do not say who they are, and the order of their messages is not that of the wire.
So a host has one training under way: it begins with a message that says so, or with the first that tells of one, and ends with
``training_end`` or ``error``. What begins and what ends it may come late or early by some seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Book", "Training"]

_APART_SECONDS: Final = 5.0
"""Messages of one training that were sent at once come within this time."""
_HOSTS: Final = 1_000
_BEGIN: Final = frozenset({"training_mode", "training_start"})
_END: Final = frozenset({"training_end", "error"})


@dataclass(slots=True)
class Training:
    """One training that is told of by messages.

    Attributes:
        run_id: of the run it is recorded as; empty: none yet.
        began: seconds of the monotonic clock.
        ended: the same; None: it goes on.
        theirs: the id that its publisher gives it; None: not known.
        said: types of messages that began it.
        step: the last step of its batches; None: there were none.
    """

    began: float
    run_id: str = ""
    ended: float | None = None
    theirs: str | None = None
    said: set[str] = field(default_factory=set)
    step: int | None = None


class Book:
    """The trainings under way, by the host that tells of them.

    Example:
        >>> book = Book()
        >>> first = book.find("10.0.0.1", "training_mode", {}, now=0.0)
        >>> book.find("10.0.0.1", "epoch_end", {}, now=60.0) is first
        True
        >>> book.find("10.0.0.1", "training_mode", {}, now=61.0) is first
        False
    """

    def __init__(self) -> None:
        self._by_host: OrderedDict[str, Training] = OrderedDict()

    def __contains__(self, host: str) -> bool:
        return host in self._by_host

    def adopt(self, host: str, run_id: str, now: float) -> None:
        """Let a run that was under way before a restart go on."""
        self._by_host[host] = Training(now - 2 * _APART_SECONDS, run_id=run_id)

    def find(self, host: str, kind: str, data: Mapping[str, Any], *, now: float) -> Training:
        """Return the training that a message belongs to, maybe a new one."""
        training = self._by_host.get(host)
        given = data.get("run_id")
        theirs = None if given is None else str(given)
        if training is None or self._is_another(training, kind, theirs, now):
            training = self._by_host[host] = Training(now)
        self._by_host.move_to_end(host)
        while len(self._by_host) > _HOSTS:
            self._by_host.popitem(last=False)
        training.theirs = training.theirs or theirs
        if kind in _BEGIN:
            training.said.add(kind)
        elif kind in _END:
            training.ended = now
        elif kind == "batch_metrics" and isinstance(step := data.get("step"), int) and step >= 0:
            training.step = max(training.step or 0, step)
        return training

    @staticmethod
    def _is_another(training: Training, kind: str, theirs: str | None, now: float) -> bool:
        if training.ended is not None:
            # A straggler still belongs to it; what begins a training does not.
            return kind in _BEGIN or now - training.ended > _APART_SECONDS
        if theirs is not None and training.theirs is not None and theirs != training.theirs:
            return kind not in _END
        if kind in _BEGIN:
            return kind in training.said or now - training.began > _APART_SECONDS
        return False
