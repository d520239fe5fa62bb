"""The settings of a training, which come as a JSON text: whatever it says, what is kept of it is JSON that everybody reads. Pure.

They come from any program: with NaN, with halves of characters, nested without end, or not as JSON at all. They are cleaned where
they come in, and once more where they are shown, for what an earlier release took as it was.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

__all__ = ["SETTINGS_CHARS", "clean_settings", "read_settings"]

SETTINGS_CHARS: Final = 256 * 1024
"""So long may the text be."""
_DEPTH: Final = 32
_DIGITS: Final = 300
_SHOWN_CHARS: Final = 1000
_TOO_DEEP: Final = f"(nested deeper than {_DEPTH} levels)"


def clean_settings(text: str) -> str:
    """Return the text of a JSON object that says the same, as far as JSON can; the text itself where nothing is wrong with it.

    Example:
        >>> clean_settings('{"lr": NaN}')
        '{"lr": "NaN"}'
    """
    if not text:
        return text
    settings, changed = _read(text)
    return json.dumps(settings) if changed else text


def read_settings(text: str) -> dict[str, Any]:
    r"""Return settings as a value that can be written as JSON again.

    Numbers that are not finite are the texts ``NaN``, ``Infinity`` and ``-Infinity``; what is nested deeper than 32 levels is a
    text that says so; what is no JSON stands under ``unreadable``.

    Example:
        >>> read_settings("{'lr': 1}")
        {'unreadable': "{'lr': 1}"}
    """
    return _read(text)[0] if text else {}


def _read(text: str) -> tuple[dict[str, Any], bool]:
    if len(text) > SETTINGS_CHARS:
        left_out = f"{len(text)} characters; {SETTINGS_CHARS} are kept"
        return {"left_out": left_out, "unreadable": _whole(text[:_SHOWN_CHARS])}, True
    cleaner = _Cleaner()
    try:
        value = json.loads(text, parse_constant=cleaner.constant, parse_int=cleaner.whole_number)
    except (ValueError, RecursionError):
        return {"unreadable": _whole(text[:_SHOWN_CHARS])}, True
    cleaned = cleaner.clean(value, _DEPTH)
    if not isinstance(cleaned, dict):
        return {"value": cleaned}, True
    return cleaned, cleaner.changed


class _Cleaner:
    """Makes one value clean, and notes whether it was not."""

    def __init__(self) -> None:
        self.changed = False

    def constant(self, token: str) -> str:
        """Take a bare NaN or infinity as the text that it is."""
        self.changed = True
        return token

    def whole_number(self, digits: str) -> int | str:
        """Take a number, or as a text one that has no end."""
        if len(digits) <= _DIGITS:
            return int(digits)
        self.changed = True
        return digits

    def clean(self, value: Any, depth: int) -> Any:
        """Return a value of which nothing is out of bounds."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, float) and not math.isfinite(value):  # 1e999
            self.changed = True
            return "Infinity" if value > 0 else "-Infinity"
        if not isinstance(value, (dict, list)):
            return value
        if not depth:
            self.changed = True
            return _TOO_DEEP
        if isinstance(value, list):
            return [self.clean(item, depth - 1) for item in value]
        return {self._text(name): self.clean(item, depth - 1) for name, item in value.items()}

    def _text(self, text: str) -> str:
        whole = _whole(text)
        self.changed |= whole != text
        return whole


def _whole(text: str) -> str:
    """Return text with halves of characters, which no encoding knows, written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
