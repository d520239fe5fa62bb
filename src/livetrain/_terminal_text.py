"""Text of others on its way to a terminal or a log: no control characters, one line, cut. Pure.

A run's name, a message or another side's refusal may hold escapes that move the cursor, set the window's title or hide what stands
before them. Whatever goes to a terminal passes through here, on both sides.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["one_line", "plain_lines"]

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that do something else than show themselves: controls, marks of direction, halves, ends of lines."""
_JOINERS: Final = frozenset("\u200c\u200d")
"""Without these some scripts and emoji are other ones."""
_CUT: Final = "..."


def one_line(text: object, limit: int = 500) -> str:
    r"""Return text as one line that says what it holds and does nothing else.

    Args:
        text: anything; its text is taken.
        limit: how many characters are kept of it; what was cut ends in three dots.

    Example:
        >>> one_line("loss" + chr(10) + chr(27) + "[2J")
        'loss\\x0a\\x1b[2J'
        >>> one_line("a" * 20, limit=5)
        'aaaaa...'
    """
    whole = text if type(text) is str else str(text)
    # Cut before it is looked at: it may have millions of characters. An escape takes up to ten.
    part = whole[: limit + 1]
    if not part.isprintable():
        part = "".join(map(_shown, part))
    if len(part) <= limit and len(whole) <= limit:
        return part
    return part[:limit] + _CUT


def plain_lines(text: str, *, most: int = 200, limit: int = 1000) -> list[str]:
    r"""Return text that has lines of its own, such as a traceback, line by line.

    Args:
        text: with ``\n`` between its lines.
        most: how many lines are kept, the last ones.
        limit: how many characters are kept of each.

    Example:
        >>> plain_lines("one\r\n  two" + chr(27))
        ['one', '  two\\x1b']
    """
    kept = text[-most * limit :].replace("\r\n", "\n").rstrip("\n").split("\n")
    return [one_line(line.expandtabs(), limit) for line in kept[-most:]]


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
