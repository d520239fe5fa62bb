"""How the ranks of one training find the same run without a collective.

The id of a run's session is a secret that rank 0 makes up. It leaves it in the key-value store that ``torch.distributed`` keeps
for its process group, and the others look there. All of this happens on the stream's thread, now and then: no rank waits for
another, and a store that is not there costs nothing but a run of one's own.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Meeting", "Store", "next_number", "torch_store"]

LOOK_SECONDS = 0.1
GIVE_UP_SECONDS = 60.0
_GO_ON_SECONDS = 5.0
"""How long rank 0 of a training that was started again waits for a store that may have its session."""
_numbers = itertools.count()


def next_number() -> int:
    """Return the number of the next monitor of this process that has other ranks beside it."""
    return next(_numbers)


class Store(Protocol):
    """What is used of a ``torch.distributed.Store``."""

    def set(self, key: str, value: str) -> None:
        """Leave a value."""

    def check(self, keys: list[str]) -> bool:
        """Say whether all of these are there."""

    def get(self, key: str) -> bytes:
        """Return a value; waits for it where it is not there."""


def torch_store() -> Store | None:
    """Return the store of the default process group; None: there is none, or none yet."""
    # Not imported: who trains on several ranks with torch has it, and who does not should not get it.
    dist: Any = sys.modules.get("torch.distributed")
    inner: Any = sys.modules.get("torch.distributed.distributed_c10d")
    if dist is None or inner is None or not dist.is_available() or not dist.is_initialized():
        return None
    found: Store | None = inner._get_default_store()
    return found


class Meeting:
    """One rank's way to the session of its run.

    The monitors of a process are numbered as they are made, so that the second of one rank meets the second of the others.

    Args:
        rank: 0 says, the others look.
        session: of this rank; for the others the one that they keep if they meet nobody.
        store: returns the store, or None as long as there is none.

        number: of this monitor; None: the next.
        start: how often the training was started before. Rank 0 goes on with the session of the start before, if the store has it.
        another: the session of this start is not to be taken: the ranks meet in a new one.

    Attributes:
        session: of the run, once it is known.
        alone: it met nobody, and looks no longer.

    Example:
        >>> class Kept(dict):
        ...     def check(self, keys): return all(key in self for key in keys)
        ...     def set(self, key, value): self[key] = value.encode()
        ...     def get(self, key): return self[key]
        >>> store = Kept()
        >>> first, second = Meeting(0, "one", lambda: store, number=0), Meeting(1, "two", lambda: store, number=0)
        >>> first.ready(now=0.0), second.ready(now=0.0), second.session
        (True, True, 'one')
    """

    def __init__(
        self,
        rank: int,
        session: str,
        store: Callable[[], Store | None] = torch_store,
        number: int | None = None,
        start: int = 0,
        another: bool = False,
    ) -> None:
        self.session = session
        self.alone = False
        self._rank = rank
        self._store = store
        self._newest = f"livetrain/session/{next_number() if number is None else number}"
        # What an earlier start left is still there: `torchrun` keeps the store of a training that it starts again.
        self._key = f"{self._newest}/{start}{'/another' if another else ''}"
        self._goes_on = start > 0 and not another
        self._met = False
        self._looked: float | None = None
        self._began: float | None = None

    def ready(self, now: float, last: bool = False) -> bool:
        """Say whether `session` is known to be that of the run; `now` in seconds on the monotonic clock.

        `last`: the training is over, so whom it does not meet now it never meets.
        """
        if self._met or self.alone:
            return True
        if self._began is None:
            self._began = now
        if last or self._looked is None or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            with contextlib.suppress(Exception):  # a store that goes down with its process group
                self._look()
        waited = now - self._began
        if not self._met and (last or waited >= GIVE_UP_SECONDS):
            self.alone = True
        if self._met or self.alone:
            return True
        if self._rank or (self._goes_on and waited < _GO_ON_SECONDS):
            return False
        self._goes_on = False  # from now on its session is in use
        return True

    def _look(self) -> None:
        store = self._store()
        if store is None:
            return
        if not self._rank:
            if self._goes_on and store.check([self._newest]):
                self.session = store.get(self._newest).decode()
            store.set(self._key, self.session)
            store.set(self._newest, self.session)
            self._met = True
        elif store.check([self._key]):
            self.session = store.get(self._key).decode()
            self._met = True
