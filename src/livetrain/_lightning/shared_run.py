"""The run of a logger, which its copies in the same process share while it is open."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from livetrain._monitor import Monitor

__all__ = ["SharedRun"]


class SharedRun:
    """A run that is open, or can be taken up again.

    A Trainer is pickled and copied with its logger. A copy that opened a run of its own would have threads that nobody ends, since
    a Trainer ends the logger that it has. In another process a copy opens its own.

    Args:
        place: the run to take up again; None: a new one begins.

    Attributes:
        monitor: of the open run; None: it is not open.
        place: the run to take up again.
        covered: tells what the callback gives itself; None: there is no callback, or its training is over.
    """

    def __init__(self, place: Mapping[str, Any] | None = None) -> None:
        self.monitor: Monitor | None = None
        self.place = place
        self.covered: Callable[[], Mapping[str, Any]] | None = None
        self._key = uuid.uuid4().hex

    def leave(self) -> None:
        """The run is over, for now."""
        monitor, self.monitor, self.covered = self.monitor, None, None
        if monitor is not None:
            self.place = monitor.resume_state()

    def described(self) -> dict[str, Any]:
        """Return what can be pickled, from which `found` finds this run in this process while it is open."""
        if self.monitor is None:
            return {"place": self.place}
        _open[self._key] = self
        return {"place": self.place, "key": self._key, "process": os.getpid()}

    @classmethod
    def found(cls, description: Mapping[str, Any]) -> SharedRun:
        """Return the run that was described, or another one where it is not open in this process."""
        here = description.get("process") == os.getpid()
        run = _open.get(description["key"]) if here else None
        return run if run is not None and run.monitor is not None else cls(description["place"])


_open: weakref.WeakValueDictionary[str, SharedRun] = weakref.WeakValueDictionary()
"""The runs that were open when their logger was pickled or copied."""
