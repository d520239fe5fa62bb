"""A stretch of a curve as bytes, and back bit by bit. Pure."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Floats, Ints, Series

__all__ = ["FEW", "CorruptError", "check", "pack", "seal_bytes", "unpack"]

_CRC: Final = struct.Struct("<I")
_HEAD: Final = struct.Struct("<IBIBIBI")  # points; form and size of steps, values and times

_CONSTANT, _LINEAR, _PLAIN, _DIFFERENCES, _NARROW, _SQUEEZED, _NARROW_SQUEEZED = range(7)
"""Forms of a column: one number; a first number and a step; as it is; compressed differences; in four bytes; compressed."""

_WORTH: Final = 0.8
"""A column is compressed where that leaves so much of it at most: reading it again takes ten times as long."""
FEW: Final = 16
"""Columns of so few points are kept as they are: there may be very many of them."""


class CorruptError(ValueError):
    """Bytes that are not what was written."""


def seal_bytes(body: bytes) -> bytes:
    """Return bytes with a checksum before them."""
    return _CRC.pack(zlib.crc32(body)) + body


def check(data: bytes) -> memoryview:
    """Return the bytes behind their checksum.

    Raises:
        CorruptError: they are others than were sealed.
    """
    body = memoryview(data)[_CRC.size :]
    if len(data) < _CRC.size or _CRC.unpack_from(data)[0] != zlib.crc32(body):
        raise CorruptError(f"a checksum over {len(data)} bytes does not fit")
    return body


def pack(series: Series) -> bytes:
    """Return points as bytes, with a checksum; :func:`unpack` gives them back bit by bit (NaN payloads aside)."""
    if len(series) <= FEW:
        return _pack_few(series)
    columns = _pack_ints(series.steps), _pack_floats(series.values), _pack_ints(series.times_us)
    head = _HEAD.pack(len(series), *(part for form, body in columns for part in (form, len(body))))
    return seal_bytes(b"".join((head, *(body for _, body in columns))))


def _pack_few(series: Series) -> bytes:
    size = 8 * len(series)
    head = _HEAD.pack(len(series), _PLAIN, size, _PLAIN, size, _PLAIN, size)
    columns = series.steps.tobytes(), series.values.tobytes(), series.times_us.tobytes()
    return seal_bytes(b"".join((head, *columns)))


def unpack(data: bytes) -> Series:
    """Return what :func:`pack` was given.

    Raises:
        CorruptError: the bytes are others.
    """
    body = check(data)
    try:
        count, *forms = _HEAD.unpack_from(body)
        start, columns = _HEAD.size, []
        for form, size in zip(forms[::2], forms[1::2], strict=True):
            columns.append((form, body[start : start + size]))
            start += size
        (steps, values, times_us) = columns
        return Series(
            _unpack_ints(*steps, count),
            _unpack_floats(*values, count),
            _unpack_ints(*times_us, count),
        )
    except (struct.error, ValueError, zlib.error) as error:
        raise CorruptError(str(error)) from error


def _pack_ints(column: Ints) -> tuple[int, bytes]:
    differences = np.diff(column)
    if not bool(np.any(differences != differences[:1])):
        first, step = column[:1].tobytes(), differences[:1].tobytes()
        return _LINEAR, first + step
    squeezed = _squeeze(differences)
    if len(squeezed) <= _WORTH * column.nbytes:
        return _DIFFERENCES, column[:1].tobytes() + squeezed
    return _PLAIN, column.tobytes()


def _unpack_ints(form: int, body: memoryview, count: int) -> Ints:
    if form == _PLAIN:
        return np.frombuffer(body, "<i8", count).astype(np.int64, copy=False)
    first = np.frombuffer(body, "<i8", 1)
    column = np.empty(count, np.int64)
    column[0] = first[0]
    if form == _LINEAR:
        column[1:] = np.frombuffer(body, "<i8", 1, 8)[0]
    elif form == _DIFFERENCES:
        column[1:] = _spread(body[8:], "<i8", count - 1)
    else:
        raise CorruptError(f"form {form} of a column is not known")
    return np.cumsum(column, dtype=np.int64)


def _pack_floats(column: Floats) -> tuple[int, bytes]:
    bits = column.view(np.int64)
    if not bool(np.any(bits != bits[:1])):
        return _CONSTANT, column[:1].tobytes()
    with np.errstate(over="ignore"):  # 1e308 does not fit, which is what is found out here
        narrow = column.astype("<f4")
    fits = np.array_equal(narrow.astype("<f8"), column, equal_nan=True)
    kept: npt.NDArray[np.floating] = narrow if fits else column
    squeezed = _squeeze(kept)
    if len(squeezed) <= _WORTH * kept.nbytes:
        return (_NARROW_SQUEEZED if fits else _SQUEEZED), squeezed
    return (_NARROW if fits else _PLAIN), kept.tobytes()


def _unpack_floats(form: int, body: memoryview, count: int) -> Floats:
    if form == _CONSTANT:
        return np.full(count, np.frombuffer(body, "<f8", 1)[0], np.float64)
    if form in (_PLAIN, _NARROW):
        column = np.frombuffer(body, "<f8" if form == _PLAIN else "<f4", count)
    elif form in (_SQUEEZED, _NARROW_SQUEEZED):
        column = _spread(body, "<f8" if form == _SQUEEZED else "<f4", count)
    else:
        raise CorruptError(f"form {form} of a column is not known")
    return column.astype(np.float64, copy=False)


def _squeeze(column: npt.NDArray[np.generic]) -> bytes:
    # Equal bytes of neighbours put side by side compress several times better.
    width = column.dtype.itemsize
    grouped = np.ascontiguousarray(column).view(np.uint8).reshape(-1, width).T
    return zlib.compress(np.ascontiguousarray(grouped).tobytes(), 1)


def _spread(packed: memoryview, dtype: str, count: int) -> npt.NDArray[np.generic]:
    width = np.dtype(dtype).itemsize
    grouped = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(width, count)
    return np.ascontiguousarray(grouped.T).view(dtype).reshape(count)
