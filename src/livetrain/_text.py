"""Text that every reader can hold: what UTF-8 and JSON have no place for is written out. Pure."""

from __future__ import annotations

__all__ = ["clean_text", "text_of"]


def clean_text(text: str) -> str:
    r"""Return text without lone surrogates and NULs: each is written as an escape, so that two texts stay two.

    Example:
        >>> clean_text("caf\udce9"), clean_text("\ud800")
        ('caf\\xe9', '\\ud800')
    """
    if text.isascii():
        return text.replace("\0", "\\0") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        try:  # a path of bytes that are not UTF-8, as Python reads it: the bytes are written
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:
            text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\0")


def text_of(value: object, limit: int) -> str:
    """Return a value's text, cleaned, of at most `limit` characters. Never raises, whatever the value's own text does.

    Example:
        >>> text_of(0.5, 10)
        '0.5'
    """
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:
        text = f"<{type(value).__name__}: its text failed with {type(error).__name__}>"
    return clean_text(str.__str__(text)[:limit])
