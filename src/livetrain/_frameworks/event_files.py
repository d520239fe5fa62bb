"""TensorBoard's event files: the numbers in them, read without TensorBoard. Pure but for the files themselves."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from livetrain._protobuf import FIXED32, FIXED64, LENGTH, VARINT, read_varint

__all__ = ["EventFiles", "Figure", "figures_of"]

_HEAD: Final = struct.Struct("<Q4x")  # of a record: its length, and a checksum of that
_TAIL_BYTES: Final = 4  # a checksum of the record
_NUMBERS_BYTES: Final = 64 * 1024
"""A larger record has pictures or texts, and is passed over unread."""
_RECORD_BYTES: Final = 1 << 31
_FILES: Final = 64
_RECORDS: Final = 20_000
_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")
_EVENT_STEP, _EVENT_SUMMARY = 2, 5
_SUMMARY_VALUE = 1
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR = 1, 2, 8
_TENSOR_TYPE, _TENSOR_CONTENT, _TENSOR_FLOATS, _TENSOR_DOUBLES = 1, 4, 5, 6
_TENSOR_IS_DOUBLE = 2


class Figure(NamedTuple):
    """One number that was written: its tag, its step, its value."""

    tag: str
    step: int
    value: float


class EventFiles:
    """The event files below a folder, from now on: what stands in them already is not read.

    Args:
        folder: it, and folders in it, hold files whose names have ``tfevents`` in them; it need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {path: _size(path) for path in self._paths()}

    def _paths(self) -> list[Path]:
        try:
            found = [path for path in self._folder.rglob("*tfevents*") if path.is_file()]
        except OSError:
            return []
        return sorted(found, key=_changed)[-_FILES:]

    def read(self) -> Iterator[Figure]:
        """Yield the numbers that were written since this was asked last."""
        for path in self._paths():
            start = self._read.get(path, 0)
            size = _size(path)
            if size > start:
                yield from self._read_file(path, start, size)

    def _read_file(self, path: Path, start: int, size: int) -> Iterator[Figure]:
        try:
            with path.open("rb") as file:
                file.seek(start)
                for _ in range(_RECORDS):
                    head = file.read(_HEAD.size)
                    if len(head) < _HEAD.size:
                        return
                    (length,) = _HEAD.unpack(head)
                    if length > _RECORD_BYTES:
                        self._read[path] = _size(
                            path
                        )  # damaged: nobody knows where the next one begins
                        return
                    end = start + _HEAD.size + length + _TAIL_BYTES
                    if end > size:
                        return  # it is being written
                    record = file.read(length) if length <= _NUMBERS_BYTES else b""
                    file.seek(end)
                    self._read[path] = start = end
                    yield from figures_of(record)
        except OSError:
            return


def figures_of(event: bytes) -> Iterator[Figure]:
    r"""Yield the numbers of one event; nothing for what is no event, or damaged.

    Example:
        >>> event = b"\x10\x07*\r\n\x0b\n\x04loss\x15\x00\x00\x00?"
        >>> list(figures_of(event))
        [Figure(tag='loss', step=7, value=0.5)]
    """
    try:
        step, summaries = 0, []
        for number, value in _fields(event):
            if number == _EVENT_STEP and isinstance(value, int):
                step = value
            elif number == _EVENT_SUMMARY and isinstance(value, bytes):
                summaries.append(value)
        for summary in summaries:
            for number, value in _fields(summary):
                if number == _SUMMARY_VALUE and isinstance(value, bytes):
                    yield from _figure(value, step)
    except (ValueError, IndexError, struct.error):
        return


def _figure(value: bytes, step: int) -> Iterator[Figure]:
    tag, real = "", None
    for number, part in _fields(value):
        if not isinstance(part, bytes):
            continue
        if number == _VALUE_TAG:
            tag = part.decode("utf-8", "replace")
        elif number == _VALUE_SIMPLE and len(part) == _FLOAT.size:
            (real,) = _FLOAT.unpack(part)
        elif number == _VALUE_TENSOR:
            real = _scalar(part)
    if tag and real is not None and 0 <= step < 2**53:
        yield Figure(tag, step, real)


def _scalar(tensor: bytes) -> float | None:
    """Return the only number of a tensor, or None: it has none or several."""
    kind, content = 0, b""
    for number, part in _fields(tensor):
        if number == _TENSOR_TYPE and isinstance(part, int):
            kind = part
        elif number in (_TENSOR_CONTENT, _TENSOR_FLOATS, _TENSOR_DOUBLES) and isinstance(
            part, bytes
        ):
            content = part
    reader = _DOUBLE if kind == _TENSOR_IS_DOUBLE else _FLOAT
    return float(reader.unpack(content)[0]) if len(content) == reader.size else None


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message: whole numbers as such, all else as bytes.

    Raises:
        ValueError, IndexError: it is none.
    """
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        kind = key & 7
        if kind == VARINT:
            number, at = read_varint(message, at)
            yield key >> 3, number
            continue
        if kind == LENGTH:
            size, at = read_varint(message, at)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError("no wire type")
        if at + size > len(message):
            raise ValueError("it is cut")
        yield key >> 3, message[at : at + size]
        at += size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _changed(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
