"""Which run older viewers see: they name none, so it is the newest that is under way. No I/O.

A run counts as under way from its first record until its trainer says that it is over, or was silent for so long that it is lost.
While none is, the last one stays in view.
"""

from __future__ import annotations

from collections.abc import Callable

from livetrain.server.registry import Registry
from livetrain.server.run import Run

__all__ = ["Stage"]


class Stage:
    """The run in view.

    Args:
        registry: the runs.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._run: Run | None = None
        self._tell: list[Callable[[Run | None], None]] = []

    @property
    def run(self) -> Run | None:
        """The one in view; None: there was none yet, or it was deleted."""
        return None if self._run is None or self._run.deleted else self._run

    def on_change(self, tell: Callable[[Run | None], None]) -> None:
        """Have `tell` called with the run that left, each time another comes into view."""
        self._tell.append(tell)

    def shows(self, run: Run) -> bool:
        """Is this run in view?"""
        return self.run is not None and self.run.key == run.key

    def follows(self, run: Run) -> bool:
        """Is this run, which just said something, in view? It may be what brings it there."""
        current = self.run
        if current is not None and current.key == run.key:
            self._run = run  # it may have been forgotten and loaded anew
            return True
        if not _under_way(run):
            return False
        if current is None or current.key < run.key or not _under_way(current):
            newest = max(filter(_under_way, [run, *self._registry.runs]), key=lambda r: r.key)
            # One that registered and never spoke is not begun.
            self._run = newest if newest.offset else run
            for tell in self._tell:
                tell(current)
        return self.shows(run)


def _under_way(run: Run) -> bool:
    # What was taken and is not committed has yet to be told: its end, for example.
    unfinished = run.committed < run.offset
    return (
        not run.deleted
        and not run.left_behind
        and ((not run.ended and run.contact != "lost") or unfinished)
    )
