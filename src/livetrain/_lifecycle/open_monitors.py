"""The monitors that are open in this process, held weakly, and the engines that are still ending, held until they have ended.

Here is everything that ends a monitor which nobody closed: the end of the process, by whichever way it comes, an error that leaves
the script or a thread, a fork, and that nobody holds the monitor any more.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable
from types import FrameType
from typing import Any, Final, Protocol

from livetrain._ending import Ending, by_error
from livetrain._lifecycle.exit_watch import ExitWatch
from livetrain._lifecycle.holders import error_that_left_the_holder
from livetrain._lifecycle.letting_go import ending_of_let_go
from livetrain._lifecycle.notebook import Cells, Usage
from livetrain._lifecycle.script import Script, running_script

__all__ = [
    "EndingEngine",
    "OpenMonitor",
    "Opening",
    "end",
    "ended",
    "forked_while_open",
    "let_go",
    "opened",
]

_EXIT_SECONDS: Final = 2.0  # for all that is open when the process ends
_LET_GO_SECONDS: Final = 2.0  # for a monitor that nobody holds, in the background
_GRACE_SECONDS: Final = 0.5  # in which the process's exit code may still say that it failed
_CHILD_SECONDS: Final = (
    0.5  # that a worker process, which may be ended at any moment, waits for such a one
)
_MANY: Final = 2  # engines that end at once: whoever opens one more waits for the oldest
_OLDEST_SECONDS: Final = 0.5
_COLLECT_FROM: Final = (
    8  # monitors that are open, before those are looked for that nobody can reach
)


class EndingEngine(Protocol):
    """What works behind a monitor, and ends in the background."""

    def amend(self, ending: Ending) -> None:
        """Have something else said of how the training ended, if it is not said yet."""

    def wait_closed(self, timeout: float) -> bool:
        """Wait until it has ended; whether it has."""


class Opening:
    """What was known when a monitor was opened.

    Attributes:
        script: what the process ran; None: nobody knows.
        under: the `id` of the error that was being handled; 0: none was.
    """

    __slots__ = ("script", "under")

    def __init__(self) -> None:
        error = sys.exception()
        self.script: Script | None = running_script()
        self.under = 0 if error is None else id(error)


class OpenMonitor(Protocol):
    """A monitor that can be ended from here."""

    @property
    def opening(self) -> Opening | None:
        """What was known when it was opened; None: it never was."""

    def begin_end(self, ending: Ending, timeout: float, grace: float) -> EndingEngine | None:
        """Begin to close, and say how the training ended after `grace` seconds; None: it is closed already."""

    def presume_end(self, ending: Ending) -> None:
        """Say how the training ended, as far as can be seen; what it logs afterwards takes that back."""

    def last_used(self) -> tuple[int, int]:
        """Return the thread that logged something last, and how much was logged so far."""

    def disarm(self, reason: str) -> Any:
        """Let go of everything and return what must not be destroyed."""


_open: weakref.WeakSet[Any] = weakref.WeakSet()
# With what its process ran. Appending and taking are atomic, for a monitor may be let go of at any time and on any thread.
_ending: deque[tuple[EndingEngine, Script | None]] = deque()
# What a forked child inherited and must neither use nor destroy: gRPC's objects can hang a child that frees them.
_inherited: list[Any] = []
_collect_from = _COLLECT_FROM


def forked_while_open() -> bool:
    """Return whether this process was forked from one that had a monitor open."""
    return bool(_inherited)


def opened(monitor: OpenMonitor) -> None:
    """See that a monitor is ended in every way in which its training can end."""
    _hook_process()
    _hook_child(os.getpid())
    _make_room()
    _open.add(monitor)
    _watch.set()
    _cells.set()


def end(
    monitor: OpenMonitor, ending: Ending, timeout: float, grace: float = 0.0
) -> EndingEngine | None:
    """Begin to end a monitor; return what is to be waited for. None: it was closed already."""
    engine = monitor.begin_end(ending, timeout, grace)
    if engine is not None:
        opening = monitor.opening
        _ending.append((engine, opening.script if opening is not None else None))
    _open.discard(monitor)
    _stop_watching()
    return engine


def let_go(monitor: OpenMonitor, frame: FrameType | None) -> None:
    """End a monitor that nobody holds any more, in the background; called by its destructor, on any thread.

    Args:
        monitor: what is destroyed.
        frame: whose instruction let it go. None: Python's own, at the end of the script.
    """
    opening = monitor.opening
    collected = gc.is_finalized(monitor)
    if frame is None and not collected and opening is not None and _on_main_thread():
        ending = _watch.ending(opening.script)
    else:
        ending = ending_of_let_go(frame, opening.under if opening is not None else 0, collected)
    in_child = _is_multiprocessing_child()
    grace = _GRACE_SECONDS if ending.status == "completed" and not in_child else 0.0
    engine = end(monitor, ending, _LET_GO_SECONDS, grace)
    if in_child and not collected and engine is not None:
        engine.wait_closed(_CHILD_SECONDS)


def closed(monitor: OpenMonitor) -> None:
    """Forget a monitor that was closed."""
    _open.discard(monitor)
    _stop_watching()


def ended(engine: EndingEngine) -> None:
    """Forget an engine that has ended; on its own thread."""
    for entry in list(_ending):
        if entry[0] is engine:
            _remove(entry)
    _stop_watching()


def _remove(entry: tuple[EndingEngine, Script | None]) -> None:
    with contextlib.suppress(ValueError, IndexError):  # somebody else was faster
        _ending.remove(entry)


def _stop_watching() -> None:
    if not _open and not _ending:
        _watch.take_back()
        _cells.take_back()


# ---------------------------------------------------------------- the end of the process


def _end_with_process() -> None:
    endings = [(monitor, _how_process_ends(monitor)) for monitor in list(_open)]
    for engine, script in list(_ending):
        ending = _watch.ending(script)
        if ending.status != "completed":
            engine.amend(ending)
    _end_all(endings, _EXIT_SECONDS)


def _how_process_ends(monitor: OpenMonitor) -> Ending:
    ending = _watch.ending(monitor.opening.script if monitor.opening is not None else None)
    if ending.status == "completed" and (error := error_that_left_the_holder(monitor)) is not None:
        return by_error(error, exit_code=ending.exit_code)
    return ending


def _end_with_child() -> None:
    # It is called while an error, or `SystemExit`, is on its way out of the process's function.
    error = sys.exception()
    code = 0 if error is None else None if isinstance(error, SystemExit) else 1
    ending = by_error(error, exit_code=code)
    _end_all([(monitor, ending) for monitor in list(_open)], _EXIT_SECONDS)


def _end_all(endings: Iterable[tuple[OpenMonitor, Ending]], seconds: float) -> None:
    """End monitors, and wait for them and for those that end already, `seconds` in all."""
    deadline = time.monotonic() + seconds
    for monitor, ending in endings:
        end(monitor, ending, seconds)
    for engine, _ in list(_ending):
        engine.wait_closed(max(0.0, deadline - time.monotonic()))


@functools.cache
def _hook_process() -> None:
    # A fork hook cannot be taken back, so there is one for all monitors, and one for the end of the process.
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_disarm_all)
    atexit.register(_end_with_process)


@functools.cache
def _hook_child(pid: int) -> None:
    """See that monitors are ended in a child of ``multiprocessing``, which ends without the handlers of ``atexit``."""
    if _is_multiprocessing_child():
        from multiprocessing import util  # which such a child has loaded

        # Before it waits for children of its own.
        util.Finalize(None, _end_with_child, exitpriority=100)


def _is_multiprocessing_child() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


# ---------------------------------------------------------------- errors


def _presume_of_script(ending: Ending) -> None:
    for monitor in list(_open):
        monitor.presume_end(ending)


def _presume_of_thread(error: BaseException) -> None:
    thread = threading.get_native_id()
    _presume((m for m in list(_open) if m.last_used()[0] == thread), error)


def _presume_of_cell(error: BaseException, used: Usage) -> None:
    """Take an error for the end of those trainings that logged something in the cell that it ended."""
    _presume((m for m in list(_open) if m.last_used()[1] != used.get(id(m), 0)), error)


def _presume(monitors: Iterable[OpenMonitor], error: BaseException) -> None:
    ending: Ending | None = None
    for monitor in monitors:
        ending = ending or by_error(error)
        monitor.presume_end(ending)


def _usage() -> Usage:
    return {id(monitor): monitor.last_used()[1] for monitor in list(_open)}


_watch = ExitWatch(_presume_of_script, _presume_of_thread)
_cells = Cells(_usage, _presume_of_cell)


# ---------------------------------------------------------------- forks, and many monitors


def _disarm_all() -> None:
    _watch.take_back()
    _cells.forget()
    for monitor in list(_open):
        if (engine := monitor.disarm("forked child")) is not None:
            _inherited.append(engine)
    _inherited.extend(_ending)
    _open.clear()
    _ending.clear()


def _make_room() -> None:
    """Wait for an engine that is still ending where there are many, and look for monitors that nobody can reach."""
    global _collect_from
    if len(_open) >= _collect_from and gc.isenabled():
        gc.collect()
        _collect_from = max(_COLLECT_FROM, 2 * len(_open))
    deadline = time.monotonic() + _OLDEST_SECONDS
    for engine, _ in list(_ending)[: max(0, len(_ending) - _MANY + 1)]:
        engine.wait_closed(max(0.0, deadline - time.monotonic()))
