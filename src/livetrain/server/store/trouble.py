"""Why the store cannot be written, in words for people. Pure."""

from __future__ import annotations

import errno
from typing import Final

__all__ = ["trouble_of", "trouble_sentence"]

_WORDS: Final = (
    ("disk is full", "the disk is full"),
    ("no space left", "the disk is full"),
    ("readonly", "the database may only be read"),
    ("read-only", "the database may only be read"),
    ("unable to open", "the database cannot be opened"),
    ("disk i/o error", "the disk fails (I/O error)"),
    ("database is locked", "another program holds the database"),
    ("malformed", "the database is damaged"),
)
_ERRNOS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk may only be read",
    errno.EIO: "the disk fails (I/O error)",
}
_CHARS: Final = 200


def trouble_of(error: BaseException) -> str:
    """Return why something could not be written, as a clause.

    Example:
        >>> import sqlite3
        >>> trouble_of(sqlite3.OperationalError("database or disk is full"))
        'the disk is full'
    """
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return _ERRNOS[error.errno]
    text = str(error)
    known = next((words for part, words in _WORDS if part in text.lower()), None)
    return known or f"{type(error).__name__}: {text[:_CHARS]}"


def trouble_sentence(clause: str) -> str:
    """Return what everybody is told who watches or trains.

    Example:
        >>> trouble_sentence("the disk is full")
        'The server cannot store anything now: the disk is full. Nothing is lost; it tries again until it can.'
    """
    return f"The server cannot store anything now: {clause}. Nothing is lost; it tries again until it can."
