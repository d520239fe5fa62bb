"""Which points of which curves a record holds: the one rule, and the page's copy of it is held to the same examples. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.series import Series

__all__ = [
    "LEFT_OUT",
    "PointSink",
    "epoch_curve",
    "read_points",
    "round_curve",
    "series_of",
    "validation_curve",
]

LEFT_OUT = "livetrain/left_out"
"""The curve of records that trainers left out: how many, at the step where the gap begins; the end of a longer gap is a zero."""

_LAST_US = 2**62
"""Times beyond this are a clock that is out of its mind."""

_Named = Iterable[tuple[str, float]]


class PointSink(Protocol):
    """Takes points of curves."""

    def put_row(
        self, names: Sequence[str], step: int, values: Sequence[float], time_us: int
    ) -> None:
        """Take points of one moment, one for each name; ``time_us`` is Unix microseconds."""

    def put_columns(self, names: Sequence[str], sizes: Sequence[int], series: Series) -> None:
        """Take points of several curves, those of each in the order in which they were logged.

        Args:
            names: of the curves.
            sizes: how many points each has.
            series: the points, those of one curve after those of the other.
        """


def read_points(
    record: pb.TelemetryRequest,
    sink: PointSink,
    *,
    received_ms: int,
    rank: int = 0,
    clock_offset_us: int = 0,
) -> None:
    """Give the points of a record to a sink.

    Args:
        record: as it is kept.
        sink: takes the points.
        received_ms: when it came, for a record that does not say its own time; Unix milliseconds.
        rank: the producer's; the curves of ranks above 0 are ``rank1/loss`` and so on.
        clock_offset_us: of the trainer's clock to the server's when the record was made; it is taken off the record's own times.
    """
    kind = record.WhichOneof("payload")
    prefix = f"rank{rank}/" if rank else ""
    if kind == "columns":
        _read_columns(record.columns, sink, prefix, received_ms * 1000, clock_offset_us)
        return
    logged_us = 0
    named: _Named
    if kind == "batch_data":
        batch = record.batch_data
        step, named, logged_us = batch.step, _batch(batch), batch.logged_us
    elif kind == "scalars":
        step, named = record.scalars.step, [(s.name, s.value) for s in record.scalars.values]
    elif kind == "epoch_data":
        step, named = record.epoch_data.step, _distinct(_epoch(record.epoch_data))
    elif kind == "validation":
        step, named = record.validation.step, _distinct(_validation(record.validation))
    elif kind == "performance_data":
        step, named = record.performance_data.step, _performance(record.performance_data)
    elif kind == "round":
        step, named = record.round.round, _round(record.round)
    elif kind == "tombstone" and record.tombstone.HasField("step"):
        step, named = record.tombstone.step, [(LEFT_OUT, float(record.tombstone.records))]
    else:
        return
    own_us = logged_us or record.logged_us or record.timestamp_ms * 1000
    time_us = own_us - clock_offset_us if own_us else received_ms * 1000
    if not 0 <= time_us < _LAST_US:
        time_us = received_ms * 1000
    names, values = tuple(zip(*named, strict=True)) or ((), ())
    sink.put_row([prefix + name for name in names] if prefix else names, step, values, time_us)
    if kind == "tombstone" and record.tombstone.last_step > step:
        sink.put_row([prefix + LEFT_OUT], record.tombstone.last_step, [0.0], time_us)


def series_of(
    record: pb.TelemetryRequest, *, received_ms: int, rank: int = 0, clock_offset_us: int = 0
) -> dict[str, Series]:
    """Return the points of one record as columns, by the name of their curve.

    Example:
        >>> record = pb.TelemetryRequest(batch_data=pb.BatchData(step=3, exact_loss=0.1))
        >>> series_of(record, received_ms=7)["loss"].values.tolist()
        [0.1]
    """
    found = _Collected()
    read_points(record, found, received_ms=received_ms, rank=rank, clock_offset_us=clock_offset_us)
    return {name: Series.join(parts) for name, parts in found.parts.items()}


class _Collected:
    def __init__(self) -> None:
        self.parts: dict[str, list[Series]] = {}

    def put_row(
        self, names: Sequence[str], step: int, values: Sequence[float], time_us: int
    ) -> None:
        for name, value in zip(names, values, strict=True):
            self.parts.setdefault(name, []).append(Series.of([step], [value], [time_us]))

    def put_columns(self, names: Sequence[str], sizes: Sequence[int], series: Series) -> None:
        start = 0
        for name, size in zip(names, sizes, strict=True):
            self.parts.setdefault(name, []).append(series.take(slice(start, start + size)))
            start += size


def _read_columns(
    columns: pb.PointColumns, sink: PointSink, prefix: str, received_us: int, clock_offset_us: int
) -> None:
    """Give all points to the sink together: a record may have thousands of columns with a point each."""
    names, steps, values, times = [], [], [], []
    for column in columns.columns:  # each field is read once: that is what takes long
        if data := column.steps:
            names.append(prefix + column.name)
            steps.append(data)
            values.append(column.values)
            times.append(column.times_us)
    if not names:
        return
    given = np.frombuffer(b"".join(times), "<i8")
    # Compared before the offset is taken off, so that nothing overflows.
    known = (given > 0) & (given < _LAST_US)
    times_us = np.where(known, given, 0) - clock_offset_us
    series = Series(
        np.frombuffer(b"".join(steps), "<i8"),
        np.frombuffer(b"".join(values), "<f8"),
        np.where(known & (times_us >= 0), times_us, received_us),
    )
    sink.put_columns(names, [len(data) // 8 for data in steps], series)


def _distinct(named: _Named) -> Iterator[tuple[str, float]]:
    """Yield each name once: what stands in a field of its own comes before a metric that is named like it."""
    seen: set[str] = set()
    for name, value in named:
        if name not in seen:
            seen.add(name)
            yield name, value


def _below(prefix: str, name: str) -> str:
    """Return a name below a prefix, which is not said twice."""
    return name if name.startswith(prefix) else prefix + name


def validation_curve(name: str) -> str:
    """Return the curve of a validation's metric."""
    return _below("val/", f"val/{name[4:]}" if name.startswith("val_") and name[4:] else name)


def epoch_curve(name: str) -> str:
    """Return the curve of an epoch's metric."""
    if name.startswith(("val/", "val_")):
        return validation_curve(name)
    return _below("epoch/", name)


def _batch(batch: pb.BatchData) -> Iterator[tuple[str, float]]:
    if batch.HasField("exact_loss"):
        yield "loss", batch.exact_loss
    elif batch.HasField("batch_loss"):
        yield "loss", batch.batch_loss
    if batch.HasField("exact_accuracy"):
        yield "accuracy", batch.exact_accuracy
    elif batch.HasField("batch_accuracy"):
        yield "accuracy", batch.batch_accuracy


def _epoch(epoch: pb.EpochData) -> Iterator[tuple[str, float]]:
    for name, exact, given, value in (
        ("epoch/loss", "exact_loss", epoch.has_loss, epoch.average_loss),
        ("epoch/accuracy", "exact_accuracy", epoch.has_accuracy, epoch.average_accuracy),
        ("learning_rate", "exact_learning_rate", epoch.has_learning_rate, epoch.learning_rate),
        (
            "val/loss",
            "exact_validation_loss",
            epoch.HasField("validation_loss"),
            epoch.validation_loss,
        ),
        (
            "val/accuracy",
            "exact_validation_accuracy",
            epoch.HasField("validation_accuracy"),
            epoch.validation_accuracy,
        ),
    ):
        if epoch.HasField(exact):
            yield name, getattr(epoch, exact)
        elif given:
            yield name, value
    for scalar in epoch.metrics:
        yield epoch_curve(scalar.name), scalar.value
    for scalar in epoch.validation_metrics:
        yield validation_curve(scalar.name), scalar.value


def _validation(validation: pb.Validation) -> Iterator[tuple[str, float]]:
    if validation.HasField("loss"):
        yield "val/loss", validation.loss
    if validation.HasField("accuracy"):
        yield "val/accuracy", validation.accuracy
    for scalar in validation.metrics:
        yield validation_curve(scalar.name), scalar.value


def _performance(performance: pb.PerformanceData) -> Iterator[tuple[str, float]]:
    # Where both are 0, no two steps came yet.
    if performance.time_per_batch_ms > 0 or performance.current_fps > 0:
        yield "perf/fps", performance.current_fps
    if performance.time_per_batch_ms > 0:
        yield "perf/time_per_batch_ms", performance.time_per_batch_ms
    if performance.HasField("resource_usage"):
        usage = performance.resource_usage
        yield "system/cpu_percent", usage.cpu_percent
        yield "system/memory_mb", usage.memory_mb
        if usage.has_gpu or usage.gpu_percent or usage.gpu_memory_mb:
            yield "system/gpu_percent", usage.gpu_percent
            yield "system/gpu_memory_mb", usage.gpu_memory_mb


def round_curve(client_id: str, group: str, name: str) -> str:
    """Return the curve of a round's metric; `group` is empty, ``fit/`` or ``evaluation/``."""
    prefix = f"client/{client_id}/" if client_id else "round/"
    return _below(prefix, _below(group, name))


def _round(round_: pb.Round) -> Iterator[tuple[str, float]]:
    for group, scalars in (
        ("", round_.metrics),
        ("fit/", round_.fit_metrics),
        ("evaluation/", round_.evaluation_metrics),
    ):
        for scalar in scalars:
            yield round_curve(round_.client_id, group, scalar.name), scalar.value
