"""A training's settings as JSON: whatever a script holds becomes what every reader can hold. Pure.

Settings are cleaned once, where they enter; what the server finds in its store is read by the same rules.

=====================================================================  ==============================================
a number or bool of Python, NumPy or any framework                     the number or bool; NaN, infinities and whole
                                                                       numbers beyond 2**53 their text
text, a path, an enum, a function or class                             text: the value or name of an enum
an array of up to 64 numbers; a list, tuple or set                     a list
a larger array                                                         its shape and type
a mapping, namespace, dataclass, named tuple; what pydantic, attrs,    an object
OmegaConf and the like make
anything else                                                          its text
what holds itself, is nested deeper than 32, or fails when read        a text that says so
=====================================================================  ==============================================

Texts of more than 10,000 characters and lists of more than 1,000 are cut, and say so; all settings together have 20,000 entries
and 250 KiB at most.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Number
from types import SimpleNamespace
from typing import Any, Final

from livetrain._metric_names import metric_name
from livetrain._text import clean_text, text_of

__all__ = ["are_settings", "config_json", "plain_settings"]

_DEPTH: Final = 32
_TEXT: Final = 10_000  # characters
_LIST: Final = 1_000
_ARRAY: Final = 64
_ENTRIES: Final = 20_000  # of everything together
_CHARS: Final = 250 << 10  # of everything together, as JSON; a server takes 256 KiB
_TOO_MUCH: Final = f"{_ENTRIES:,} settings of {_CHARS >> 10} KiB are taken at most"
_EXACT: Final = 2**53  # whole numbers up to here are the same in every reader
_REST: Final = "…"

Getter = Callable[[], Any]


def are_settings(value: object) -> bool:
    """Whether this is named values: a mapping, a namespace, a dataclass or the like."""
    return _members(value) is not None


def config_json(settings: Any) -> str:
    """Return settings as the text of a JSON object, by the rules above. Never raises on what they hold.

    Example:
        >>> config_json({"lr": 3e-4, "layers": (64, 64), 5: float("inf")})
        '{"lr": 0.0003, "layers": [64, 64], "5": "inf"}'
    """
    return json.dumps(plain_settings(settings)[0], allow_nan=False)


def plain_settings(settings: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return settings as JSON can hold them, and what was cut or left out, in clauses. Plain settings stay as they are.

    Args:
        settings: a mapping or the like; anything else is none.
    """
    cleaner = _Cleaner()
    plain = cleaner.plain(settings) if are_settings(settings) else {}
    return (plain if isinstance(plain, dict) else {}), tuple(cleaner.cut)


class _Cleaner:
    """Turns one set of settings into plain values.

    Attributes:
        cut: what was cut or left out, each said once; keys of a dict, for their order.
    """

    def __init__(self) -> None:
        self.cut: dict[str, None] = {}
        self._entries = _ENTRIES
        self._chars = _CHARS
        self._open: set[int] = set()  # ids of what is being read

    @property
    def _full(self) -> bool:
        return self._entries <= 0 or self._chars <= 0

    def plain(self, value: Any) -> Any:
        """Return a value as JSON can hold it."""
        self._entries -= 1
        self._chars -= 2  # what stands between two
        try:
            return self._read(value)
        except Exception as error:
            return self._text(
                f"({type(value).__name__} that cannot be read: {text_of(error, 200)})"
            )

    def _read(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return self._text(value.value if isinstance(value.value, str) else value.name)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, (int, float)):
            self._chars -= 24
        if isinstance(value, int):
            return self._whole(int(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, (bytes, bytearray)):
            return self._text(bytes(value[:_TEXT]).decode("utf-8", "backslashreplace"))
        if isinstance(value, os.PathLike):
            path = os.fspath(value)
            return self._read(path)
        if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
            return self._text(f"{value.__module__}.{value.__qualname__}")
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            return self._array(value)
        if isinstance(value, Number) and not isinstance(value, complex):  # Decimal, Fraction
            number = float(value)  # type: ignore[arg-type]  # or it fails, which is caught
            return number if math.isfinite(number) else self._text(str(value))
        members = _members(value)
        if members is None and not isinstance(value, (Set, Sequence)):
            return self._text(text_of(value, _TEXT + 1))
        if id(value) in self._open:
            return self._say("something that holds itself is left out", "(holds itself)")
        if len(self._open) >= _DEPTH:
            return self._say(
                f"what is nested deeper than {_DEPTH} is left out", f"(nested deeper than {_DEPTH})"
            )
        self._open.add(id(value))
        try:
            if members is not None:
                return self._object(members)
            return self._list(value)
        finally:
            self._open.discard(id(value))

    def _text(self, text: str) -> str:
        if len(text) > _TEXT:
            end = f"… (cut; {len(text):,} characters)"
            text = text[: _TEXT - len(end)] + end
            self.cut[f"texts are cut at {_TEXT:,} characters"] = None
        text = clean_text(text)
        size = len(json.dumps(text))  # with the escapes, of six characters each
        if size > self._chars:
            return self._say(_TOO_MUCH, _REST)
        self._chars -= size
        return text

    def _whole(self, number: int) -> int | str:
        if -_EXACT <= number <= _EXACT:
            return number
        bits = number.bit_length()
        return self._text(str(number) if bits < 1024 else f"a whole number of {bits:,} bits")

    def _array(self, value: Any) -> Any:
        shape = tuple(int(n) for n in value.shape)
        if math.prod(shape) > _ARRAY:
            return self._text(f"array of shape {shape}, {value.dtype}")
        values = value.detach() if hasattr(value, "detach") else value
        if hasattr(values, "numpy") and not hasattr(values, "tolist"):
            values = values.numpy()
        items: Any = values.tolist() if hasattr(values, "tolist") else list(values)
        if type(items) is type(value):  # a long double gives itself
            items = float(items)
        return self.plain(items)

    def _list(self, values: Set[Any] | Sequence[Any]) -> Any:
        if isinstance(values, (range, memoryview)):
            return self._text(text_of(values, _TEXT))
        items: Iterable[Any] = values
        if isinstance(values, Set):  # without an order of its own
            items = sorted(values, key=lambda item: (type(item).__name__, text_of(item, 200)))
        found: list[Any] = []
        for place, item in enumerate(items):
            left = len(values) - place
            if self._full or (place == _LIST - 1 and left > 1):
                found.append(f"{_REST} {left:,} more")
                self.cut[f"lists are cut at {_LIST:,} entries"] = None
                break
            found.append(self.plain(item))
        return found

    def _object(self, members: Sequence[tuple[Any, Getter]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for place, (given, get) in enumerate(members):
            if self._full:
                found[_REST] = f"{len(members) - place:,} more settings are left out"
                self.cut[_TOO_MUCH] = None
                break
            name = key = metric_name(given)
            number = 1
            while key in found:
                number += 1
                key = f"{name} ({number})"
            self._chars -= len(json.dumps(key)) + 2
            try:
                value = get()
            except Exception as error:  # a value that is still missing, as OmegaConf has them
                value = f"(cannot be read: {type(error).__name__}: {text_of(error, 200)})"
            found[key] = self.plain(value)
        return found

    def _say(self, what: str, instead: str) -> str:
        self.cut[what] = None
        return instead


def _members(value: Any) -> list[tuple[Any, Getter]] | None:
    """Return the names of something that has named values, each with a function that reads it; None: it has none."""
    if isinstance(value, type):
        return None
    names: Iterable[Any] | None = None
    if isinstance(value, Mapping) or _is_like_a_mapping(value):
        try:
            return [(key, lambda key=key: value[key]) for key in value]  # type: ignore[misc]
        except Exception:
            return None
    argparse = sys.modules.get("argparse")
    if isinstance(value, SimpleNamespace) or (
        argparse is not None and isinstance(value, argparse.Namespace)
    ):
        names = vars(value)
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif isinstance(value, tuple) and isinstance(fields := getattr(value, "_fields", None), tuple):
        names = fields
    elif isinstance(getattr(type(value), "model_fields", None), Mapping):  # pydantic
        names = type(value).model_fields
    elif isinstance(getattr(type(value), "__attrs_attrs__", None), tuple):
        names = [field.name for field in type(value).__attrs_attrs__]
    if names is None:
        return None
    return [(name, lambda name=name: getattr(value, name)) for name in names]  # type: ignore[misc]


def _is_like_a_mapping(value: Any) -> bool:
    kind = type(value)
    return (
        callable(getattr(kind, "keys", None))
        and callable(getattr(kind, "__getitem__", None))
        and callable(getattr(kind, "__iter__", None))
        and not hasattr(kind, "dtype")
    )
