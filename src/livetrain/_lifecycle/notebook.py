"""A notebook or IPython: an error there ends a cell and not the process, and a training only if that cell logged something."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["Cells"]

Usage = dict[int, int]


class Cells:
    """Watches the cells of IPython, where this process is one; nothing is imported for that.

    Args:
        usage: tells how much each monitor was used so far, by its `id`.
        failed: called with an error that ended a cell, and what `usage` told when the cell began.

    Example:
        >>> cells = Cells(dict, print)
        >>> cells.set()
        >>> cells.take_back()
    """

    def __init__(
        self, usage: Callable[[], Usage], failed: Callable[[BaseException, Usage], object]
    ) -> None:
        self._usage = usage
        self._failed = failed
        self._used: Usage = {}
        self._events: Any = None

    def set(self) -> None:
        """Watch the cells from now on, the current one too; twice is as good as once."""
        if self._events is not None:
            return
        module = sys.modules.get("IPython.core.getipython")
        shell = module.get_ipython() if module is not None else None
        events = getattr(shell, "events", None)
        if events is None:
            return
        self._used = {}
        self._events = events
        events.register("pre_run_cell", self._begin)
        events.register("post_run_cell", self._end)

    def take_back(self) -> None:
        """Watch no more."""
        events, self._events = self._events, None
        if events is not None:
            events.unregister("pre_run_cell", self._begin)
            events.unregister("post_run_cell", self._end)

    def forget(self) -> None:
        """Watch no more, in a forked child, whose shell is not its own."""
        self._events = None

    def _begin(self, *_: Any) -> None:
        self._used = self._usage()

    def _end(self, result: Any = None, *_: Any) -> None:
        error = getattr(result, "error_in_exec", None)
        used, self._used = self._used, {}
        if isinstance(error, BaseException):
            self._failed(error, used)
