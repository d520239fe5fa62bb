"""What happens in a run, as OneTrainer's web UI tells it. Pure; one object follows one run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import column_named
from livetrain.server.dialects.plain import exact, finite, iso, narrow
from livetrain.server.run import Run

__all__ = ["ENDS", "EVENTS", "Standing", "Story", "log_event", "status_of", "system_stats"]

EVENTS: Final = (
    "training_progress",
    "training_status",
    "sample_generated",
    "log",
    "system_stats",
    "validation_result",
)
Event = dict[str, Any]

_STATUS: Final = {
    "initializing": "starting",
    "running": "running",
    "paused": "paused",
    "finished": "completed",
    "failed": "error",
    "interrupted": "stopped",
}

_WORDS: Final = {
    pb.INITIALIZING: "starting",
    pb.RUNNING: "running",
    pb.PAUSED: "paused",
    pb.COMPLETED: "completed",
    pb.FAILED: "error",
}
_STEPS: Final = frozenset({"batch_data", "scalars", "columns"})
_RESULTS: Final = frozenset({"epoch_data", "validation", "round"})
_MAKES_STEPS: Final = frozenset({"running", "paused", "stopping"})
ENDS: Final = frozenset({"completed", "error", "stopped"})
_NO_MEMORY_GB: Final = 1e-6
"""In place of a size that is zero or not known: viewers divide by it, and show it as 0.0."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands, and whether that may wait.

    Attributes:
        event: the ``training_status``.
        urgent: whether its word is another one than before; else its text alone is, which may come with every batch.
    """

    event: Event
    urgent: bool


def status_of(run: Run | None) -> str:
    """Return the word for how a run stands; a running one may say in its message that it is stopping.

    The dialect has no word for one that is not heard any more: as far as anybody knows, nothing trains.
    """
    if run is None or (run.contact == "lost" and not run.ended):
        return "idle"
    word = _STATUS.get(run.status, "running")
    stopping = word == "running" and "stopping" in run.message.lower()
    return "stopping" if stopping else word


class Story:
    """What was told of one run so far.

    Args:
        run: the run.

    Attributes:
        loss, learning_rate: the last that were heard; None: none were.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.loss: float | None = None
        self.learning_rate: float | None = None
        self._step = max(0, run.steps - 1)
        self._epoch = run.epoch
        self._epoch_step = 0
        # The last batch's step, and its number within the epoch as its trainer said it; None: it tells of no batches.
        self._batch: tuple[int, int] | None = None
        self._status = ""
        self._text = ""
        self._logged = ""

    def status(self, event: live.RunEvent) -> Standing | None:
        """Return how the run stands after a record, or None when that was told: "Training ..." may come with every batch."""
        record = event.record
        kind = record.WhichOneof("payload")
        word, message = self._status, ""
        if kind == "status_update":
            update = record.status_update
            message = update.message
            word = _WORDS.get(update.status, word)
            if word == "running" and "stopping" in message.lower():
                word = "stopping"
            elif word == "error" and update.interrupted:
                word = "stopped"
            if not self._status and word == "running" and not message:
                return None  # every monitor begins so; what its training says of itself comes next
        elif kind in _STEPS and word not in _MAKES_STEPS:
            word = "running"
        elif kind in _RESULTS and not word:
            word = "running"  # one that tells of its epochs alone
        return self._tell(word, message, event.received_ms)

    def contact(self, now_ms: float) -> Event | None:
        """Return how the run stands after its contact was lost or found, or None when that was told."""
        if self.run.contact == "lost" and not self.run.ended:
            if self._status in ("", *ENDS):
                return None
            told = self._tell("idle", "Nothing is heard of the training any more.", now_ms)
        elif self._status != "idle":
            return None
        else:
            told = self._tell(status_of(self.run), "", now_ms)
        return None if told is None else told.event

    def _tell(self, word: str, message: str, when_ms: float) -> Standing | None:
        urgent = word != self._status
        if not word or (not urgent and message in ("", self._text)):
            return None
        self._status, self._text = word, message
        event = {
            "type": "training_status",
            "status": word,
            "message": message or None,
            "error": (message or "it failed") if word == "error" else None,
            "timestamp": iso(when_ms),
        }
        return Standing(event, urgent)

    def progress(self, now_ms: float) -> Event:
        """Return how far the run is: `step` is that of the epoch, as its trainer said it."""
        config, performance = self.run.config, self.run.performance
        left = performance.estimated_time_remaining_sec if performance is not None else 0.0
        return {
            "type": "training_progress",
            "step": self._epoch_step,
            "epoch": self._epoch,
            "epoch_step": self._epoch_step,
            "global_step": self._step,
            "max_step": config.batches_per_epoch,
            "max_epoch": config.total_epochs,
            "loss": self.loss,
            "learning_rate": self.learning_rate,
            "eta_seconds": narrow(left) if left else None,
            "timestamp": iso(now_ms),
        }

    def moved(self, event: live.RunEvent) -> bool:
        """Note a step; return whether it was one."""
        record = event.record
        match record.WhichOneof("payload"):
            case "batch_data":
                batch = record.batch_data
                self._step, self._epoch, self._epoch_step = batch.step, batch.epoch, batch.batch_idx
                self._batch = batch.step, batch.batch_idx
                if batch.HasField("batch_loss"):
                    self.loss = exact(batch, "exact_loss", "batch_loss")
                return True
            case "scalars":
                return self._scalars(record.scalars)
            case "columns":
                return self._columns(record.columns)
            case "epoch_data" if record.epoch_data.has_learning_rate:
                self.learning_rate = exact(
                    record.epoch_data, "exact_learning_rate", "learning_rate"
                )
        return False

    def _scalars(self, scalars: pb.Scalars) -> bool:
        values = {scalar.name: scalar.value for scalar in scalars.values}
        if "learning_rate" in values:
            self.learning_rate = finite(values["learning_rate"])
        if "loss" not in values and scalars.step <= self._step:
            return False  # something else about a step that was told
        if "loss" in values:
            self.loss = finite(values["loss"])
        if self._batch is not None and scalars.step <= self._step:
            return "loss" in values  # of a step that was told, which it had no loss
        self._step = scalars.step
        if scalars.HasField("epoch"):
            self._epoch = scalars.epoch
        if self._batch is not None and not scalars.HasField("epoch"):
            self._epoch_step = self._batch[1] + max(0, self._step - self._batch[0])
            return True
        length = self.run.config.batches_per_epoch
        inside = self._step - self._epoch * length
        self._epoch_step = inside if 0 <= inside < length or not length else self._step % length
        return True

    def _columns(self, columns: pb.PointColumns) -> bool:
        """Note the last of the points that came together."""
        newest: pb.Scalars | None = None
        for name in ("learning_rate", "loss"):
            column = column_named(columns, name)
            if column is not None:
                newest = newest or pb.Scalars()
                newest.step = int(column.steps[-1])
                newest.values.add(name=name, value=float(column.values[-1]))
        if newest is None:
            last = [column.steps[-8:] for column in columns.columns if column.steps]
            newest = pb.Scalars(
                step=max((int.from_bytes(step, "little") for step in last), default=0)
            )
        if columns.HasField("epoch"):
            newest.epoch = columns.epoch
        moved = self._scalars(newest)
        if columns.HasField("batches") and columns.columns:
            rows = len(columns.columns[0].steps) // 8
            self._epoch_step = columns.batches.first_batch_idx + max(0, rows - 1)
            self._batch = self._step, self._epoch_step
        return moved

    def told(self, event: live.RunEvent) -> Iterator[Event]:
        """Yield what a record means, other than a step and how the run stands."""
        record, when = event.record, iso(event.received_ms)
        match record.WhichOneof("payload"):
            case "sample" if not record.sample.image.error:
                yield {**_sample(self.run, record.sample), "timestamp": when}
                yield _log(pb.INFO, _sample_text(record.sample), "sampler", when)
            case "status_update":
                text = record.status_update.message
                if text and text != self._logged:
                    yield _log(pb.INFO, text, "trainer", when)
                self._logged = text or self._logged
            case "log":
                log = record.log
                yield _log(log.level, log.message, log.source, when)
            case "event":
                level = pb.ERROR if record.event.kind == "error" else pb.INFO
                yield _log(level, record.event.message, record.event.kind, when)
            case "validation" if record.validation.HasField("loss"):
                result = record.validation
                yield _validation(result.step, result.epoch, finite(result.loss), when)
            case "epoch_data" if record.epoch_data.HasField("validation_loss"):
                epoch = record.epoch_data
                loss = exact(epoch, "exact_validation_loss", "validation_loss")
                yield _validation(epoch.step, epoch.epoch, loss, when)


def _sample(run: Run, sample: pb.Sample) -> Event:
    return {
        "type": "sample_generated",
        "sample_id": sample.sample_id,
        "path": f"/api/runs/{run.run_id}/samples/{sample.sample_id}",
        "sample_type": "custom" if sample.kind == "custom" else "default",
        "step": sample.step,
        "epoch": sample.epoch,
        "prompt": sample.prompt or None,
        "thumbnail_path": None,
    }


def _sample_text(sample: pb.Sample) -> str:
    kind = "custom" if sample.kind == "custom" else "default"
    text = f"Generated a {kind} sample at step {sample.step}"
    return f"{text}: {sample.prompt}" if sample.prompt else f"{text}."


def log_event(level: int, message: str, source: str, when_ms: float = 0.0) -> Event:
    """Return a line of the log; `when_ms` 0: it is said now."""
    return _log(level, message, source, iso(when_ms or time.time() * 1000))


def _log(level: int, message: str, source: str, when: str) -> Event:
    known = pb.DEBUG <= level <= pb.CRITICAL
    name = pb.LogLevel.Name(level).lower() if known else "info"
    return {
        "type": "log",
        "level": name,
        "message": message,
        "source": source or None,
        "timestamp": when,
    }


def _validation(step: int, epoch: int, loss: float | None, when: str) -> Event:
    return {
        "type": "validation_result",
        "step": step,
        "epoch": epoch,
        "validation_loss": loss,
        "timestamp": when,
    }


def system_stats(usage: pb.ResourceUsage, now_ms: float) -> Event:
    """Return a machine's figures.

    The client formats those of GPU and CPU, and divides what is used by what there is, without a look. So each figure is a number,
    and no total is zero or less than what is used.
    """
    gpu_used, gpu_total = _memory_gb(usage.gpu_memory_mb, usage.gpu_memory_total_mb)
    ram_used, ram_total = _memory_gb(usage.memory_mb, usage.memory_total_mb)
    return {
        "type": "system_stats",
        "gpu_memory_used_gb": gpu_used,
        "gpu_memory_total_gb": gpu_total,
        "gpu_utilization_percent": narrow(usage.gpu_percent) or 0.0,
        "cpu_percent": narrow(usage.cpu_percent) or 0.0,
        "ram_used_gb": ram_used,
        "ram_total_gb": ram_total,
        "timestamp": iso(now_ms),
    }


def _memory_gb(used_mb: float, total_mb: float) -> tuple[float, float]:
    """Return what is used and what there is, of a memory that may not be there at all."""
    used = max(0.0, narrow(used_mb) or 0.0) / 1024
    total = (narrow(total_mb) or 0.0) / 1024
    return used, max(total, used, _NO_MEMORY_GB)
