"""The particulars of an event, as texts of a bounded length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from livetrain._text import text_of

__all__ = ["TEXT_CHARS", "WORD_CHARS", "event_fields"]

TEXT_CHARS: Final = 2_000
"""Of an event's message or field."""
WORD_CHARS: Final = 256
"""Of its kind, or a field's name."""
_FIELDS: Final = 200


def event_fields(given: Mapping[Any, Any], *, empty: bool = True) -> dict[str, str]:
    """Return an event's particulars as texts; what is None is left out, and empty texts unless they are wanted.

    Example:
        >>> event_fields({"best": 0.5, "metric": "", "reason": None}, empty=False)
        {'best': '0.5'}
    """
    items = [
        (name, value)
        for name, value in given.items()
        if value is not None and (empty or not isinstance(value, str) or value)
    ]
    return {
        text_of(name, WORD_CHARS): text_of(value, TEXT_CHARS) for name, value in items[:_FIELDS]
    }
