"""Lets the ranks that loop over `Monitor.steps` agree in it, where an integration knows how to broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livetrain._ranks.meeting import torch_store
from livetrain._ranks.roll_call import RollCall

__all__ = ["Together"]


class Together:
    """The ranks of one training in their loops.

    Args:
        rank: of this process.
        size: how many there are.
        broadcast: as `Monitor.sync` takes it.

    Attributes:
        broadcast: the same.
        impossible: why they do not agree; empty: they do, as far as is known.
    """

    def __init__(self, rank: int, size: int, broadcast: Callable[[Any], Any]) -> None:
        self.broadcast = broadcast
        self.impossible = ""
        self._roll_call = RollCall(rank, size, torch_store)

    def begin_epoch(self, batches: int | None) -> float:
        """Wait until every rank begins an epoch, some seconds at most.

        Args:
            batches: of this rank; None: it does not know.

        Returns:
            After how many batches the ranks agree; 0: one does not come.
        """
        shared = self._roll_call.answer(batches)
        if missing := self._roll_call.missing:
            ranks = " and ".join(map(str, missing[:8]))
            self.impossible = (
                f"rank {ranks} does not loop over monitor.steps, so the command would not reach every rank; "
                "loop over it on all of them, or call monitor.sync"
            )
        return shared
