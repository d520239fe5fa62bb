"""What the end of the interpreter and a fork do to an open monitor; monitors are held weakly here."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import weakref
from typing import Any, Protocol

__all__ = ["Mortal", "close_at_exit", "disarm_in_children", "forked_while_open"]


class Mortal(Protocol):
    """What can be closed at the interpreter's end and disarmed in a forked child."""

    def close_after(self, error: BaseException | None, timeout: float = 2.0) -> bool:
        """Close and say what ended the training."""

    def disarm(self, reason: str) -> Any:
        """Let go of everything and return what must not be destroyed."""


def close_at_exit(monitor: Mortal) -> None:
    """Close a monitor that nobody closed when the interpreter ends."""
    held = weakref.ref(monitor)

    def close() -> None:
        if (alive := held()) is not None:
            # The interpreter keeps the exception that ended the script there.
            alive.close_after(getattr(sys, "last_value", None))

    atexit.register(close)
    weakref.finalize(monitor, atexit.unregister, close).atexit = False


_open: weakref.WeakSet[Any] = weakref.WeakSet()
# What a forked child inherited and must neither use nor destroy: gRPC's objects can hang a child that frees them.
_inherited: list[Any] = []


def forked_while_open() -> bool:
    """Whether this process was forked from one that had a monitor open."""
    return bool(_inherited)


def disarm_in_children(monitor: Mortal) -> None:
    """Make a monitor inert in each process that is forked from this one."""
    _hook_forks()
    _open.add(monitor)


@functools.cache
def _hook_forks() -> None:
    # A fork hook cannot be taken back, so there is one for all monitors.
    os.register_at_fork(after_in_child=_disarm_all)


def _disarm_all() -> None:
    for monitor in list(_open):
        if (engine := monitor.disarm("forked child")) is not None:
            _inherited.append(engine)
