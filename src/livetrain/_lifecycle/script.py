"""How the script that a process runs came to its end, read off its outermost frame.

Python tells its exit handlers nothing of the exit code. But the frame of the script's module stays what it was when it ended, and
its last instruction says whether the script came to its end or something left it. What left it is either an error, which Python
printed and keeps in ``sys.last_value``, with this frame in its traceback, or else ``SystemExit``. A frame of a module holds nothing
but the module's own variables, so keeping it keeps nothing else alive.
"""

from __future__ import annotations

import dis
import inspect
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

__all__ = ["UNKNOWN", "Script", "running_script"]

UNKNOWN: Final = object()
"""An exit code that cannot be read off."""

_RETURNS: Final = frozenset({"RETURN_VALUE", "RETURN_CONST"})
_FILLERS: Final = frozenset({"CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP", "RESUME"})


def running_script() -> Script | None:
    """Return the script that the main thread runs, or the statement, in an interactive session; None: there is none to be seen."""
    frame: FrameType | None = sys._getframe()
    if threading.current_thread() is not threading.main_thread():
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
    outermost = None
    while frame is not None:
        if not frame.f_code.co_flags & inspect.CO_NEWLOCALS:
            outermost = (
                frame  # of a module, an `exec` or a class's body: its variables are not its own
            )
        frame = frame.f_back
    return None if outermost is None else Script(outermost)


class Script:
    """The outermost frame of what a process runs.

    Args:
        frame: one that holds no variables of its own.
    """

    def __init__(self, frame: FrameType) -> None:
        self._frame = frame

    @property
    def running(self) -> bool:
        """Whether it has not ended; on its own thread."""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame is self._frame:
                return True
            frame = frame.f_back
        return False

    @property
    def completed(self) -> bool:
        """Whether it came to its end, if it has ended: nothing left it before."""
        return self._last_operation() in _RETURNS

    def was_left_by(self, error: BaseException | None) -> bool:
        """Return whether an error came out of it."""
        trace = None if error is None else error.__traceback__
        while trace is not None:
            if trace.tb_frame is self._frame:
                return True
            trace = trace.tb_next
        return False

    def exit_code(self, *exits: object) -> Any:
        """Return what ``raise SystemExit(...)`` or ``exit(...)`` was given as a constant in the script itself.

        Args:
            *exits: functions that exit.

        Returns:
            The constant; `UNKNOWN` where it was worked out, or the exit was somewhere deeper. None: it was given none.
        """
        operations = list(self._operations_backwards())
        if operations and operations[0].opname == "RAISE_VARARGS":
            operations.pop(0)
        elif not operations or not operations[0].opname.startswith("CALL"):
            return UNKNOWN
        code: Any = None
        if operations and operations[0].opname.startswith("CALL"):
            given = operations.pop(0).arg or 0
            if (
                given == 1
                and operations
                and operations[0].opname in ("LOAD_CONST", "LOAD_SMALL_INT")
            ):
                code = operations.pop(0).argval
            elif given:
                return UNKNOWN
        if not operations or operations[0].opname not in ("LOAD_NAME", "LOAD_GLOBAL"):
            return UNKNOWN
        name = operations[0].argval
        called = self._frame.f_globals.get(name, self._frame.f_builtins.get(name))
        return code if any(called is way for way in (SystemExit, *exits)) else UNKNOWN

    @property
    def raised_by_itself(self) -> bool:
        """Whether what left it was raised by a statement of its own, and not by what it called."""
        return self._last_operation() == "RAISE_VARARGS"

    def _last_operation(self) -> str:
        code, at = self._frame.f_code, self._frame.f_lasti
        return dis.opname[code.co_code[at]] if 0 <= at < len(code.co_code) else ""

    def _operations_backwards(self) -> Iterator[dis.Instruction]:
        at = self._frame.f_lasti
        for operation in reversed(list(dis.get_instructions(self._frame.f_code))):
            if operation.offset <= at and operation.opname not in _FILLERS:
                yield operation
