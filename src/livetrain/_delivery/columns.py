"""Rows that waited in line become records: columns of points where there are several, else the record that one row always was.

Pure: tables of rows and the server's limits in, records out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from livetrain import _point_columns, _wire
from livetrain._delivery.line import Gap, Lane
from livetrain._delivery.rows import Table
from livetrain._delivery.server_limits import ServerLimits
from livetrain._point_columns import COLUMN_BYTES, COLUMN_ELEMENTS, NUMBER_BYTES, BatchRows, Column

__all__ = [
    "TARGET_BYTES",
    "ColumnsRecord",
    "GapRecord",
    "Refuse",
    "RowRecord",
    "records_of",
    "split_columns",
]

TARGET_BYTES = 64 << 10
"""Of one record: small enough that a gap of one is short, and large enough that each costs little."""
_HEAD_BYTES = 512
_HEAD_ELEMENTS = 16
"""What a record has beside its columns, at most."""
_SCALAR_BYTES = 16
_SCALAR_ELEMENTS = 3
"""What a value has beside its name where it is no column."""

Refuse = Callable[[str, int, str], object]
"""Called with a metric, the number of its points that are left out, and why."""


@dataclass(slots=True)
class ColumnsRecord:
    """Points as columns.

    Attributes:
        columns: of different names.
        epoch: that all belong to; None: not said.
        batches: the rows are batches; None: they are named numbers.
        unix_ms, mono_us: when the first was logged.
        images: how many images were left out of the batches.
        reason: a ``StripReason``: why.
        calls: how many calls of the user's it stands for; those that are in several records count in the first.
    """

    columns: Sequence[Column]
    epoch: int | None
    batches: BatchRows | None
    unix_ms: int
    mono_us: int
    images: int = 0
    reason: int = 0
    calls: int = 0
    lane: Lane = Lane.POINT
    ready: bool = True

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return sum(3 * len(column.steps) for column in self.columns)

    @property
    def points(self) -> int:
        """How many points there are."""
        return sum(column.points for column in self.columns)

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it."""
        return _point_columns.point_columns(stamp, self.columns, self.epoch, self.batches)


@dataclass(slots=True)
class RowRecord:
    """One row in the form that every server reads.

    Attributes:
        step: of all values.
        values: by the metric's name.
        epoch: that they belong to; None: not said.
        batch: what is said of a batch beside its values; None: they are named numbers.
        unix_ms, unix_us, mono_us: when it was logged.
        images: how many images were left out of a batch.
        reason: a ``StripReason``: why.
        calls: 1, or 0 if another record has counted this call.
    """

    step: int
    values: dict[str, float]
    epoch: int | None
    batch: BatchRows | None
    unix_ms: int
    unix_us: int
    mono_us: int
    images: int = 0
    reason: int = 0
    calls: int = 1
    lane: Lane = Lane.POINT
    ready: bool = True
    size: int = 0

    @property
    def points(self) -> int:
        """How many points there are."""
        return len(self.values)

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it."""
        if self.batch is None:
            exact = replace(stamp, unix_us=self.unix_us)
            return _wire.scalars(exact, self.step, self.values, self.epoch)
        return _wire.batch_head(
            stamp,
            _wire.Batch(
                self.step,
                self.epoch or 0,
                self.batch.first_batch,
                self.batch.batch_size,
                self.values.get("loss"),
                self.values.get("accuracy"),
                self.unix_us,
            ),
        )


@dataclass(slots=True)
class GapRecord:
    """Says that points were left out because there was no room for them."""

    gap: Gap
    unix_ms: int
    mono_us: int
    lane: Lane = Lane.CRITICAL
    ready: bool = True
    size: int = 0

    def write(self, stamp: _wire.Stamp) -> bytes:
        """Serialise it."""
        gap = self.gap
        reason = "more came than fits into memory"
        return _wire.tombstone(
            stamp, reason, gap.records, step=gap.first_step, last_step=gap.last_step
        )


def records_of(
    tables: Sequence[Table], limits: ServerLimits, refuse: Refuse, most_bytes: int = TARGET_BYTES
) -> Iterator[ColumnsRecord | RowRecord]:
    """Yield the records of tables that stood in line one behind the other, within the limits of a server.

    Args:
        tables: claimed, in order.
        limits: of the server.
        refuse: told what the server would not take, and what is therefore left out.
        most_bytes: of one record, about.
    """
    for _, group in groupby(tables, key=lambda table: table.group):
        members = list(group)
        for kind in _kinds(members):
            rows = sum(table.count for table in kind)
            if rows > 1 and limits.accepts_columns and not _must_be_single(kind, limits):
                yield from _columns_records(kind, limits, refuse, most_bytes)
            elif rows:
                yield from _row_records(kind, limits, refuse, most_bytes)


def _must_be_single(tables: Sequence[Table], limits: ServerLimits) -> bool:
    """Return whether some of these batches are left out, so that the rest do not follow one another."""
    return any(
        table.batches is not None and bool((table.read()["step"] > limits.max_step).any())
        for table in tables
    )


def _kinds(tables: Iterable[Table]) -> list[list[Table]]:
    """Sort the tables of a group into those that can be one record together."""
    kinds: dict[object, list[Table]] = {}
    for table in tables:
        # Batches follow one another within one table only.
        key = table.epoch if table.batches is None else id(table), table.batches
        kinds.setdefault(key, []).append(table)
    return list(kinds.values())


# ---------------------------------------------------------------- columns


@dataclass(slots=True)
class _Read:
    """A table's rows, each field by itself."""

    steps: npt.NDArray[np.int64]
    times_us: npt.NDArray[np.int64]
    clock: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]  # one line for each metric


def _columns_records(
    tables: Sequence[Table], limits: ServerLimits, refuse: Refuse, most_bytes: int
) -> Iterator[ColumnsRecord]:
    first = tables[0]
    clock = min(table.first()[1] for table in tables if table.count)
    columns = _columns(tables, limits, refuse)
    batches = first.batches
    row, calls = 0, sum(table.count for table in tables)
    for part in split_columns(columns, limits, most_bytes, together=batches is not None):
        record = ColumnsRecord(
            part,
            first.epoch,
            None,
            first.unix_us_at(clock) // 1000,
            first.mono_us_at(clock),
        )
        record.calls, calls = calls, 0
        if batches is not None:
            record.calls = rows = part[0].points
            record.batches = BatchRows(first.first_batch + row, batches.size)
            record.images, record.reason = rows * batches.images, batches.reason
            row += rows
        yield record


def _columns(tables: Sequence[Table], limits: ServerLimits, refuse: Refuse) -> list[Column]:
    """Return a column for each name of the tables."""
    reads = [_read(table, limits, refuse) for table in tables]
    places: dict[str, list[tuple[int, int]]] = {}
    for at, table in enumerate(tables):
        for line, name in enumerate(table.shape.names):
            # Of two names that differ in what UTF-8 cannot hold one column is made.
            places.setdefault(_wire.sendable(name), []).append((at, line))
    joined: dict[tuple[int, ...], tuple[bytes, bytes, npt.NDArray[np.intp]]] = {}
    columns = []
    for name, found in places.items():
        where = tuple(at for at, _ in found)
        if where not in joined:
            clocks = np.concatenate([reads[at].clock for at in where])
            order = np.argsort(clocks, kind="stable")
            joined[where] = (
                np.concatenate([reads[at].steps for at in where])[order].tobytes(),
                np.concatenate([reads[at].times_us for at in where])[order].tobytes(),
                order,
            )
        steps, times_us, order = joined[where]
        if not steps:
            continue
        if not 0 < len(name) <= limits.name_chars:
            points = len(steps) // NUMBER_BYTES
            refuse(
                name, points, f"its name has {len(name)} characters, {limits.name_chars} at most"
            )
            continue
        values = np.concatenate([reads[at].values[line] for at, line in found])
        columns.append(Column(name, steps, times_us, values[order].tobytes()))
    return columns


def _read(table: Table, limits: ServerLimits, refuse: Refuse) -> _Read:
    rows = table.read()
    too_high = rows["step"] > limits.max_step
    if too_high.any():
        # The limit was not known when they were logged.
        step = int(rows["step"][too_high][0])
        for name in table.shape.names:
            refuse(name, int(too_high.sum()), f"step {step} is above {limits.max_step}")
        rows = rows[~too_high]
    clock = np.ascontiguousarray(rows["clock"])
    return _Read(
        np.ascontiguousarray(rows["step"]),
        table.unix_us + (clock - table.clock_ns) // 1000,
        clock,
        np.ascontiguousarray(rows["values"].T),
    )


def split_columns(
    columns: Sequence[Column],
    limits: ServerLimits,
    most_bytes: int = TARGET_BYTES,
    *,
    together: bool = False,
) -> Iterator[list[Column]]:
    """Yield columns in parts that each fit into one record.

    Args:
        columns: of different names.
        limits: of the server.
        most_bytes: of one record, about.
        together: the rows of all columns belong together, and every part has all columns.

    Example:
        >>> points = [Column(name, bytes(80), bytes(80), bytes(80)) for name in "abc"]
        >>> few = ServerLimits(elements=28)
        >>> [[column.name for column in part] for part in split_columns(points, few)]
        [['a', 'b'], ['c']]
    """
    most_bytes = max(min(most_bytes, limits.record_bytes - _HEAD_BYTES), 1)
    if together:
        heads = sum(map(_head_bytes, columns))
        rows = _rows_in(most_bytes - heads, len(columns))
        for start in range(0, columns[0].points if columns else 0, rows):
            yield [column.rows(start, start + rows) for column in columns]
        return
    most_columns = max((limits.elements - _HEAD_ELEMENTS) // COLUMN_ELEMENTS, 1)
    part: list[Column] = []
    room = most_bytes
    for column in columns:
        rows = _rows_in(most_bytes - _head_bytes(column), 1)
        for start in range(0, column.points, rows):
            piece = column.rows(start, start + rows) if rows < column.points else column
            size = _head_bytes(piece) + 3 * len(piece.steps)
            if part and (size > room or len(part) >= most_columns):
                yield part
                part, room = [], most_bytes
            part.append(piece)
            room -= size
            if rows < column.points:  # a name stands in one column of a record only
                yield part
                part, room = [], most_bytes
    if part:
        yield part


def _head_bytes(column: Column) -> int:
    return COLUMN_BYTES + len(column.name.encode("utf-8", "replace"))


def _rows_in(size: int, columns: int) -> int:
    return max(size // (3 * NUMBER_BYTES * columns), 1)


# ---------------------------------------------------------------- single rows


def _row_records(
    tables: Sequence[Table], limits: ServerLimits, refuse: Refuse, most_bytes: int
) -> Iterator[RowRecord]:
    """Yield each row as a record, or as several where its values are too many for one."""
    for clock, at, index, step in sorted(
        (clock, at, index, step)
        for at, table in enumerate(tables)
        for index, (step, clock) in enumerate(_heads(table))
    ):
        table = tables[at]
        names = table.shape.names
        if step > limits.max_step:
            refuse(names[0], len(names), f"step {step} is above {limits.max_step}")
            continue
        values = table.values_of(index)
        unix_us, mono_us = table.unix_us_at(clock), table.mono_us_at(clock)
        if (shape := table.batches) is not None:
            batch = BatchRows(table.first_batch + index, shape.size)
            yield RowRecord(
                step,
                dict(zip(names, values, strict=True)),
                table.epoch,
                batch,
                unix_us // 1000,
                unix_us,
                mono_us,
                shape.images,
                shape.reason,
            )
            continue
        for place, part in enumerate(_split_values(names, values, limits, refuse, most_bytes)):
            row = RowRecord(step, part, table.epoch, None, unix_us // 1000, unix_us, mono_us)
            row.calls = 0 if place else 1
            yield row


def _heads(table: Table) -> list[tuple[int, int]]:
    if table.count == 1:
        return [table.first()]
    rows = table.read()
    return list(zip(rows["step"].tolist(), rows["clock"].tolist(), strict=True))


def _split_values(
    names: Sequence[str],
    values: Sequence[float],
    limits: ServerLimits,
    refuse: Refuse,
    most_bytes: int,
) -> Iterator[dict[str, float]]:
    most_bytes = max(min(most_bytes, limits.record_bytes - _HEAD_BYTES), 1)
    most_values = max((limits.elements - _HEAD_ELEMENTS) // _SCALAR_ELEMENTS, 1)
    part: dict[str, float] = {}
    room = most_bytes
    for name, value in zip(names, values, strict=True):
        if not 0 < len(name) <= limits.name_chars:
            refuse(name, 1, f"its name has {len(name)} characters, {limits.name_chars} at most")
            continue
        size = _SCALAR_BYTES + len(name.encode("utf-8", "replace"))
        if part and (size > room or len(part) >= most_values):
            yield part
            part, room = {}, most_bytes
        part[name] = value
        room -= size
    if part:
        yield part
