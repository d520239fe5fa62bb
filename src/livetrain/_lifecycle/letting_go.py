"""What is known of the end of a training when nobody holds its monitor any more.

A monitor that a function holds is let go of when the function returns, or, if an error left it, when whoever caught that error
lets go of the error, whose traceback held the function's variables until then. The instruction that is being carried out
at that moment tells these two apart.
"""

from __future__ import annotations

import dis
from types import FrameType
from typing import Final

from livetrain._ending import Ending, by_error, error_under_way

__all__ = ["ending_of_let_go"]

_CAUGHT: Final = (
    "an error left the code that held this monitor, and was caught; nobody called close()"
)
_POOLS: Final = frozenset({"multiprocessing.pool"})
"""Modules that hold the error of a task until they have sent it: a task that returned let go of its monitor before."""
_HANDLER_NAMES: Final = 12  # instructions in which an `except` names what it catches


def ending_of_let_go(frame: FrameType | None, opened_under: int, collected: bool) -> Ending:
    """Return how a training ended whose monitor nobody holds any more.

    Args:
        frame: whose instruction let it go. None: nobody knows.
        opened_under: the `id` of the error that was being handled when it was opened; 0: none was.
        collected: whether the collector of cycles found it, at whatever time: then nothing is known.

    Returns:
        A completed training, unless there is a sign of an error.
    """
    if collected:
        return Ending()
    error = error_under_way(opened_under)
    if error is not None:
        return by_error(error)
    if frame is None or frame.f_globals.get("__name__") == "threading":
        return Ending()
    operations = [each for each in dis.get_instructions(frame.f_code) if each.opname != "CACHE"]
    at = next((n for n, each in enumerate(operations) if each.offset == frame.f_lasti), None)
    if at is None:
        return Ending()
    if frame.f_globals.get("__name__") in _POOLS and operations[at].opname.startswith("STORE_"):
        return Ending("failed", _CAUGHT)
    if not _lets_go_of_error(operations, at):
        return Ending()
    interrupted = _catches_interrupts(operations, at)
    return Ending("interrupted" if interrupted else "failed", _CAUGHT)


def _lets_go_of_error(operations: list[dis.Instruction], at: int) -> bool:
    """Return whether an operation ends an ``except``, by itself or by ``NAME = None`` behind it."""
    if operations[at].opname == "POP_EXCEPT":
        return True
    before = operations[max(at - 2, 0) : at]
    return (
        operations[at].opname.startswith("STORE_")
        and [each.opname for each in before] == ["POP_EXCEPT", "LOAD_CONST"]
        and before[1].argval is None
    )


def _catches_interrupts(operations: list[dis.Instruction], at: int) -> bool:
    """Return whether the ``except`` that an operation ends names ``KeyboardInterrupt``."""
    for place in range(at, -1, -1):
        if operations[place].opname == "CHECK_EXC_MATCH":
            names = operations[max(place - _HANDLER_NAMES, 0) : place]
            start = max((n for n, e in enumerate(names) if e.opname == "PUSH_EXC_INFO"), default=0)
            return any(each.argval == "KeyboardInterrupt" for each in names[start:])
    return False
