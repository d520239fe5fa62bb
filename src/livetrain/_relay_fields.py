"""The fields of one message of the metrics relay: what each holds, and in words what could not be understood. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from livetrain._metric_names import metric_name
from livetrain._wire import sendable

__all__ = ["LARGEST", "LARGEST_U32", "Data", "Fields", "fields_of", "number"]

LARGEST: Final = 2**53 - 1
LARGEST_U32: Final = 2**32 - 1
_DEPTH: Final = 16  # of mappings within metrics
_NO_CURVES: Final = frozenset({"epoch", "global_step"})
"""Numbers among metrics that say where the training is, not how it does."""
_SHOWN_CHARS: Final = 60
Data = Mapping[str, Any]


def number(value: Any) -> float | None:
    """Return a number as a float, NaN and infinity included, or None for what is none or too large for a double.

    A text that spells a number is none here.
    """
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits is no double
        return None


def fields_of(data: Data) -> dict[str, str]:
    """Return data as an event's fields: JSON texts, or "NaN" and the like."""
    return {sendable(str(name)): sendable(json.dumps(value)) for name, value in data.items()}


class Fields:
    """The fields of one message.

    Args:
        kind: its type.
        data: its fields.
        note: called with a clause about each thing that was not understood.

    Example:
        >>> notes = []
        >>> fields = Fields("batch_metrics", {"loss": "0.5", "step": [3]}, notes.append)
        >>> fields.number("loss"), fields.whole("step"), fields.number("accuracy")
        (0.5, None, None)
        >>> notes[1]
        "step of batch_metrics: '[3]' is no number"
    """

    def __init__(self, kind: str, data: Data, note: Callable[[str], object]) -> None:
        self.kind = kind
        self.data = data
        self._note = note

    def note_unknown(self, known: Iterable[str]) -> None:
        """Note each field that is not known."""
        for name in self.data.keys() - set(known):
            self._note(f"the field {_shown(name)} of {self.kind}")

    def note(self, name: str, value: Any, why: str) -> None:
        """Note what is wrong with a field."""
        self._note(f"{name[:_SHOWN_CHARS]} of {self.kind}: {_shown(value)} {why}")

    def number(self, name: str) -> float | None:
        """Return a number; None: it was not told, or cannot be read as one."""
        return self._read(name, self.data.get(name))

    def whole(self, name: str, *, limit: int = LARGEST) -> int | None:
        """Return a whole number from 0 to `limit`; None: it was not told, or is none."""
        value = self.number(name)
        if value is None:
            return None
        if not math.isfinite(value) or not 0 <= value <= limit:
            self.note(name, self.data.get(name), f"is no whole number from 0 to {limit}")
            return None
        return int(value)

    def text(self, name: str) -> str:
        """Return a text; empty: it was not told."""
        value = self.data.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if not isinstance(value, (int, float)):
            self.note(name, value, "is no text")
        return str(value)

    def identity(self, *names: str) -> str:
        """Return what somebody or something is called, a text or a whole number; empty: it was not told."""
        for name in names:
            value = self.data.get(name)
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, (str, int)) and str(value):
                return str(value)
            if value is not None:
                self.note(name, value, "names nothing")
        return ""

    def numbers(self, name: str, prefix: str = "") -> dict[str, float]:
        """Return the numbers of a mapping by the names that they are stored under; a mapping within gives ``outer/inner``."""
        value = self.data.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.note(name, value, "is no object")
            return {}
        return self._numbers(value, name, prefix, _DEPTH)

    def some_numbers(self, names: Iterable[str], prefix: str = "") -> dict[str, float]:
        """Return those of some fields that were told, by the names that they are stored under."""
        found = ((name, self.number(name)) for name in names)
        return {metric_name(prefix + name): value for name, value in found if value is not None}

    def _numbers(self, given: Data, where: str, prefix: str, depth: int) -> dict[str, float]:
        found: dict[str, float] = {}
        for key, value in given.items():
            if isinstance(value, Mapping):
                if depth:
                    found.update(self._numbers(value, where, f"{prefix}{key}/", depth - 1))
                else:
                    self.note(f"{where}.{key}", value, "is nested too deeply")
            elif key not in _NO_CURVES and (name := metric_name(f"{prefix}{key}")):
                real = self._read(f"{where}.{key}", value)
                if real is not None:
                    found[name] = real
        return found

    def _read(self, name: str, value: Any) -> float | None:
        real = number(value)
        if real is not None or value is None:
            return real
        if isinstance(value, str) and "_" not in value:
            try:
                real = float(value)
            except ValueError:
                pass
            else:
                self.note(name, value, "is a text, and was read as the number that it spells")
                return real
        self.note(name, value, "is no number")
        return None


def _shown(value: Any) -> str:
    """Return a value as a note shows it: short, and in one line."""
    text = value if isinstance(value, str) else repr(value)
    return repr(text[:_SHOWN_CHARS])
