"""What happens in a run, as messages of the metrics relay. Pure; one object follows one run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from livetrain._relay_messages import LIFTED, OTHER, PHASES
from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.clocks import made_at_us
from livetrain.server.dialects.column_rows import batches_of
from livetrain.server.dialects.plain import exact, finite
from livetrain.server.run import Run

__all__ = ["Story"]

Message = tuple[str, dict[str, Any]]
_TYPES: Final = {phase: kind for kind, phase in PHASES.items()}
_BESIDE: Final = ("accuracy", "recall", "f1")
_NORMS: Final = ("total_norm", "max_norm", "min_norm")
_LAYERS: Final = "layer_norms/"
_WORDS: Final = {pb.INITIALIZING: "initializing", pb.RUNNING: "running", pb.PAUSED: "paused"}


class Story:
    """What was told of one run so far.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._begun = False
        self._federated = False
        self._over = False
        self._final: dict[str, Any] = {}
        self._best: tuple[float, int] | None = None
        self._judged_by_validation = False
        self._summary: dict[str, Any] = {}
        self._batch: dict[str, Any] = {}  # as it was told last

    def told(self, event: live.RunEvent) -> Iterator[Message]:
        """Yield what a record means; steps are told by :meth:`step`."""
        record = event.record
        match record.WhichOneof("payload"):
            case "epoch_data":
                yield from self._begin()
                yield from self._epoch(record.epoch_data)
            case "validation":
                yield from self._begin()
                yield self._validation(record.validation)
            case "batch_data" | "scalars" | "columns":
                yield from self._begin()
            case "round":
                yield from self._begin(federated=True, rounds=record.round.total_rounds)
                yield from self._round(record.round)
            case "event":
                yield from self._event(record.event)
            case "status_update":
                yield from self._status(record.status_update)

    def step(self, event: live.RunEvent) -> Message | None:
        """Return the numbers of a step: of a batch, the learning rate or the gradients. None: the record has none of them."""
        record = event.record
        offset = event.clock_offset_us
        made_us = made_at_us(record, clock_offset_us=offset, received_ms=event.received_ms)
        when = made_us / 1e6
        values: dict[str, Any]
        if record.WhichOneof("payload") == "columns":
            return self._newest_batch(record.columns, when, offset)
        if record.WhichOneof("payload") == "batch_data":
            batch = record.batch_data
            if not batch.HasField("batch_loss"):
                return None
            values = {
                "step": batch.step,
                "batch_idx": batch.batch_idx,
                "loss": exact(batch, "exact_loss", "batch_loss"),
                "epoch": batch.epoch + 1,
                "timestamp": when,
            }
            if batch.HasField("batch_accuracy"):
                values["accuracy"] = exact(batch, "exact_accuracy", "batch_accuracy")
            self._batch = values
            return "batch_metrics", values
        if record.WhichOneof("payload") == "scalars":
            return self._numbers(record.scalars, when)
        return None

    def _numbers(self, scalars: pb.Scalars, when: float) -> Message | None:
        numbers: dict[str, Any] = _metrics(scalars.values)
        step = scalars.step
        beside: dict[str, Any] = {name: numbers[name] for name in _BESIDE if name in numbers}
        if "loss" in numbers:
            values: dict[str, Any] = {
                "step": step,
                "batch_idx": step,
                "loss": numbers["loss"],
                "epoch": scalars.epoch + 1,
                "timestamp": when,
                **beside,
            }
            self._batch = values
            return "batch_metrics", values
        if beside and self._batch.get("step") == step:
            self._batch = {**self._batch, **beside}
            return "batch_metrics", self._batch
        if "learning_rate" in numbers:
            rate: dict[str, Any] = {"current_lr": numbers["learning_rate"], "step": step}
            return "lr_update", {**rate, "epoch": self._batch.get("epoch", self.run.epoch + 1)}
        if "total_norm" in numbers:
            norms: dict[str, Any] = {name: numbers.get(name) for name in _NORMS}
            layers = {
                name.removeprefix(_LAYERS): value
                for name, value in numbers.items()
                if name.startswith(_LAYERS)
            }
            return "gradient_stats", {"step": step, **norms, "layer_norms": layers}
        return None

    def _newest_batch(
        self, columns: pb.PointColumns, when: float, clock_offset_us: int
    ) -> Message | None:
        told, _ = batches_of(columns, most=1)
        if not told or not told[-1].batch_data.HasField("batch_loss"):
            return None
        received_ms = int(when * 1000)
        return self.step(
            live.RunEvent(record=told[-1], received_ms=received_ms, clock_offset_us=clock_offset_us)
        )

    def _begin(self, *, federated: bool = False, rounds: int = 0) -> Iterator[Message]:
        """Say that a training begins, unless that was said; a first round makes it a federated one."""
        if self._begun and not (federated and not self._federated):
            return
        told = _settings(self.run.config)
        federated = federated or bool(told.get("is_federated"))
        yield (
            "training_mode",
            {
                "is_federated": federated,
                "num_rounds": told.get("num_rounds") or rounds,
                "num_clients": told.get("num_clients") or 0,
            },
        )
        if not self._begun:
            yield "training_start", self._start(federated=federated)
        self._begun, self._federated = True, federated

    def _start(self, *, federated: bool) -> dict[str, Any]:
        return {
            "run_id": self.run.run_id,
            "experiment_name": self.run.name,
            "max_epochs": self.run.config.total_epochs,
            "training_mode": "federated" if federated else "centralized",
        }

    def _epoch(self, epoch: pb.EpochData) -> Iterator[Message]:
        metrics = _metrics(epoch.metrics)
        if epoch.has_loss:
            metrics["loss"] = exact(epoch, "exact_loss", "average_loss")
        if epoch.has_accuracy:
            metrics["accuracy"] = exact(epoch, "exact_accuracy", "average_accuracy")
        if epoch.has_learning_rate:
            metrics["learning_rate"] = exact(epoch, "exact_learning_rate", "learning_rate")
        self._judge(metrics, epoch.epoch, validation=False)
        yield "epoch_end", {"epoch": epoch.epoch + 1, "phase": "train", "metrics": metrics}
        validated = _metrics(epoch.validation_metrics)
        if epoch.HasField("validation_loss"):
            validated["loss"] = exact(epoch, "exact_validation_loss", "validation_loss")
        if epoch.HasField("validation_accuracy"):
            validated["accuracy"] = exact(epoch, "exact_validation_accuracy", "validation_accuracy")
        if validated:
            self._judge(validated, epoch.epoch, validation=True)
            yield "epoch_end", {"epoch": epoch.epoch + 1, "phase": "val", "metrics": validated}

    def _validation(self, result: pb.Validation) -> Message:
        metrics = _metrics(result.metrics)
        if result.HasField("loss"):
            metrics["loss"] = finite(result.loss)
        if result.HasField("accuracy"):
            metrics["accuracy"] = finite(result.accuracy)
        self._judge(metrics, result.epoch, validation=True)
        return "epoch_end", {"epoch": result.epoch + 1, "phase": "val", "metrics": metrics}

    def _judge(self, metrics: dict[str, Any], epoch: int, *, validation: bool) -> None:
        """Keep the last metrics, and the epoch with the lowest loss: that of validation where there is any."""
        if validation >= self._judged_by_validation:
            if validation and not self._judged_by_validation:
                self._judged_by_validation, self._best = True, None
            self._final = metrics
            loss = metrics.get("loss")
            if loss is not None and (self._best is None or loss < self._best[0]):
                self._best = loss, epoch + 1

    def _round(self, told: pb.Round) -> Iterator[Message]:
        data: dict[str, Any] = {"round": told.round, "total_rounds": told.total_rounds}
        metrics = _metrics(told.metrics)
        if told.client_id or told.phase == "start":
            lifted: dict[str, Any] = {name: metrics.pop(name) for name in LIFTED if name in metrics}
            client = {"client_id": told.client_id} if told.client_id else {}
            kind = _TYPES.get(told.phase, "client_complete") if client else "round_start"
            start = {"run_id": self.run.run_id} if kind == "round_start" else {"metrics": metrics}
            yield kind, {**start, **data, **client, **lifted}
            return
        fit, evaluation = _metrics(told.fit_metrics), _metrics(told.evaluation_metrics)
        if fit or evaluation:
            yield "round_end", {**data, "fit_metrics": fit, "eval_metrics": evaluation}
        if metrics:
            self._final = metrics
            yield "round_metrics", {**data, "metrics": metrics}

    def _event(self, event: pb.Event) -> Iterator[Message]:
        fields = {name: _read(text) for name, text in event.fields.items()}
        match event.kind:
            case "training_mode":
                self._federated = bool(fields.get("is_federated"))
                yield "training_mode", fields
                if not self._begun:
                    yield "training_start", self._start(federated=self._federated)
                self._begun = True
            case "training_start":
                if self._begun:
                    return
                yield "training_start", {**fields, "run_id": self.run.run_id}
                self._begun = True
            case "epoch_start":
                yield "epoch_start", fields
            case "training_end":
                self._summary = {name: fields[name] for name in fields if name != "run_id"}
            case "early_stopping":
                yield "early_stopping", _early_stopping(event, fields)
            case "error" if fields.get("terminal"):
                self._over = True
                yield "error", {"error": event.message, "error_type": fields.get("type")}
            case kind if kind.startswith(OTHER):
                yield kind.removeprefix(OTHER), fields.get("data", {})

    def _status(self, update: pb.StatusUpdate) -> Iterator[Message]:
        if update.status in _WORDS:
            self._over = False
            if update.message:
                yield "status", {"status": _WORDS[update.status], "message": update.message}
        elif update.status in (pb.COMPLETED, pb.FAILED) and not self._over:
            self._over = True
            ended = "completed" if update.status == pb.COMPLETED else "failed"
            yield (
                "training_end",
                {
                    "best_epoch": self._best[1] if self._best is not None else None,
                    "final_metrics": self._final,
                    **({"error": update.message} if ended == "failed" else {}),
                    **self._summary,
                    "run_id": self.run.run_id,
                    "status": ended,
                },
            )


def _metrics(scalars: Iterable[pb.Scalar]) -> dict[str, Any]:
    return {scalar.name: finite(scalar.value) for scalar in scalars}


def _early_stopping(event: pb.Event, fields: Mapping[str, Any]) -> dict[str, Any]:
    epoch = fields.get("epoch")
    return {
        "epoch": epoch + 1 if isinstance(epoch, int) else None,
        "best_metric_value": fields.get("best_value"),
        "metric_name": event.fields.get("metric"),
        "patience": fields.get("patience"),
        "reason": event.message,
    }


def _settings(config: pb.TrainingConfig) -> dict[str, Any]:
    settings = _read(config.config_json) if config.config_json else {}
    return settings if isinstance(settings, dict) else {}


def _read(text: str) -> Any:
    """Return what a field of an event says; text that is no JSON is text, and what JSON cannot say is None."""
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return text
    return None if isinstance(value, float) and not math.isfinite(value) else value
