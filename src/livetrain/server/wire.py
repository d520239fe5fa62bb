"""Protobuf bytes without parsing them: fields are found, counted and cut out where they stand.

A parsed message can take 36 times the memory of its bytes (two million empty sub-messages in 4 MiB), and images need not be
parsed to be passed on. So what comes from the network is looked at here first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from livetrain._protobuf import FIXED32, FIXED64, LENGTH, VARINT, read_varint
from livetrain.exceptions import ProtocolError

__all__ = ["Field", "count_elements", "each_value", "fields"]

_TAGS: Final = 2**32
"""A field's number and wire type are less together. Some readers cut off what is more, and see another field there."""
_MISPLACED: Final = "a field goes past the end of its message, or has a number that no field has"


class Field(NamedTuple):
    """One field of a message: ``data[start:end]`` is all of it, ``data[value:end]`` its value."""

    number: int
    wire_type: int
    start: int
    value: int
    end: int


def fields(
    data: bytes, start: int = 0, end: int | None = None, *, limit: int = 1000
) -> list[Field]:
    """Return the fields that stand in ``data[start:end]``, in order, without looking into them.

    Args:
        data: a serialised message, or a larger one that contains it.
        start: where it begins.
        end: where it ends; None: where the data does.
        limit: how many fields it may have.

    Raises:
        ProtocolError: more fields than ``limit``, a field that goes past the end, or a group (never used here).

    Example:
        >>> [f.number for f in fields(bytes([8, 1, 18, 1, 65]))]
        [1, 2]
    """
    stop = len(data) if end is None else end
    found: list[Field] = []
    append = found.append
    new = tuple.__new__  # what `Field(...)` does, without its Python function
    at = start
    # One loop without calls in the usual case: this runs for every message of every trainer.
    while at < stop:
        begin = at
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = read_varint(data, begin)
        wire_type = tag & 7
        if wire_type == LENGTH:
            if at >= stop:
                raise ProtocolError("the message ends within a field")
            size = data[at]
            at += 1
            if size >= 0x80:
                size, at = read_varint(data, at - 1)
            value = at
            at += size
        elif wire_type == VARINT:
            value = at
            if at < stop and data[at] < 0x80:
                at += 1
            else:
                _, at = read_varint(data, at)
        elif wire_type == FIXED32:
            value = at
            at += 4
        elif wire_type == FIXED64:
            value = at
            at += 8
        else:
            raise ProtocolError(f"wire type {wire_type} is not used by this protocol")
        if at > stop or not 8 <= tag < _TAGS:
            raise ProtocolError(_MISPLACED)
        append(new(Field, (tag >> 3, wire_type, begin, value, at)))
        if len(found) > limit:
            raise ProtocolError(f"more than {limit} fields in one message")
    return found


def each_value(
    data: bytes, number: int, start: int, end: int, *, limit: int
) -> Iterator[tuple[int, int]]:
    """Yield where each value of one field begins and ends in ``data[start:end]``, one when it is asked for.

    Args:
        data: a larger message.
        number: the field's; its values are bytes, texts or messages.
        start: where the message within it begins.
        end: where that ends.
        limit: how many fields it may have.

    Raises:
        ProtocolError: there are more, or the bytes are no message; what was yielded before is right.
    """
    at = start
    for _ in range(limit):
        if at >= end:
            return
        tag, at = read_varint(data, at)
        if tag != number << 3 | LENGTH:
            raise ProtocolError("a field that does not belong there")
        size, at = read_varint(data, at)
        if at + size > end:
            raise ProtocolError("a field goes past the end of its message")
        yield at, at + size
        at += size
    if at < end:
        raise ProtocolError(f"more than {limit} fields in one message")


@cache
def _submessages(descriptor: Any) -> dict[int, Any]:
    return {f.number: f.message_type for f in descriptor.fields if f.message_type is not None}


def count_elements(
    data: bytes, descriptor: Any, *, limit: int, start: int = 0, end: int | None = None
) -> int:
    """Return how many fields a message and all messages within it have.

    Args:
        data: the bytes.
        descriptor: what kind of message they are, e.g. ``TelemetryRequest.DESCRIPTOR``.
        limit: how many there may be.
        start: where the message begins in ``data``.
        end: where it ends; None: where the data does.

    Raises:
        ProtocolError: there are more, or the bytes are no message.
    """
    return _count(data, start, len(data) if end is None else end, descriptor, 0, limit)


def _count(data: bytes, at: int, stop: int, descriptor: Any, total: int, limit: int) -> int:
    """Return ``total`` and the fields of ``data[at:stop]``. Nothing is made of a field: there are thousands in one record."""
    inner = _submessages(descriptor)
    while at < stop:
        begin = at
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = read_varint(data, begin)
        wire_type = tag & 7
        total += 1
        if total > limit:
            raise ProtocolError(f"more than {limit} fields in one record")
        if wire_type == LENGTH:
            if at >= stop:
                raise ProtocolError("the message ends within a field")
            size = data[at]
            at += 1
            if size >= 0x80:
                size, at = read_varint(data, at - 1)
            value = at
            at += size
            if at > stop:
                raise ProtocolError("a field goes past the end of its message")
            if (tag >> 3) in inner:
                total = _count(data, value, at, inner[tag >> 3], total, limit)
        elif wire_type == VARINT:
            if at < stop and data[at] < 0x80:
                at += 1
            else:
                _, at = read_varint(data, at)
        elif wire_type == FIXED32:
            at += 4
        elif wire_type == FIXED64:
            at += 8
        else:
            raise ProtocolError(f"wire type {wire_type} is not used by this protocol")
        if at > stop or not 8 <= tag < _TAGS:
            raise ProtocolError(_MISPLACED)
    return total
