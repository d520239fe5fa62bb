"""Values as JSON takes them. Pure."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

__all__ = [
    "BadJsonError",
    "exact",
    "finite",
    "iso",
    "narrow",
    "read",
    "read_any",
    "said",
    "write",
]


_DEPTH: Final = 128
"""What is nested deeper could be read, but not be written again."""


class BadJsonError(ValueError):
    """A text is not JSON, or nested too deeply to be read."""


def finite(value: float) -> float | None:
    """Return a number, or None for NaN and infinity, which JSON has no word for."""
    return value if math.isfinite(value) else None


def narrow(value: float) -> float | None:
    """Return a number that came in four bytes as it was meant, 0.52 and not 0.5199999809265137."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


def exact(message: Any, name: str, older: str) -> float | None:
    """Return a number of a record as it was logged, or None where JSON has no word for it.

    Args:
        message: a batch, an epoch or the like.
        name: the field that has it in eight bytes, where the trainer knows that field.
        older: the field that has it in four.

    Example:
        >>> from livetrain.proto import telemetry_pb2 as pb
        >>> exact(pb.BatchData(batch_loss=1e39, exact_loss=1e39), "exact_loss", "batch_loss")
        1e+39
        >>> exact(pb.BatchData(batch_loss=0.1), "exact_loss", "batch_loss")
        0.1
    """
    if message.HasField(name):
        return finite(getattr(message, name))
    return narrow(getattr(message, older))


def iso(unix_ms: float) -> str:
    """Return a time as ISO 8601, in UTC.

    Example:
        >>> iso(1_735_689_600_000)
        '2025-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat()


def read(text: str) -> Any:
    """Return what a JSON text says.

    Args:
        text: from a stranger.

    Raises:
        BadJsonError: it is not JSON, or nested too deeply.
    """

    def refuse(token: str) -> float:
        raise BadJsonError(f"{token} is not JSON")

    return _read(text, parse_constant=refuse)


def read_any(text: str) -> tuple[Any, bool]:
    """Return what a JSON text says, bare NaN and infinity included, and whether a number in it is not finite.

    Args:
        text: from a stranger.

    Raises:
        BadJsonError: it is not JSON, or nested too deeply.

    Example:
        >>> read_any('{"loss": NaN, "step": 1e999, "accuracy": 0.5}')
        ({'loss': nan, 'step': inf, 'accuracy': 0.5}, True)
    """
    odd = False

    def number(token: str) -> float:
        nonlocal odd
        value = float(token)
        odd = odd or not math.isfinite(value)
        return value

    value = _read(text, parse_constant=number, parse_float=number)
    return value, odd


def _read(text: str, **hooks: Any) -> Any:
    try:
        value = json.loads(text, **hooks)
        if text.count("{") + text.count("[") > _DEPTH and _deeper(value, _DEPTH):
            raise BadJsonError(f"it is nested deeper than {_DEPTH} levels")
        # Halves of characters come as escapes only: no text frame can hold one.
        return _whole(value) if "\\ud" in text or "\\uD" in text else value
    except RecursionError:
        raise BadJsonError("it is nested too deeply") from None
    except BadJsonError:
        raise
    except ValueError as error:
        raise BadJsonError(str(error)) from None


def _deeper(value: Any, levels: int) -> bool:
    """Say whether lists and objects stand in each other deeper than so many levels."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels + 1):
        inner: list[Any] = []
        for one in level:
            inner += one.values() if isinstance(one, dict) else one
        level = [one for one in inner if isinstance(one, (dict, list))]
        if not level:
            return False
    return True


def _whole(value: Any) -> Any:
    """Return a value with halves of characters, which no record can hold, written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(item) for name, item in value.items()}
    return value


def said(text: str | bytes) -> str:
    """Return a message as text; JSON comes in text frames, so bytes are none of it.

    Raises:
        BadJsonError: it came in a binary frame.
    """
    if isinstance(text, bytes):
        raise BadJsonError("it came in a binary frame")
    return text


def write(value: Any) -> str:
    """Return a value as JSON in one line.

    Raises:
        ValueError: a number in it is not finite.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
