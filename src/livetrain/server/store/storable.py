"""Values that any store can take: the last guard against one record that keeps all others from being written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.exc import DataError, InterfaceError, StatementError

__all__ = ["is_of_values", "storable"]

_LARGEST: Final = 2**63 - 1


def is_of_values(error: BaseException) -> bool:
    """Return whether an error is about what was to be written, and not about the store.

    Example:
        >>> is_of_values(OverflowError("Python int too large to convert to SQLite INTEGER"))
        True
        >>> is_of_values(OSError("no space left on device"))
        False
    """
    if isinstance(
        error, (DataError, InterfaceError, OverflowError, UnicodeError, ValueError, TypeError)
    ):
        return True
    return type(error) is StatementError


def storable(row: Mapping[str, Any]) -> dict[str, Any]:
    r"""Return a row with numbers and texts that any store can take.

    Example:
        >>> storable({"seq": 2**64, "name": "a\x00b", "record": b"as it is"})
        {'seq': 9223372036854775807, 'name': 'a\\x00b', 'record': b'as it is'}
    """
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST - 1, min(_LARGEST, value))
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return value
