"""The views of runs beside the native one: each is told what happens, and what one makes of it harms nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from livetrain.proto import live_pb2 as live
from livetrain.server.logs import Complaints
from livetrain.server.run import Run
from livetrain.server.viewer import Frame

__all__ = ["Listener", "Listeners"]

_log: Final = logging.getLogger(__name__)


class Listener(Protocol):
    """A view of runs beside the native one. Called on the event loop, it returns at once: what it has to say waits with it."""

    def follows(self, run: Run) -> bool:
        """Does it want to hear of this run?"""

    def wants_frames(self, run: Run) -> bool:
        """Is there someone with it who sees this run's pictures?"""

    def committed(self, run: Run, events: Sequence[live.RunEvent]) -> None:
        """These are in the store now, in this order."""

    def framed(self, run: Run, frame: Frame) -> None:
        """A batch with pictures came; it may not be in the store yet."""

    def state_changed(self, run: Run) -> None:
        """Status, contact, settings or the like of a run are others now."""

    def performed(self, run: Run) -> None:
        """It was told how fast the run is; at most four times a second."""

    def troubled(self, sentence: str) -> None:
        """The store cannot be written, or can again, if the sentence is empty; whether or not a run is under way."""

    def forgotten(self, run: Run) -> None:
        """The run was deleted, or nobody asked for it for long: nothing of it is to be kept."""


class Listeners(list[Listener]):
    """All of them.

    Example:
        >>> Listeners().tell_all(lambda listener: listener.troubled("The disk is full."))
    """

    def __init__(self) -> None:
        super().__init__()
        self._complaints = Complaints(_log)

    def follow(self, run: Run) -> bool:
        """Return whether one of them wants to hear of a run."""
        return any(self._follows(listener, run) for listener in self)

    def want_frames(self, run: Run) -> bool:
        """Return whether somebody with one of them sees a run's pictures."""
        return any(listener.wants_frames(run) for listener in self)

    def tell(self, run: Run, say: Callable[[Listener], object]) -> None:
        """Say something to those that want to hear of a run."""
        for listener in self:
            if self._follows(listener, run):
                self._say(listener, say)

    def tell_all(self, say: Callable[[Listener], object]) -> None:
        """Say something to every one of them."""
        for listener in self:
            self._say(listener, say)

    def _follows(self, listener: Listener, run: Run) -> bool:
        follows = False

        def ask(one: Listener) -> None:
            nonlocal follows
            follows = one.follows(run)

        self._say(listener, ask)
        return follows

    def _say(self, listener: Listener, say: Callable[[Listener], object]) -> None:
        try:
            say(listener)
        except Exception as error:
            name = type(listener).__name__
            self._complaints.warn(name, "%s failed at what it was told: %r", name, error)
