"""Writers for the small records: each returns a function from a stamp to bytes, called on the stream's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from livetrain import _wire
from livetrain._config_json import config_json
from livetrain._ending import Ending
from livetrain._means import fill_epoch, fill_validation
from livetrain._performance import Performance
from livetrain._resources import Resources
from livetrain._stats import Stats
from livetrain.proto import telemetry_pb2 as pb

__all__ = [
    "LEVELS",
    "Number",
    "Reading",
    "Writer",
    "config_json",
    "controls",
    "end",
    "epoch",
    "event",
    "log",
    "performance",
    "report",
    "round_",
    "sample",
    "scalars",
    "status",
    "validation",
]

Writer = Callable[[_wire.Stamp], bytes]


class Reading(Protocol):
    """A number that may still be on its way from a device."""

    def get(self) -> float | None:
        """Wait for it; None: it is no number."""


Number = float | Reading
Numbers = Mapping[str, Number]

_STEPS = 2**53  # that a server takes; a line is kept though its step is none
_LEVELS = {
    "debug": pb.DEBUG,
    "info": pb.INFO,
    "warning": pb.WARNING,
    "error": pb.ERROR,
    "critical": pb.CRITICAL,
}
LEVELS = tuple(_LEVELS)


def _read(values: Numbers) -> dict[str, float]:
    """Return the numbers that there are; why one that was on its way did not come was told by whoever waited for it."""
    read = {}
    for name, value in values.items():
        number = value if isinstance(value, (float, int)) else value.get()
        if number is not None:
            read[name] = number
    return read


def scalars(step: int, values: Numbers, epoch: int | None = None) -> Writer:
    """Named numbers of one step."""
    return lambda stamp: _wire.scalars(stamp, step, _read(values), epoch)


def epoch(number: int, step: int, means: Numbers) -> Writer:
    """An epoch's means, and what was found in a validation beside them."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        data = request.epoch_data
        data.epoch, data.step, data.timestamp_ms = number, step, stamp.unix_ms
        fill_epoch(data, _read(means))
        return request.SerializeToString()

    return write


def validation(number: int, step: int, values: Numbers) -> Writer:
    """The result of a validation."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        request.validation.epoch, request.validation.step = number, step
        fill_validation(request.validation, _read(values))
        return request.SerializeToString()

    return write


def round_(
    number: int,
    total: int,
    metrics: Numbers,
    fit: Numbers,
    evaluation: Numbers,
    *,
    client: str = "",
    phase: str = "end",
) -> Writer:
    """A federated round, or one client's part in it."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        data = request.round
        data.round, data.total_rounds, data.phase = number, total, phase
        data.client_id = _wire.sendable(client)
        _wire.add_scalars(data.metrics, _read(metrics))
        _wire.add_scalars(data.fit_metrics, _read(fit))
        _wire.add_scalars(data.evaluation_metrics, _read(evaluation))
        return request.SerializeToString()

    return write


def sample(
    sample_id: str, prompt: str, kind: str, step: int, epoch_number: int
) -> Callable[[_wire.Stamp, _wire.Tile], bytes]:
    """A generated picture; it is given when the record is written."""

    def write(stamp: _wire.Stamp, tile: _wire.Tile) -> bytes:
        request = stamp.request()
        data = request.sample
        data.sample_id, data.kind = sample_id, _wire.sendable(kind)
        data.prompt = _wire.sendable(prompt)
        data.step, data.epoch = step, epoch_number
        image = data.image
        image.image_bytes, image.format, image.error = tile.data, tile.format, tile.error
        image.width, image.height, image.channels = tile.width, tile.height, tile.channels
        return request.SerializeToString()

    return write


def log(level: str, message: str, source: str = "", *, step: int | None = None) -> Writer:
    """A line of the training's log; `step`: the one at which it was written, None: it belongs to none."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        request.log.level = _LEVELS[level]
        request.log.message = _wire.sendable(message)
        request.log.source = _wire.sendable(source)
        if step is not None and step < _STEPS:
            request.log.step = step
        return request.SerializeToString()

    return write


def event(kind: str, message: str, fields: Mapping[str, str], step: int) -> Writer:
    """Something that happened, with its particulars."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        request.event.kind, request.event.step = kind, step
        request.event.message = _wire.sendable(message)
        for name, value in fields.items():
            request.event.fields[_wire.sendable(name)] = _wire.sendable(value)
        return request.SerializeToString()

    return write


def status(
    value: pb.TrainingStatus,
    message: str,
    config: pb.TrainingConfig | None = None,
    *,
    interrupted: bool = False,
    run_name: str = "",
) -> Writer:
    """A change of status, or of the run's name where one is given."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        request.status_update.status = value
        request.status_update.message = _wire.sendable(message)
        request.status_update.timestamp_ms = stamp.unix_ms
        request.status_update.interrupted = interrupted
        request.status_update.run_name = _wire.sendable(run_name)
        if config is not None:
            request.status_update.config.CopyFrom(config)
        return request.SerializeToString()

    return write


def end(ending: Ending) -> Writer:
    """The status in which a training ends."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        update = request.status_update
        update.status = pb.COMPLETED if ending.status == "completed" else pb.FAILED
        update.interrupted = ending.status == "interrupted"
        update.message = _wire.sendable(ending.message)
        update.traceback = _wire.sendable(ending.traceback)
        update.timestamp_ms = stamp.unix_ms
        if ending.exit_code is not None:
            update.exit_code = ending.exit_code
        return request.SerializeToString()

    return write


def controls(declarations: Sequence[pb.ControlDeclaration]) -> Writer:
    """All that may be done to this training."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        request.controls.declarations.extend(declarations)
        return request.SerializeToString()

    return write


def performance(
    reading: Performance,
    overhead: float,
    resources: Callable[[], Resources | None],
    own_seconds: float | None = None,
) -> Writer:
    """How fast the training goes; `resources` is asked when the record is written.

    `own_seconds` is what this rank takes of a step alone, before others may have to wait for it; None: it is not known.
    """

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        data = request.performance_data
        data.step, data.timestamp_ms = reading.step, stamp.unix_ms
        data.time_per_batch_ms = (reading.seconds_per_batch or 0.0) * 1e3
        data.total_time_for_epoch_sec = reading.epoch_seconds
        data.estimated_time_remaining_sec = reading.remaining_seconds or 0.0
        data.current_fps, data.average_fps = reading.current_fps, reading.average_fps
        data.overhead_percent = overhead * 100
        if own_seconds is not None:
            data.own_ms = own_seconds * 1e3
        if (used := resources()) is not None:
            usage = data.resource_usage
            usage.cpu_percent = used.cpu_percent
            usage.memory_mb, usage.memory_total_mb = used.memory_mib, used.memory_total_mib
            if used.gpu_percent is not None:
                usage.has_gpu = True
                usage.gpu_percent = used.gpu_percent
                usage.gpu_memory_mb = used.gpu_memory_mib or 0.0
                usage.gpu_memory_total_mb = used.gpu_memory_total_mib or 0.0
        return request.SerializeToString()

    return write


def report(stats: Stats) -> Writer:
    """What a trainer did so far."""

    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        report = request.client_report
        report.counters["sent"] = stats.sent
        report.counters["frames_sent"] = stats.frames_sent
        report.counters["reconnects"] = stats.reconnects
        for prefix, counts in (
            ("stripped", stats.stripped),
            ("dropped", stats.dropped),
            ("problem", stats.problems),
        ):
            for reason, count in counts.items():
                report.counters[f"{prefix}.{reason}"] = count
        report.training_thread_seconds = stats.training_seconds
        report.background_seconds = stats.background_seconds
        report.overhead_percent = stats.overhead * 100
        report.governor = stats.governor
        return request.SerializeToString()

    return write
