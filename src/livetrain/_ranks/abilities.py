"""What can be set on each rank of a training, so that nothing is set on some of them alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

from livetrain._ranks.meeting import torch_store

__all__ = ["Abilities"]

_numbers = itertools.count()


class Abilities:
    """What the ranks tell each other in the store that they share; without one nothing is known of the others.

    Args:
        rank: of this process.
        size: how many there are.
        store: returns the store, None if there is none.
        number: of this training in its process; None: the next.

    Example:
        >>> class Kept(dict):
        ...     def check(self, keys): return all(key in self for key in keys)
        ...     def set(self, key, value): self[key] = value.encode()
        ...     def get(self, key): return self[key]
        >>> kept = Kept()
        >>> first, second = (Abilities(rank, 2, lambda: kept, number=0) for rank in range(2))
        >>> second.tell(["learning_rate"])
        >>> first.missing(["learning_rate", "batch_size"])
        {'batch_size': [1]}
    """

    def __init__(
        self,
        rank: int,
        size: int,
        store: Callable[[], Any] = torch_store,
        number: int | None = None,
    ) -> None:
        self._rank, self._size = rank, size
        self._store = store
        self._name = f"livetrain/abilities/{next(_numbers) if number is None else number}"
        self._told: list[str] | None = None

    @property
    def shared(self) -> bool:
        """Whether there is a store."""
        try:
            return self._store() is not None
        except Exception:  # one that goes down with its process group
            return False

    def tell(self, names: Iterable[str]) -> None:
        """Tell rank 0 what can be set on this one, where that is not known yet."""
        now = sorted(names)
        if not self._rank or now == self._told:
            return
        try:
            if (store := self._store()) is not None:
                store.set(f"{self._name}/{self._rank}", json.dumps(now))
                self._told = now
        except Exception:  # as above
            return

    def missing(self, names: Iterable[str]) -> dict[str, list[int]]:
        """Return on which other ranks values cannot be set, as far as these have told."""
        lacking: dict[str, list[int]] = {}
        try:
            store = self._store()
            for rank in range(1, self._size) if store is not None else ():
                if store.check([f"{self._name}/{rank}"]):
                    known = json.loads(store.get(f"{self._name}/{rank}"))
                    for name in names:
                        if name not in known:
                            lacking.setdefault(name, []).append(rank)
        except Exception:  # as above: then each rank answers for itself
            return {}
        return lacking
