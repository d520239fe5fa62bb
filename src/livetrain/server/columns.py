"""Points that come as columns: all of them are checked together, however many there are. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from livetrain.exceptions import ProtocolError
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "Column",
    "ColumnsSummary",
    "column_named",
    "column_of",
    "first_logged",
    "summarize_columns",
]

_BYTES: Final = 8
"""Of one number of a column."""
_MOST_BATCHES: Final = 2**32
_ANY: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ColumnsSummary:
    """What the server has to know of columns without making points of them.

    Attributes:
        points: how many points there are.
        rows: how many rows the longest column has: of batches, how many there are.
        newest_batch: the index of the last batch; None: the rows are no batches.
        epoch: as it was said; None: it was not.
        names: of the columns, in their order.
        last_steps: the step of the last point of each column; None: the column is empty.
        first_step: of the point that was logged first; None: there are no points.
        oldest_us, newest_us: the times of the oldest first and of the newest last point of a column, by the trainer's clock; 0:
            there are no points.
    """

    points: int
    rows: int
    newest_batch: int | None
    epoch: int | None
    names: tuple[str, ...] = ()
    last_steps: tuple[int | None, ...] = ()
    first_step: int | None = None
    oldest_us: int = 0
    newest_us: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One curve's points in the order in which they were logged; the three have the same length.

    Attributes:
        steps: int64.
        times_us: int64, Unix microseconds.
        values: float64; may be NaN or infinite.
    """

    steps: npt.NDArray[np.int64]
    times_us: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def column_named(columns: pb.PointColumns, name: str) -> Column | None:
    """Return the points of a curve, or None: the record has none of it.

    Args:
        columns: as they were checked.
        name: of the curve, as the trainer gave it.
    """
    found = next((column for column in columns.columns if column.name == name), None)
    return None if found is None or not found.steps else column_of(found)


def column_of(found: pb.PointColumn) -> Column:
    """Return one curve's points, without a copy."""
    return Column(
        np.frombuffer(found.steps, "<i8"),
        np.frombuffer(found.times_us, "<i8"),
        np.frombuffer(found.values, "<f8"),
    )


def first_logged(steps: npt.NDArray[np.int64], times_us: npt.NDArray[np.int64]) -> int:
    """Return the step of the point that was logged first, of the first points of some columns; the lowest where several were."""
    return int(steps[times_us == times_us.min()].min())


def summarize_columns(
    columns: pb.PointColumns, *, name_chars: int = _ANY, max_step: int = _ANY
) -> ColumnsSummary:
    """Check columns and return what they hold in short.

    Args:
        columns: as they came.
        name_chars: how long a metric's name may be.
        max_step: the highest step that is taken.

    Raises:
        ProtocolError: they cannot be kept; the sentence names the metric and the reason.
    """
    names = [column.name for column in columns.columns]
    steps = [column.steps for column in columns.columns]
    times = [column.times_us for column in columns.columns]
    sizes = list(map(len, steps))
    _check_names(names, name_chars)
    _check_sizes(columns, names, sizes, list(map(len, times)))
    batches = columns.batches if columns.HasField("batches") else None
    rows = max(sizes, default=0) // _BYTES
    if batches is not None:
        if len(set(sizes)) > 1:
            raise ProtocolError("columns of batches that differ in their number of rows")
        if batches.first_batch_idx + rows > _MOST_BATCHES:
            raise ProtocolError(f"batch {batches.first_batch_idx + rows - 1} is beyond 2**32")
    newest_batch = batches.first_batch_idx + rows - 1 if batches is not None and rows else None
    epoch = columns.epoch if columns.HasField("epoch") else None
    points = sum(sizes) // _BYTES
    if not points:
        return ColumnsSummary(0, rows, newest_batch, epoch, tuple(names), (None,) * len(names))
    counts = np.array(sizes) // _BYTES
    ends = np.cumsum(counts)
    all_steps = np.frombuffer(b"".join(steps), "<i8")
    if int(all_steps.min()) < 0 or int(all_steps.max()) > max_step:
        bad = int(np.argmax((all_steps < 0) | (all_steps > max_step)))
        name = names[int(np.searchsorted(ends, bad, side="right"))]
        raise ProtocolError(
            f"step {int(all_steps[bad])} of metric {name[:60]!r}; 0 to {max_step} are taken"
        )
    all_times = np.frombuffer(b"".join(times), "<i8")
    filled = counts > 0
    firsts, lasts = (ends - counts)[filled], (ends - 1)[filled]
    found = iter(all_steps[lasts].tolist())
    return ColumnsSummary(
        points,
        rows,
        newest_batch,
        epoch,
        tuple(names),
        tuple(next(found) if size else None for size in sizes),
        first_logged(all_steps[firsts], all_times[firsts]),
        int(all_times[firsts].min()),
        int(all_times[lasts].max()),
    )


def _check_names(names: list[str], name_chars: int) -> None:
    lengths = list(map(len, names))
    if names and not (min(lengths) > 0 and max(lengths) <= name_chars):
        wrong = next(length for length in lengths if not 0 < length <= name_chars)
        raise ProtocolError(f"a metric's name of {wrong} characters; 1 to {name_chars} are taken")
    if len(set(names)) != len(names):
        name, count = Counter(names).most_common(1)[0]
        raise ProtocolError(f"metric {name[:60]!r} stands in {count} columns of one record")


def _check_sizes(
    columns: pb.PointColumns, names: list[str], sizes: list[int], times: list[int]
) -> None:
    values = [len(column.values) for column in columns.columns]
    if sizes != times or sizes != values:
        at = next(at for at, size in enumerate(sizes) if not size == times[at] == values[at])
        raise ProtocolError(
            f"metric {names[at][:60]!r} has {sizes[at]} bytes of steps, {times[at]} of times and "
            f"{values[at]} of values; they must be equal"
        )
    odd = next((at for at, size in enumerate(sizes) if size % _BYTES), None)
    if odd is not None:
        raise ProtocolError(
            f"metric {names[odd][:60]!r} has columns of {sizes[odd]} bytes; eight are one number"
        )
