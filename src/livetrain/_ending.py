"""How a training ended: by the error that left it, or by the exit code of its process."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from livetrain._tracebacks import traceback_text
from livetrain.exceptions import TrainingStopped

__all__ = ["Ending", "Unfinished", "by_error", "by_exit", "error_under_way", "exit_code_of"]

_MESSAGE_CHARS = 1000
# What a process that a signal ended from outside is told to exit with.
_SIGNAL_CODES: Final = frozenset(
    128 + number
    for name in ("SIGHUP", "SIGINT", "SIGTERM")
    if (number := getattr(signal, name, None)) is not None
)


# They end a loop, a generator or a task as they should.
_ORDERLY: Final = (StopIteration, StopAsyncIteration, GeneratorExit)


class Unfinished(RuntimeError):  # noqa: N818  # nobody raises it
    """A framework's training that began and never said that it is over; of the error that left it nothing is known."""

    def __init__(
        self, message: str = "the training was left before its end, by an error or by Ctrl-C"
    ) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a training ended.

    Attributes:
        status: ``"interrupted"`` if it was ended from outside, by Ctrl-C or a signal.
        message: a sentence, or an error's type and message. Empty: there is nothing to say.
        traceback: of the error. Empty: there is none, or it is not to be kept.
        exit_code: of the process, 0 to 255. None: the process goes on, or nobody knows.

    Example:
        >>> by_error(ValueError("shapes do not match")).message
        'ValueError: shapes do not match'
    """

    status: Literal["completed", "failed", "interrupted"] = "completed"
    message: str = ""
    traceback: str = ""
    exit_code: int | None = None

    def without_traceback(self) -> Ending:
        """Return the same without the traceback."""
        return replace(self, traceback="")


def by_error(error: BaseException | None, *, exit_code: int | None = None) -> Ending:
    """Return how a training ended that an error left.

    Args:
        error: None: none did.
        exit_code: of the process, where the error ends it too.

    Example:
        >>> by_error(KeyboardInterrupt()).status, by_error(SystemExit(3)).status, by_error(SystemExit(0)).status
        ('interrupted', 'failed', 'completed')
    """
    if error is None:
        return Ending(exit_code=exit_code)
    if isinstance(error, SystemExit):
        if error.code is None and type(error) is not SystemExit:
            # A framework's own, such as Lightning's answer to SIGTERM.
            return Ending("interrupted", message_of(error), traceback_text(error))
        return by_exit(error.code, handled=_origin(error), name=type(error).__name__)
    if isinstance(error, TrainingStopped):
        return Ending("completed", _text(error), exit_code=exit_code)
    if isinstance(error, Unfinished):
        return Ending("failed", _text(error), exit_code=exit_code)
    interrupted = not isinstance(error, Exception) or _interrupted(error)
    return Ending(
        "interrupted" if interrupted else "failed",
        message_of(error),
        traceback_text(error),
        exit_code,
    )


def by_exit(
    code: Any,
    *,
    handled: BaseException | None = None,
    signalled: bool = False,
    name: str = "SystemExit",
) -> Ending:
    """Return how a training ended whose process exits.

    Args:
        code: what ``sys.exit`` was given.
        handled: the error that was being handled then: programs print it and exit. None: none was.
        signalled: whether a signal's handler exits.
        name: of the exception by which it exits.

    Example:
        >>> by_exit("no data").message, by_exit("no data").exit_code
        ('SystemExit: no data', 1)
        >>> by_exit(1, handled=ValueError("bad")).message
        'ValueError: bad'
        >>> by_exit(143).status
        'interrupted'
    """
    number = exit_code_of(code)
    if number == 0:
        return Ending(exit_code=0)
    interrupted = signalled or number in _SIGNAL_CODES
    interrupted = interrupted or (handled is not None and _interrupted(handled))
    text = f"{name}: {_text(code)}"[:_MESSAGE_CHARS]
    said = isinstance(code, str)  # the program says itself what went wrong
    return Ending(
        "interrupted" if interrupted else "failed",
        message_of(handled) if handled is not None and not said else text,
        traceback_text(handled) if handled is not None else "",
        number,
    )


def error_under_way(known: int = 0) -> BaseException | None:
    """Return the error that is being handled, or is on its way through a ``finally``; None: none is that ends a training.

    Args:
        known: the `id` of one that does not count, since it was there before; 0: none.

    Example:
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError:
        ...     print(error_under_way())
        division by zero
    """
    error = sys.exception()
    if error is None or id(error) == known or isinstance(error, _ORDERLY):
        return None
    return error


def exit_code_of(code: Any) -> int:
    """Return the exit code, 0 to 255, of a process that ends by ``sys.exit(code)``.

    Example:
        >>> [exit_code_of(code) for code in (None, 0, True, 3, -1, 256, "text", 0.0)]
        [0, 0, 1, 3, 255, 0, 1, 1]
    """
    if code is None:
        return 0
    return int(code) & 0xFF if isinstance(code, int) else 1


def message_of(error: BaseException) -> str:
    """Return an error's type and message, 1,000 characters at most."""
    name, text = type(error).__name__, _text(error)
    return f"{name}: {text}"[:_MESSAGE_CHARS] if text else name


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a class of the user's whose text cannot be had
        return ""


def _origin(error: BaseException) -> BaseException | None:
    """Return the error that another one was made from, as Python would print it."""
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _interrupted(error: BaseException) -> bool:
    """Return whether Ctrl-C, or what stops a task, is at the bottom of an error that is passed on as another one."""
    return any(isinstance(each, KeyboardInterrupt) for each in _origins(error))


def _origins(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    with contextlib.suppress(Exception):
        while found is not None and id(found) not in seen and len(seen) < 20:
            seen.add(id(found))
            yield found
            found = _origin(found)
