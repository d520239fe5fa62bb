"""What the messages of the metrics relay mean, as records. Pure; shared by the relay and by the sender that needs none.

Epochs are counted from 1 there and from 0 in records. What a record has no field for is kept as an event: its kind is the message's
type, its fields are JSON texts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from livetrain._means import fill_epoch, fill_validation
from livetrain._metric_names import metric_name
from livetrain._wire import add_scalars, sendable
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["LIFTED", "OTHER", "PHASES", "fields_of", "number", "records_of", "whole"]

OTHER: Final = "relay/"
"""Before the type of a message that is known here by no name."""
LIFTED: Final = ("local_epoch", "local_epochs", "num_samples")
"""Numbers that stand beside a client's metrics, and among them in a record."""
PHASES: Final = {
    "round_start": "round",
    "client_training_start": "start",
    "client_progress": "progress",
    "client_complete": "end",
}
_MAX: Final = 2**53 - 1
_DEPTH: Final = 16  # of mappings within metrics
_STATUS: Final = (
    (("initial", "loading", "starting"), pb.INITIALIZING),
    (("paused",), pb.PAUSED),
    (("completed", "finished"), pb.COMPLETED),
    (("failed", "error"), pb.FAILED),
)
Data = Mapping[str, Any]


def whole(value: Any, default: int = 0, *, limit: int = _MAX) -> int:
    """Return a whole number from 0 to `limit`; what is none gives the default."""
    real = number(value)
    if real is None or not math.isfinite(real):
        return default
    return min(max(int(real), 0), limit)


def number(value: Any) -> float | None:
    """Return a number as a float, NaN and infinity included, or None for what is none or too large for a double."""
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits is no double
        return None


def fields_of(data: Data) -> dict[str, str]:
    """Return data as an event's fields: JSON texts, or "NaN" and the like."""
    return {sendable(str(name)): sendable(json.dumps(value)) for name, value in data.items()}


def records_of(kind: str, data: Data, *, step: int | None = None) -> list[pb.TelemetryRequest]:
    """Return what a message means, without a stamp; nothing for what is no news, such as a ping.

    Args:
        kind: its type.
        data: its data.
        step: the last global step; None: there are no batches, and an epoch's number stands in for it.

    Example:
        >>> [record] = records_of("epoch_end", {"epoch": 3, "phase": "train", "metrics": {"loss": 0.5}})
        >>> record.epoch_data.epoch, record.epoch_data.step, record.epoch_data.average_loss
        (2, 2, 0.5)
    """
    match kind:
        case "epoch_end":
            return [_epoch_end(data, step)]
        case "batch_metrics":
            return [_batch(data)]
        case "round_start" | "client_training_start" | "client_progress" | "client_complete":
            return [_round(data, PHASES[kind])]
        case "round_end" | "round_metrics":
            return [_round(data, "end")]
        case "early_stopping":
            return [_early_stopping(data, step)]
        case "training_start":
            config = pb.TrainingConfig(total_epochs=_u32(data.get("max_epochs")))
            return [_event(kind, "training begins", data), _status(pb.RUNNING, "", config)]
        case "training_mode":
            return [_event(kind, "training begins", data), _status(pb.RUNNING, "")]
        case "epoch_start":
            config = pb.TrainingConfig(total_epochs=_u32(data.get("total_epochs")))
            told = f"epoch {data.get('epoch')} begins"
            return [_event(kind, told, data), _status(pb.RUNNING, told, config)]
        case "status":
            text = f"{data.get('status', '')}".lower()
            found = (status for words, status in _STATUS if any(word in text for word in words))
            return [_status(next(found, pb.RUNNING), str(data.get("message") or text))]
        case "training_end":
            return _training_end(data)
        case "error":
            message = str(data.get("error", ""))
            event = _event(
                kind, message, {"type": data.get("error_type"), "terminal": True}, step=step
            )
            return [event, _status(pb.FAILED, message)]
        case "ping":
            return []
        case _:
            return [_event(OTHER + kind, kind, {"data": dict(data)}, step=step)]


def _u32(value: Any) -> int:
    return whole(value, limit=2**32 - 1)


def _mapping(value: Any) -> Data:
    return value if isinstance(value, Mapping) else {}


def _numbers(metrics: Any, prefix: str = "", depth: int = _DEPTH) -> dict[str, float]:
    """Return the numbers among metrics by the names that they are stored under; a mapping within gives ``outer/inner``."""
    found: dict[str, float] = {}
    for given, value in _mapping(metrics).items():
        if isinstance(value, Mapping):
            if depth:
                found.update(_numbers(value, f"{prefix}{given}/", depth - 1))
        elif (real := number(value)) is not None and (name := metric_name(f"{prefix}{given}")):
            found[name] = real
    return found


def _epoch_end(data: Data, step: int | None) -> pb.TelemetryRequest:
    epoch = max(0, _u32(data.get("epoch")) - 1)
    at = epoch if step is None else step
    phase = str(data.get("phase", "train"))
    record = pb.TelemetryRequest()
    if phase == "train":
        record.epoch_data.epoch, record.epoch_data.step = epoch, at
        fill_epoch(record.epoch_data, _numbers(data.get("metrics")))
    elif phase == "val":
        record.validation.epoch, record.validation.step = epoch, at
        fill_validation(record.validation, _numbers(data.get("metrics")))
    else:
        record.scalars.step, record.scalars.epoch = at, epoch
        add_scalars(record.scalars.values, _numbers(data.get("metrics"), f"{phase}/"))
    return record


def _batch(data: Data) -> pb.TelemetryRequest:
    step, epoch = whole(data.get("step")), max(0, _u32(data.get("epoch")) - 1)
    loss, accuracy = number(data.get("loss")), number(data.get("accuracy"))
    record = pb.TelemetryRequest()
    seconds = number(data.get("timestamp"))
    if seconds is not None and 0 < seconds < 1e11:
        record.timestamp_ms = int(seconds * 1000)
    if data.get("client_id") is not None:
        record.scalars.step, record.scalars.epoch = step, epoch
        prefix = f"client/{data['client_id']}/"
        add_scalars(record.scalars.values, _numbers({"loss": loss, "accuracy": accuracy}, prefix))
        return record
    batch = record.batch_data
    batch.step, batch.epoch, batch.batch_idx = step, epoch, _u32(data.get("batch_idx"))
    if loss is not None:
        batch.batch_loss = batch.exact_loss = loss
    if accuracy is not None:
        batch.batch_accuracy = batch.exact_accuracy = accuracy
    return record


def _round(data: Data, phase: str) -> pb.TelemetryRequest:
    record = pb.TelemetryRequest()
    told = record.round
    told.round, told.total_rounds = _u32(data.get("round")), _u32(data.get("total_rounds"))
    told.phase = phase
    if data.get("client_id") is not None:
        told.client_id = sendable(str(data["client_id"]))
    elif phase == "round":
        told.phase = "start"
    add_scalars(told.metrics, _numbers(data.get("metrics")))
    add_scalars(told.metrics, _numbers({name: data.get(name) for name in LIFTED}))
    add_scalars(told.fit_metrics, _numbers(data.get("fit_metrics")))
    add_scalars(told.evaluation_metrics, _numbers(data.get("eval_metrics")))
    return record


def _early_stopping(data: Data, step: int | None) -> pb.TelemetryRequest:
    epoch = max(0, _u32(data.get("epoch")) - 1)
    fields = {
        "epoch": epoch,
        "best_value": data.get("best_metric_value"),
        "metric": data.get("metric_name"),
        "patience": data.get("patience"),
    }
    reason = str(data.get("reason") or "stopped early")
    record = _event("early_stopping", reason, {}, step=step)
    for name, value in fields.items():
        if value is not None:
            record.event.fields[name] = sendable(str(value))
    return record


def _training_end(data: Data) -> list[pb.TelemetryRequest]:
    status = str(data.get("status", "completed"))
    ended = pb.COMPLETED if status == "completed" else pb.FAILED
    return [
        _event("training_end", f"training ended: {status}", data),
        _status(ended, "" if ended == pb.COMPLETED else str(data.get("error") or status)),
    ]


def _event(kind: str, message: str, data: Data, *, step: int | None = None) -> pb.TelemetryRequest:
    event = pb.Event(kind=sendable(kind), message=sendable(message), step=step or 0)
    for name, text in fields_of(data).items():
        event.fields[name] = text
    return pb.TelemetryRequest(event=event)


def _status(
    status: pb.TrainingStatus, message: str, config: pb.TrainingConfig | None = None
) -> pb.TelemetryRequest:
    return pb.TelemetryRequest(
        status_update=pb.StatusUpdate(status=status, message=sendable(message), config=config)
    )
