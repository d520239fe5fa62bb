"""Watches how the process ends: hooks of Python's own, set while a monitor is open, and taken back after the last one.

Each hook notes what it sees and calls what was there before it. One that somebody has wrapped meanwhile cannot be taken back; it
stays where it is and does nothing.
"""

from __future__ import annotations

import builtins
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, Final

from livetrain._ending import Ending, by_error, by_exit
from livetrain._lifecycle.script import UNKNOWN, Script

__all__ = ["ExitWatch"]

_SIGNALS: Final = ("SIGHUP", "SIGINT", "SIGTERM")

Active = Callable[[], bool]


class ExitWatch:
    """Knows how the process ends.

    Args:
        left: called with how an error ends the script, before Python prints it.
        left_thread: called with an error that ends another thread, on that thread.

    Example:
        >>> watch = ExitWatch(print, print)
        >>> watch.set()
        >>> watch.take_back()
    """

    def __init__(
        self, left: Callable[[Ending], object], left_thread: Callable[[BaseException], object]
    ) -> None:
        self._left = left
        self._left_thread = left_thread
        self._exit: Ending | None = None  # by the last call of `sys.exit`
        self._error: Ending | None = None  # that Python printed at the script's end
        self._hooks: list[_Hook] = []

    def set(self) -> None:
        """Set the hooks; twice is as good as once."""
        if self._hooks:
            return
        self._exit = self._error = None
        self._hooks = [
            _Hook(sys, "exit", self._wrap_exit),
            _Hook(builtins, "exit", self._wrap_quitter),
            _Hook(builtins, "quit", self._wrap_quitter),
            _Hook(sys, "excepthook", self._wrap_excepthook),
            _Hook(threading, "excepthook", self._wrap_thread_hook),
        ]

    def take_back(self) -> None:
        """Put everything back as it was, but for what somebody wrapped meanwhile, which does nothing from now on."""
        hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook.take_back()

    def ending(self, script: Script | None) -> Ending:
        """Return how the process ends, when its exit handlers are called.

        Args:
            script: what it ran. None: nobody knows.
        """
        if script is None:
            return self._exit or self._error or Ending()
        if script.running:  # somebody calls the handlers by hand
            return by_error(sys.exception())
        if (
            script.completed
        ):  # in an interactive session it is a statement, and another one may exit
            by_statement = self._exit if _interactive() and not sys.flags.inspect else None
            return by_statement or Ending(exit_code=0)
        for error in (getattr(sys, "last_exc", None), getattr(sys, "last_value", None)):
            if script.was_left_by(error):
                return by_error(error, exit_code=_exit_code(error))
        code = script.exit_code(*(hook.original for hook in self._hooks))
        if code is not UNKNOWN:
            return by_exit(code)
        if (noted := self._error or self._exit) is not None:
            return noted
        if (
            script.raised_by_itself
        ):  # as in `raise SystemExit(main())`: what it called came to its end
            return Ending()
        return Ending("failed", "SystemExit: with an exit code that is not known")

    # ------------------------------------------------------------ what the hooks do

    def _wrap_exit(self, original: Callable[..., Any], active: Active) -> Callable[..., Any]:
        @functools.wraps(original)
        def exit(status: Any = None, /) -> Any:
            if active():
                self._note_exit(status)
            return original(status)

        return exit

    def _wrap_quitter(self, original: Any, active: Active) -> Any:
        return _Quitter(original, lambda code: self._note_exit(code) if active() else None)

    def _note_exit(self, code: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # it ends its thread alone
        self._exit = by_exit(
            code, handled=sys.exception(), signalled=_in_signal_handler(sys._getframe())
        )

    def _wrap_excepthook(self, original: Callable[..., Any], active: Active) -> Callable[..., Any]:
        @functools.wraps(original)
        def excepthook(kind: Any, error: Any, trace: Any) -> Any:
            # Called by Python itself, at the end, there is no frame below. Programs call it too, to have an error printed.
            ends = sys._getframe().f_back is None and not _interactive()
            if active() and ends and isinstance(error, BaseException):
                self._error = by_error(error, exit_code=_exit_code(error))
                self._left(self._error)
            return original(kind, error, trace)

        return excepthook

    def _wrap_thread_hook(self, original: Callable[..., Any], active: Active) -> Callable[..., Any]:
        @functools.wraps(original)
        def excepthook(args: Any, /) -> Any:
            error = args.exc_value
            if active() and error is not None and not isinstance(error, SystemExit):
                self._left_thread(error)
            return original(args)

        return excepthook


class _Hook:
    """One name of a module that something of ours stands in for.

    Attributes:
        original: what was there before; None: nothing.
    """

    def __init__(self, module: Any, name: str, wrap: Callable[[Any, Active], Any]) -> None:
        self._module, self._name = module, name
        self._active = True
        self.original = getattr(module, name, None)
        self._ours = None
        if self.original is not None:
            self._ours = wrap(self.original, lambda: self._active)
            setattr(module, name, self._ours)

    def take_back(self) -> None:
        self._active = False
        if self._ours is not None and getattr(self._module, self._name, None) is self._ours:
            setattr(self._module, self._name, self.original)


class _Quitter:
    """Stands in for ``exit`` and ``quit``, and looks like them."""

    def __init__(self, original: Any, note: Callable[[Any], object]) -> None:
        self._original = original
        self._note = note

    def __repr__(self) -> str:
        return repr(self._original)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __call__(self, code: Any = None) -> Any:
        self._note(code)
        return self._original(code)


def _exit_code(error: BaseException | None) -> int:
    """Return the exit code of a process that an error ends; Ctrl-C ends it by the signal itself."""
    return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _interactive() -> bool:
    """Return whether an error ends a statement and not the process."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive or sys.flags.inspect)


def _in_signal_handler(frame: FrameType | None) -> bool:
    """Return whether a frame was called from the handler of a signal that ends processes."""
    handlers = set(_handlers())
    while frame is not None and handlers:
        if frame.f_code in handlers:
            return True
        frame = frame.f_back
    return False


def _handlers() -> Iterator[CodeType]:
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        handler: Any = None if number is None else signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        handler = getattr(handler, "__func__", handler)
        code = getattr(handler, "__code__", None)
        if isinstance(code, CodeType):
            yield code
