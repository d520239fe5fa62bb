"""Messages of any kind with the values that nobody thinks of, drawn from their descriptors."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

__all__ = ["extreme"]

_Message = TypeVar("_Message", bound=Message)
_DEPTH = 3

_TEXTS = st.sampled_from(
    [
        "",
        "a",
        "loss",
        "\0",
        "\x1b[2J",
        "x\ny",
        "a,b",
        "é" * 300,
        "\U0010ffff",
        "<img src=x>",
        "9" * 30,
    ]
) | st.text(max_size=8)
_FLOATS = st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324])
_BYTES = st.sampled_from([b"", b"\xff", b"\0" * 8, b"\x89PNG\r\n\x1a\n"]) | st.binary(max_size=24)


def _whole(low: int, high: int) -> st.SearchStrategy[int]:
    edges = sorted({low, high, 0, 1, 2**31, 2**53, 2**53 - 1, 2**62, 2**63 - 1, 2**63, -1})
    return st.sampled_from([edge for edge in edges if low <= edge <= high])


_NONE: st.SearchStrategy[list[Any]] = st.just([])
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: _whole(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _whole(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: _whole(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _whole(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_FLOAT: _FLOATS.filter(lambda value: abs(value) != 1e308),
    FieldDescriptor.CPPTYPE_DOUBLE: _FLOATS,
}


def _repeats(field: Any) -> bool:
    newer = getattr(field, "is_repeated", None)  # of protobuf 6
    return field.label == FieldDescriptor.LABEL_REPEATED if newer is None else bool(newer)


def _value(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        return _message(field.message_type, depth - 1)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _TEXTS
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values] + [77])
    return _NUMBERS[field.cpp_type]


def _message(descriptor: Any, depth: int) -> st.SearchStrategy[Any]:
    """Return a strategy of what a message's constructor takes."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> dict[str, Any]:
        made: dict[str, Any] = {}
        named = [field for field in descriptor.fields if depth or field.message_type is None]
        for field in draw(
            st.lists(st.sampled_from(named), max_size=6, unique=True) if named else _NONE
        ):
            entry = field.message_type
            if entry is not None and entry.GetOptions().map_entry:
                keys, values = entry.fields_by_name["key"], entry.fields_by_name["value"]
                made[field.name] = draw(
                    st.dictionaries(_value(keys, depth), _value(values, depth), max_size=3)
                )
            elif _repeats(field):
                made[field.name] = draw(st.lists(_value(field, depth), max_size=3))
            else:
                made[field.name] = draw(_value(field, depth))
        return made

    return draw_one()


def extreme(kind: type[_Message]) -> st.SearchStrategy[_Message]:
    """Return a strategy of messages of a kind, with at most some fields set to the ends of what they can hold."""
    return _message(kind.DESCRIPTOR, _DEPTH).map(lambda made: kind(**made))
