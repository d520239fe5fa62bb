"""Under which name a number is stored: whatever a user wrote becomes a name that every reader takes. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from livetrain._text import clean_text, text_of

__all__ = [
    "NAME_CHARS",
    "epoch_names",
    "is_plain_name",
    "metric_name",
    "name_text",
    "validation_name",
]

NAME_CHARS: Final = 256
"""Characters that a name may have."""

_HASH_CHARS: Final = 16
_VALIDATION: Final = ("val_", "val/")
_RATES: Final = frozenset({"lr", "learning_rate"})


def is_plain_name(given: object) -> bool:
    """Whether a key is a name as it stands: ASCII text without NULs, of 1 to 256 characters. For the training's thread."""
    return (
        type(given) is str
        and 0 < len(given) <= NAME_CHARS
        and given.isascii()
        and given.isprintable()
        and not given.isspace()
    )


def metric_name(given: object) -> str:
    """Return the name under which a number is stored, empty where there is none.

    Text and bytes are taken as they are, anything else by its text. What UTF-8 cannot hold is written out. A name of more than 256
    characters becomes its first 239, ``~`` and a hash of all of it, so that two long names stay two; the same name always becomes
    the same.

    Example:
        >>> metric_name("loss"), metric_name(7), metric_name(b"loss"), metric_name(" ")
        ('loss', '7', 'loss', '')
        >>> len(metric_name("x" * 1000))
        256
    """
    name = name_text(given)
    if len(name) > NAME_CHARS:
        digest = hashlib.blake2b(name.encode(), digest_size=_HASH_CHARS // 2).hexdigest()
        name = f"{name[: NAME_CHARS - _HASH_CHARS - 1]}~{digest}"
    return "" if name.isspace() else name


def name_text(given: object) -> str:
    """Return the text of a name, in its whole length.

    Example:
        >>> name_text("loss"), name_text(7)
        ('loss', '7')
    """
    if isinstance(given, (bytes, bytearray)):
        return clean_text(bytes(given).decode("utf-8", "backslashreplace"))
    if isinstance(given, str):
        # The text itself, where an enum's own would name its class.
        return clean_text(str.__str__(given))
    return text_of(given, 1 << 16)


def validation_name(name: str) -> str | None:
    """Return a validation's name without its ``val_`` or ``val/``; None where it has neither.

    Example:
        >>> validation_name("val_ppl"), validation_name("val/ppl"), validation_name("value")
        ('ppl', 'ppl', None)
    """
    bare = name[4:] if name.startswith(_VALIDATION) else ""
    return bare or None


def epoch_names(names: Iterable[str]) -> dict[str, str]:
    """Return what each name of an epoch's means stands for: a learning rate is known as ``learning_rate`` however it is written.

    Args:
        names: as they were given. Where one is ``learning_rate`` itself, the others keep their own names.

    Example:
        >>> epoch_names(["loss", "Learning Rate"])
        {'loss': 'loss', 'Learning Rate': 'learning_rate'}
    """
    known = {name: name for name in names}
    rates = [name for name in known if re.sub(r"[\s-]+", "_", name.strip()).casefold() in _RATES]
    if "learning_rate" not in known and len(rates) == 1:
        known[rates[0]] = "learning_rate"
    return known
