"""The server's log: one line an event, as text or JSON, to stderr; nothing that a stranger sent can break a line.

Warnings are limited to one per cause and minute; what was left out is said with the next.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Final

from livetrain._terminal_text import one_line

__all__ = ["Complaints", "clean", "set_up"]


def clean(text: object) -> str:
    r"""Return text as one line without control characters, cut where it is too long.

    Example:
        >>> clean("a" + chr(10) + "b")
        'a\\x0ab'
    """
    return one_line(text)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{when}Z {record.levelname.lower():<8}{clean(record.getMessage())}{_trace(record)}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        trace = _trace(record)
        if trace:
            entry["error"] = trace.strip()
        return json.dumps(entry)


def _trace(record: logging.LogRecord) -> str:
    """An error's kind, place and words in the same line: a traceback over many lines is for nobody's log."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    error, place = record.exc_info[1], record.exc_info[2]
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = (
        f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""
    )
    return f" ({type(error).__name__}: {clean(error)}{where})"


def set_up(form: str, level: str) -> None:
    """Send the log to stderr.

    Args:
        form: ``"text"`` or ``"json"``.
        level: ``"debug"``, ``"info"``, ``"warning"`` or ``"error"``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "uvicorn", "grpc", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Its one ERROR with a traceback is for handlers that raise; ours log for themselves.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


class Complaints:
    """Lines of one logger that others cause: warnings, at most one per cause and minute, and some lines of what is usual."""

    _PERIOD: Final = 60.0
    _CAUSES: Final = 1000
    _USUAL: Final = 30

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: dict[str, tuple[float, int]] = {}
        self._noted: dict[str, tuple[float, int]] = {}

    def note(self, cause: str, message: str, *args: object) -> None:
        """Log what is usual, at most thirty times a minute for each cause: nobody fills a disk with coming and going."""
        now = time.monotonic()
        began, lines = self._noted.get(cause, (now, 0))
        more = ""
        if now - began >= self._PERIOD:
            if lines > self._USUAL:
                more = f" (and {lines - self._USUAL} more like it before)"
            began, lines = now, 0
        self._noted[cause] = (began, lines + 1)
        if lines < self._USUAL:
            self._logger.info(message + more, *map(clean, args))

    def warn(self, cause: str, message: str, *args: object) -> None:
        """Log a warning, unless one of the same cause was logged within the minute; arguments come from strangers."""
        now = time.monotonic()
        said, kept_back = self._said.get(cause, (-self._PERIOD, 0))
        if now - said < self._PERIOD:
            self._said[cause] = (said, kept_back + 1)
            return
        if len(self._said) >= self._CAUSES:
            self._said.clear()
        self._said[cause] = (now, 0)
        more = f" (and {kept_back} more like it before)" if kept_back else ""
        self._logger.warning(message + more, *map(clean, args))
