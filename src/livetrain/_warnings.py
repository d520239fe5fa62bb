"""One warning for a cause and minute: a training's log belongs to the training."""

from __future__ import annotations

import logging
import time

from livetrain._terminal_text import one_line

__all__ = ["warn_once_a_minute"]

_log = logging.getLogger("livetrain")
# Without a lock, which a forked child could inherit while it is held; at worst two threads warn at once.
_last: dict[str, float] = {}
_SECONDS = 60.0
_CAUSES = 256
_MESSAGE_CHARS = 2000


def warn_once_a_minute(cause: str, message: str, *, exc: bool = False) -> None:
    """Log a warning unless the same cause had one within the last minute.

    Args:
        cause: a short word, and whose it is where that differs.
        message: a sentence for the user.
        exc: log the current exception at DEBUG as well: its traceback is for us, not for the training's log.
    """
    now = time.monotonic()
    if now - _last.get(cause, -1e9) < _SECONDS:
        return
    if len(_last) >= _CAUSES:
        for old in [old for old, at in list(_last.items()) if now - at >= _SECONDS]:
            _last.pop(old, None)
    if len(_last) >= _CAUSES:
        _last.clear()
    _last[cause] = now
    # Part of it may be what a server said, or a name.
    _log.warning("%s", one_line(message, _MESSAGE_CHARS))
    if exc:
        _log.debug("%s", cause, exc_info=True)
