"""The traceback of an error as text, with a bound: what ended a training is kept beside its run."""

from __future__ import annotations

import traceback

__all__ = ["traceback_text"]

_FRAMES = 20
_MESSAGE_CHARS = 2000
_CHARS = 12_000
_CUT = "[... cut ...]\n"


def traceback_text(error: BaseException) -> str:
    """Return the last frames of an error's traceback, as Python prints them, without the values of variables.

    Args:
        error: the error; those that it came from are written before it, as Python does.

    Returns:
        Text of 12,000 characters at most, of which the end is kept; of each traceback the 20 innermost frames.

    Example:
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError as error:
        ...     print(traceback_text(error).splitlines()[-1])
        ZeroDivisionError: division by zero
    """
    try:
        told = traceback.TracebackException.from_exception(error, limit=-_FRAMES)
        lines = [
            line if len(line) <= _MESSAGE_CHARS else f"{line[:_MESSAGE_CHARS]} ...\n"
            for line in told.format()
        ]
        text = "".join(lines)
    except Exception:  # an error of the user's whose own methods fail
        return f"{type(error).__name__}\n"
    if len(text) <= _CHARS:
        return text
    head, tail = _CHARS // 6, _CHARS - _CHARS // 6 - len(_CUT)
    return text[:head] + _CUT + text[-tail:]
