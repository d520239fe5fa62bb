"""Labels of classes, as people and data sets keep them, in the order of their class indices. Pure."""

from __future__ import annotations

import enum
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from livetrain._text import text_of
from livetrain.exceptions import ConfigurationError

__all__ = ["ordered_labels", "read_class_names"]

_LABEL_CHARS = 256
_MAX_INDEX = 1_000_000
_NOT_LABELS = ("not one label a class", "give a list of labels, or leave it out")


def read_class_names(given: Iterable[Any]) -> tuple[str, ...]:
    """Return the label of each class index as text.

    Args:
        given: a list, tuple or other iterable of labels; a NumPy array, tensor or pandas Index of shape (classes,); a mapping of
            class indices to labels, or of labels to class indices; an enumeration.

    Raises:
        ConfigurationError: it is one text, has no order, or does not have one label a class.

    Example:
        >>> read_class_names({1: "dog", 0: "cat"}), read_class_names({"dog": 1, "cat": 0})
        (('cat', 'dog'), ('cat', 'dog'))
    """
    return tuple(_text(label) for label in ordered_labels(given))


def ordered_labels(given: Iterable[Any]) -> list[Any]:
    """Return what stands for each class index, as it was given; an index that a mapping leaves out stands for itself.

    Raises:
        ConfigurationError: as for `read_class_names`.
    """
    if isinstance(given, (str, bytes)):
        raise _refusal(given, "one text, not one label a class", "give a list of labels")
    if isinstance(given, (set, frozenset)):
        raise _refusal(
            given, "a set has no order", "give a list, whose order is that of the class indices"
        )
    if isinstance(given, type) and issubclass(given, enum.Enum):
        members = {member.name: member.value for member in given}
        whole = all(_index(value) is not None for value in members.values())
        return _by_index(members) if whole else list(members)
    if isinstance(given, Mapping):
        return _by_index(given)
    if callable(to_list := getattr(given, "tolist", None)):  # an array, tensor, Index or Series
        given = to_list()
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
        raise _refusal(given, *_NOT_LABELS)
    labels = list(given)
    if any(isinstance(label, (list, tuple, dict)) or getattr(label, "ndim", 0) for label in labels):
        raise _refusal(labels, "a table, not one label a class", "give its column of labels")
    return labels


def _by_index(given: Mapping[Any, Any]) -> list[Any]:
    """Return the labels of a mapping by index, whichever side of it the indices stand on."""
    pairs = _indexed(given.items())
    if pairs is None:
        pairs = _indexed((index, label) for label, index in given.items())
    if pairs is None:
        raise _refusal(
            given,
            "a mapping, and neither its keys nor its values are class indices",
            "give for example {0: 'cat', 1: 'dog'}",
        )
    labels = dict(pairs)
    if len(labels) < len(pairs):
        raise _refusal(given, "a class index that has two labels", "give each class one")
    # What stands below 0 is no class: -1 is for samples that are left out.
    count = max(labels, default=-1) + 1
    if count > _MAX_INDEX:
        raise _refusal(
            given, f"class index {count - 1} is above {_MAX_INDEX:,}", "count classes from 0"
        )
    return [labels.get(index, str(index)) for index in range(count)]


def _indexed(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[int, Any]] | None:
    """Return pairs with their first parts as class indices; None: one of these is none."""
    found = [(_index(first), second) for first, second in pairs]
    whole = [(index, second) for index, second in found if index is not None]
    return whole if len(whole) == len(found) else None


def _index(value: Any) -> int | None:
    """Return a class index, which JSON keeps as text; None: it is none."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() else None
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _text(label: Any) -> str:
    if isinstance(label, enum.Enum):
        label = label.name
    elif isinstance(label, bytes):
        label = label.decode("utf-8", "surrogateescape")
    elif getattr(label, "ndim", None) == 0 and callable(item := getattr(label, "item", None)):
        label = item()
    return text_of(label, _LABEL_CHARS)


def _refusal(given: object, reason: str, mend: str) -> ConfigurationError:
    return ConfigurationError("class_names", given, reason, mend)
