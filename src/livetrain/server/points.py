"""Which points of which curves a record holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import column_of

__all__ = ["LEFT_OUT", "Point", "points"]

LEFT_OUT = "livetrain/left_out"
"""The curve of records that trainers left out, at the steps where they were."""


class Point(NamedTuple):
    """One value of one curve; ``time_us`` is Unix microseconds."""

    name: str
    step: int
    value: float
    time_us: int


def points(
    record: pb.TelemetryRequest, *, received_ms: int, rank: int = 0, clock_offset_us: int = 0
) -> Iterator[Point]:
    """Yield the points of a record.

    Args:
        record: as it is kept.
        received_ms: when it came, for a record that does not say its own time; Unix milliseconds.
        rank: the producer's; the curves of ranks above 0 are ``rank1/loss`` and so on.
        clock_offset_us: of the trainer's clock to the server's when the record was made; it is taken off the record's own times.
    """
    kind = record.WhichOneof("payload")
    if kind is None:
        return
    time_us = received_ms * 1000
    if record.timestamp_ms:
        time_us = record.timestamp_ms * 1000 - clock_offset_us
    prefix = f"rank{rank}/" if rank else ""
    named: Iterable[tuple[str, float]]
    if kind == "batch_data":
        batch = record.batch_data
        step = batch.step
        if batch.logged_us:
            time_us = batch.logged_us - clock_offset_us
        named = [
            (name, value)
            for name, given, value in (
                ("loss", batch.HasField("batch_loss"), batch.batch_loss),
                ("accuracy", batch.HasField("batch_accuracy"), batch.batch_accuracy),
            )
            if given
        ]
    elif kind == "scalars":
        step = record.scalars.step
        named = ((s.name, s.value) for s in record.scalars.values)
    elif kind == "columns":
        for one in record.columns.columns:
            curve, column = prefix + one.name, column_of(one)
            rows = zip(column.steps, column.values, column.times_us, strict=True)
            yield from (Point(curve, int(s), float(v), int(t)) for s, v, t in rows)
        return
    elif kind == "epoch_data":
        step, named = record.epoch_data.step, _epoch(record.epoch_data)
    elif kind == "validation":
        step, named = record.validation.step, _validation(record.validation)
    elif kind == "performance_data":
        step, named = record.performance_data.step, _performance(record.performance_data)
    elif kind == "tombstone" and record.tombstone.HasField("step"):
        step, named = record.tombstone.step, [(LEFT_OUT, record.tombstone.records)]
    elif kind == "round":
        step, named = record.round.round, _round(record.round)
    else:
        return
    if not 0 <= time_us < 2**62:  # a clock that is out of its mind must not break the columns
        time_us = received_ms * 1000
    for name, value in named:
        yield Point(prefix + name, step, value, time_us)


def _epoch(epoch: pb.EpochData) -> Iterator[tuple[str, float]]:
    if epoch.has_loss:
        yield "epoch/loss", epoch.average_loss
    if epoch.has_accuracy:
        yield "epoch/accuracy", epoch.average_accuracy
    if epoch.has_learning_rate:
        yield "learning_rate", epoch.learning_rate
    if epoch.HasField("validation_loss"):
        yield "val/loss", epoch.validation_loss
    if epoch.HasField("validation_accuracy"):
        yield "val/accuracy", epoch.validation_accuracy
    for scalar in epoch.metrics:
        yield f"epoch/{scalar.name}", scalar.value


def _validation(validation: pb.Validation) -> Iterator[tuple[str, float]]:
    if validation.HasField("loss"):
        yield "val/loss", validation.loss
    if validation.HasField("accuracy"):
        yield "val/accuracy", validation.accuracy
    for scalar in validation.metrics:
        yield f"val/{scalar.name}", scalar.value


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


def _round(round_: pb.Round) -> Iterator[tuple[str, float]]:
    prefix = f"client/{round_.client_id}/" if round_.client_id else "round/"
    for group, scalars in (
        ("", round_.metrics),
        ("fit/", round_.fit_metrics),
        ("evaluation/", round_.evaluation_metrics),
    ):
        for scalar in scalars:
            yield f"{prefix}{group}{scalar.name}", scalar.value
