"""At which step a producer is: the newest by time, not the highest that it ever had. Pure.

Curves of one run may count differently: a loss by steps, an accuracy by epochs. So one curve leads, the one that went furthest,
and where it begins anew the producer does. The others are heard only when they go further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import ColumnsSummary, column_of, first_logged

__all__ = ["BATCHES", "StepCounter", "first_step"]

BATCHES = ""
"""In place of a curve's name: batches lead."""


_ABOUT = frozenset({"epoch", "step", "timestamp_ms", "is_converged"})
"""Fields of a record that are no points."""


class StepCounter:
    """The steps of one producer.

    Args:
        steps: the newest step plus one; 0: none yet.
        leading: name of the curve whose steps these are, or `BATCHES`.

    Example:
        >>> counter = StepCounter()
        >>> for step in (999, 0, 1):
        ...     _ = counter.advance(pb.TelemetryRequest(batch_data=pb.BatchData(step=step)))
        >>> counter.steps
        2
    """

    __slots__ = ("leading", "steps")

    def __init__(self, steps: int = 0, leading: str = BATCHES) -> None:
        self.steps = steps
        self.leading = leading

    def advance(
        self,
        record: pb.TelemetryRequest,
        columns: ColumnsSummary | None = None,
        names: Sequence[str] = (),
    ) -> bool:
        """Take over a record's steps; return whether there were any.

        Args:
            record: as it is kept.
            columns: what is in its columns, where that is known already.
            names: of its scalars, likewise.
        """
        furthest, name = -1, BATCHES
        for series, step in _newest(record, columns, names, self.leading):
            if self.steps and series == self.leading:
                self.steps = step + 1
            if step > furthest:
                furthest, name = step, series
        if furthest + 1 > self.steps:
            self.steps, self.leading = furthest + 1, name
        return furthest >= 0


def _newest(
    record: pb.TelemetryRequest, known: ColumnsSummary | None, names: Sequence[str], leading: str
) -> Iterator[tuple[str, int]]:
    """Yield the newest step of each curve of a record; where all have one step, of the leading curve or of the first."""
    if known is not None:
        batches = known.newest_batch is not None
        for name, last in zip(known.names, known.last_steps, strict=True):
            if last is not None:
                yield BATCHES if batches else name, last
        return
    kind = record.WhichOneof("payload")
    if kind == "batch_data":
        yield BATCHES, record.batch_data.step
    elif kind == "scalars":
        names = names or [scalar.name for scalar in record.scalars.values]
        if leading in names:
            yield leading, record.scalars.step
        elif names:
            yield names[0], record.scalars.step
    elif kind == "columns":
        batches = record.columns.HasField("batches")
        for column in record.columns.columns:
            if column.steps:
                step = int.from_bytes(column.steps[-8:], "little", signed=True)
                yield BATCHES if batches else column.name, step


def first_step(record: pb.TelemetryRequest) -> int | None:
    """Return the step of what a record logged first, where it has points or is a batch; None: it is neither.

    Example:
        >>> first_step(pb.TelemetryRequest(batch_data=pb.BatchData(step=7)))
        7
        >>> first_step(pb.TelemetryRequest(scalars=pb.Scalars(step=7))) is None
        True
    """
    kind = record.WhichOneof("payload")
    if kind == "batch_data":
        return int(record.batch_data.step)
    if kind == "round":
        return int(record.round.round)
    if kind == "columns":
        columns = [column_of(column) for column in record.columns.columns if column.steps]
        if not columns:
            return None
        steps = np.array([column.steps[0] for column in columns])
        return first_logged(steps, np.array([column.times_us[0] for column in columns]))
    if kind in ("scalars", "epoch_data", "validation"):
        # The cheap half of what `points` finds out, since it is asked of every record.
        payload = getattr(record, kind)
        fields = {field.name for field, _ in payload.ListFields()}
        return int(payload.step) if fields - _ABOUT else None
    return None
