"""What a logger hands out as its experiment: the monitor, or on ranks above 0 something that does nothing."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from livetrain._lightning.namespaces import loaded
from livetrain._monitor import Monitor

__all__ = ["LazyExperiment", "silent_experiment"]


class LazyExperiment:
    """Stands for the monitor of a logger, and opens the run when it is first used.

    Args:
        open_run: returns the monitor.
    """

    def __init__(self, open_run: Callable[[], Monitor]) -> None:
        object.__setattr__(self, "_open_run", open_run)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a copy or a pickle asks for what only a class has
            raise AttributeError(name)
        return getattr(self._open_run(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._open_run(), name, value)

    def __dir__(self) -> list[str]:
        return dir(self._open_run())


def silent_experiment(callbacks_own: Monitor | None) -> Any:
    """Return what Lightning's own loggers have on ranks above 0: whatever is called on it does nothing and returns None.

    A monitor's methods are those of a disabled one, and its properties the callback's: a ``should_stop`` that is a method would be
    true, and end the loop of one rank alone.

    Args:
        callbacks_own: the monitor of this rank; None: it has none.
    """
    silent = _kind(tuple(loaded("loggers.logger", "DummyExperiment", "_DummyExperiment")))()
    disabled = Monitor(enabled=False)
    silent.__dict__.update(_disabled=disabled, _monitor=callbacks_own or disabled)
    return silent


@functools.cache
def _kind(bases: tuple[type, ...]) -> Any:
    members = {"__getattr__": _of_a_monitor, "__module__": __name__}
    return types.new_class("SilentExperiment", bases, exec_body=lambda body: body.update(members))


def _of_a_monitor(self: Any, name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    found = getattr(self._disabled, name, _nothing)
    return found if callable(found) else getattr(self._monitor, name)


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""
