"""Whether an error left the function that still holds a monitor: a future or a list can keep errors, and all that they hold."""

from __future__ import annotations

import dis
import gc
import sys
from collections.abc import Iterable
from types import FrameType, ModuleType, TracebackType
from typing import Any

__all__ = ["error_that_left_the_holder"]

_LEVELS = 2  # a monitor in a function's variable, or in an object there
_STEPS = 8  # from a traceback to its error
_REFERRERS = 100


def error_that_left_the_holder(held: object) -> BaseException | None:
    """Return the error that left a function which holds an object in a variable; None: there is none.

    Looks through all objects that Python's collector knows, which takes some tens of milliseconds: for a process's end.

    Args:
        held: the object.
    """
    running = {id(frame) for top in sys._current_frames().values() for frame in _stack(top)}
    layer: list[Any] = [held]
    ours = {id(layer), id(held)}
    for _ in range(_LEVELS):
        found = [each for each in gc.get_referrers(*layer) if id(each) not in ours | running][
            :_REFERRERS
        ]
        ours.add(id(found))
        frames = [each for each in found if isinstance(each, FrameType) and _was_left(each)]
        if frames and (error := _error_of(frames)) is not None:
            return error
        layer = [each for each in found if _is_container(each)]
        ours.add(id(layer))
        if not layer:
            break
    return None


def _stack(frame: FrameType | None) -> Iterable[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _was_left(frame: FrameType) -> bool:
    """Return whether a frame that does not run ended by an error: not by returning, and it does not wait to go on either."""
    code, at = frame.f_code, frame.f_lasti
    operation = dis.opname[code.co_code[at]] if 0 <= at < len(code.co_code) else ""
    return not operation.startswith(("RETURN", "YIELD", "SEND", "RESUME")) and operation != ""


def _is_container(value: object) -> bool:
    if isinstance(value, dict):
        return "__builtins__" not in value and "__spec__" not in value  # a module's variables
    return not isinstance(value, (FrameType, TracebackType, ModuleType, type))


def _error_of(frames: list[FrameType]) -> BaseException | None:
    """Return the error whose traceback has one of these frames."""
    layer: list[Any] = [
        each for each in gc.get_referrers(*frames) if isinstance(each, TracebackType)
    ]
    for _ in range(_STEPS):
        if not layer:
            return None
        above = gc.get_referrers(*layer)
        for each in above:
            if isinstance(each, BaseException) and any(each.__traceback__ is t for t in layer):
                return each
        layer = [each for each in above if isinstance(each, TracebackType)]
    return None
