"""Points as columns on the wire, and what stays of a record of them that has to go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from livetrain import _wire
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "COLUMN_BYTES",
    "COLUMN_ELEMENTS",
    "NUMBER_BYTES",
    "BatchRows",
    "Column",
    "PointThinner",
    "point_columns",
    "points_in",
    "steps_of",
]

NUMBER_BYTES = 8
"""Of one number of a column."""
COLUMN_BYTES = 20
"""What a column takes beside its name and its numbers, at most."""
COLUMN_ELEMENTS = 5
"""How many fields a column is: itself, and four within it."""
_STEPS = 2**53  # of a run at most; the server refuses what JSON and JavaScript cannot say exactly


class Column(NamedTuple):
    """One curve's points, little-endian, in the order in which they were logged; the three have the same length.

    Attributes:
        name: of the metric.
        steps: int64.
        times_us: int64, Unix microseconds.
        values: float64.
    """

    name: str
    steps: bytes
    times_us: bytes
    values: bytes

    @property
    def points(self) -> int:
        """How many there are."""
        return len(self.steps) // NUMBER_BYTES

    def rows(self, start: int, stop: int) -> Column:
        """Return the points from `start` up to but not including `stop`."""
        cut = slice(start * NUMBER_BYTES, stop * NUMBER_BYTES)
        return Column(self.name, self.steps[cut], self.times_us[cut], self.values[cut])


class BatchRows(NamedTuple):
    """Says that the rows of columns are batches without images.

    Attributes:
        first_batch: index of the first row's batch within its epoch; the others count on from it.
        batch_size: samples of one batch.
    """

    first_batch: int
    batch_size: int


def point_columns(
    stamp: _wire.Stamp,
    columns: Sequence[Column],
    epoch: int | None = None,
    batches: BatchRows | None = None,
) -> bytes:
    """Serialise columns of points.

    Args:
        stamp: of the record.
        columns: of different names.
        epoch: that all points belong to; None: not said.
        batches: their rows are batches; None: they are named numbers.
    """
    request = stamp.request()
    written = request.columns
    for column in columns:
        written.columns.add(
            name=_wire.sendable(column.name),
            steps=column.steps,
            times_us=column.times_us,
            values=column.values,
        )
    if epoch is not None:
        written.epoch = epoch
    if batches is not None:
        written.batches.first_batch_idx = batches.first_batch
        written.batches.batch_size = batches.batch_size
    return request.SerializeToString()


def points_in(record: bytes) -> int:
    """Return how many points a serialised record of columns or scalars holds; 1 for any other."""
    request = pb.TelemetryRequest.FromString(record)
    match request.WhichOneof("payload"):
        case "columns":
            return _points_in_columns(request.columns)
        case "scalars":
            return len(request.scalars.values)
        case _:
            return 1


def steps_of(record: bytes) -> tuple[int, int] | None:
    """Return the lowest and the highest global step that a serialised record belongs to.

    None: it belongs to none, or to one that no server takes.
    """
    request = pb.TelemetryRequest.FromString(record)
    kind = request.WhichOneof("payload")
    if kind == "columns":
        return _steps_of_columns(request.columns)
    payload = getattr(request, kind) if kind is not None else None
    if kind == "tombstone" and not request.tombstone.HasField("step"):
        return None
    step = getattr(payload, "step", None)
    if step is None or step >= _STEPS:
        return None
    last = step
    if kind == "tombstone" and request.tombstone.HasField("last_step"):
        last = request.tombstone.last_step
    return int(step), int(last)


def _points_in_columns(columns: pb.PointColumns) -> int:
    return sum(len(column.steps) for column in columns.columns) // NUMBER_BYTES


def _steps_of_columns(columns: pb.PointColumns) -> tuple[int, int] | None:
    # Columns that were logged together share their steps, so most of many are the same bytes.
    different = {column.steps for column in columns.columns if column.steps}
    if not different:
        return None
    steps = np.frombuffer(b"".join(different), "<i8")
    return int(steps.min()), int(steps.max())


class PointThinner:
    """Tells a spool what stays of records that have to make room: of columns a tombstone, which says how many points they were."""

    def remainder(self, record: bytes) -> tuple[int, bytes]:
        """Return how many points a record holds, and the tombstone of columns; other records are no larger than theirs."""
        request = pb.TelemetryRequest.FromString(record)
        if request.WhichOneof("payload") != "columns":
            return 1, b""
        points = _points_in_columns(request.columns)
        first, last = _steps_of_columns(request.columns) or (None, None)
        return points, _thinned(request, points, first, last)

    def joined(self, remainders: Sequence[bytes]) -> bytes:
        """Return one tombstone in place of several; each of the others is told as a hole of one point."""
        requests = [pb.TelemetryRequest.FromString(record) for record in remainders]
        tombstones = [request.tombstone for request in requests]
        points = sum(tombstone.records for tombstone in tombstones) - len(tombstones) + 1
        firsts = [tombstone.step for tombstone in tombstones if tombstone.HasField("step")]
        lasts = [t.last_step if t.HasField("last_step") else t.step for t in tombstones]
        first, last = (min(firsts), max(lasts)) if firsts else (None, None)
        return _thinned(requests[-1], points, first, last)


def _thinned(
    request: pb.TelemetryRequest, points: int, first: int | None, last: int | None
) -> bytes:
    stamp = _wire.Stamp(request.session_id, request.seq, request.timestamp_ms, request.mono_us)
    return _wire.tombstone(stamp, "thinned", points, step=first, last_step=last)
