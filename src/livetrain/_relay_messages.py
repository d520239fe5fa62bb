"""What the messages of the metrics relay mean, as records. Shared by the relay and by the sender that needs none. No I/O.

Epochs are counted from 0 in records. What a record has no field for is kept as an event: its kind is the message's type, its fields
are JSON texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from livetrain._means import fill_epoch, fill_validation
from livetrain._metric_names import metric_name
from livetrain._relay_fields import LARGEST_U32, Data, Fields, fields_of, number
from livetrain._relay_phases import PhaseMetrics, phase_of
from livetrain._wire import add_scalars, sendable
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["LIFTED", "OTHER", "PHASES", "PROGRESS", "TYPES", "Count", "MessageReader"]

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
PROGRESS: Final = frozenset(
    {"epoch_end", "batch_metrics", "round_end", "round_metrics", *PHASES} - {"round_start"}
)
"""Types that tell of work that was done."""
_ANYWHERE: Final = frozenset({"run_id", "client_id", "round", "round_num", "round_number"})
_EPOCH: Final = frozenset({"epoch", "total_epochs", "phase", "metrics"})
_BATCH: Final = frozenset({"step", "batch_idx", "epoch", "timestamp", "loss", "accuracy"})
_GRADIENT: Final = ("total_norm", "max_norm", "min_norm")
_ROUND: Final = frozenset({"total_rounds", "metrics", "fit_metrics", "eval_metrics", *LIFTED})
_SUMMARY: Final = frozenset(
    {"status", "best_epoch", "final_metrics", "confusion_matrix", "total_epochs", "error"}
)
TYPES: Final = {
    "training_mode": frozenset({"is_federated", "num_rounds", "num_clients"}),
    "training_start": frozenset({"experiment_name", "max_epochs", "training_mode"}),
    "epoch_start": _EPOCH,
    "epoch_end": _EPOCH,
    "round_start": _ROUND,
    "round_end": _ROUND,
    "round_metrics": _ROUND,
    "client_training_start": _ROUND,
    "client_progress": _ROUND,
    "client_complete": _ROUND,
    "batch_metrics": _BATCH,
    "lr_update": frozenset({"current_lr", "step", "epoch", "scheduler_type"}),
    "gradient_stats": frozenset({"step", "epoch", "layer_norms", *_GRADIENT}),
    "early_stopping": frozenset(
        {"epoch", "best_metric_value", "metric_name", "patience", "reason"}
    ),
    "status": frozenset({"status", "message"}),
    "training_end": _SUMMARY,
    "error": frozenset({"error", "error_type"}),
}
"""The types that are known, with the fields that each may have beside those that any may have."""
_STATUS: Final = (
    (("initial", "loading", "starting"), pb.INITIALIZING),
    (("paused",), pb.PAUSED),
    (("completed", "finished"), pb.COMPLETED),
    (("failed", "error"), pb.FAILED),
)
_CLIENTS: Final = 256
_NOTES: Final = 50
Records = list[pb.TelemetryRequest]


class Count:
    """Numbers that somebody counts from 0 or from 1: who begins with 0 counts from 0.

    Args:
        first: what was known of them before: the first number, or None.

    Example:
        >>> epochs = Count()
        >>> epochs.from_zero(1), epochs.from_zero(2)
        (0, 1)
        >>> epochs = Count()
        >>> epochs.from_zero(0), epochs.from_zero(1)
        (0, 1)
    """

    def __init__(self, first: int | None = None) -> None:
        self.first = first

    def from_zero(self, told: int) -> int:
        """Return a number as one counted from 0."""
        if self.first is None or told == 0:
            self.first = min(told, 1)
        return max(0, told - self.first)


class MessageReader:
    """Reads the messages of one training.

    Args:
        epochs: how its epochs are counted. None: not known yet.
        batch_epochs: the same of the epochs that its batches name, which are counted elsewhere in its code.

    Attributes:
        step: the last global step; None: there are no batches, and an epoch's number stands in for it.
        notes: clauses about what was not understood; whoever reads them empties the list.

    Example:
        >>> reader = MessageReader()
        >>> [record] = reader.read("epoch_end", {"epoch": 3, "phase": "train", "metrics": {"loss": 0.5}})
        >>> record.epoch_data.epoch, record.epoch_data.step, record.epoch_data.average_loss
        (2, 2, 0.5)
    """

    def __init__(self, epochs: Count | None = None, batch_epochs: Count | None = None) -> None:
        self.step: int | None = None
        self.notes: list[str] = []
        self.epochs = epochs or Count()
        self.batch_epochs = batch_epochs or Count()
        self._metrics = PhaseMetrics()
        self._over = False  # as a status said, which is not the training's last word
        # The epoch that each client told last, as it told it, and how many it has told.
        self._clients: dict[str, tuple[object, int]] = {}

    def read(self, kind: str, data: Data) -> Records:
        """Return what a message means, without a stamp; nothing for what is no news, such as a ping.

        Args:
            kind: its type.
            data: its data.
        """
        if kind == "ping":
            return []
        fields = Fields(kind, data, self._note)
        if kind not in TYPES:
            self._note(f"the type {kind[:60]!r}, which is kept as an event")
            return [_event(OTHER + kind, kind, {"data": dict(data)}, step=self.step)]
        if kind != "batch_metrics":  # whatever number a batch has is a curve
            fields.note_unknown(TYPES[kind] | _ANYWHERE)
        records = self._read(kind, fields)
        if self._over and kind in PROGRESS:
            self._over = False
            records.insert(0, _status(pb.RUNNING, ""))
        return records

    def _note(self, note: str) -> None:
        if len(self.notes) < _NOTES:
            self.notes.append(note)

    def _read(self, kind: str, fields: Fields) -> Records:
        client = fields.identity("client_id")
        match kind:
            case "epoch_end":
                return self._client_epoch(fields, client) if client else self._epoch_end(fields)
            case "batch_metrics":
                return self._batch(fields, client)
            case "lr_update" | "gradient_stats":
                return self._step_numbers(kind, fields, client)
            case "round_start" | "client_training_start" | "client_progress" | "client_complete":
                return [_round(fields, client, PHASES[kind])]
            case "round_end" | "round_metrics":
                return [_round(fields, client, "end")]
            case "training_start" if client:
                return [_round(fields, client, "start")]
            case "early_stopping":
                return [self._early_stopping(fields)]
            case "training_start":
                config = pb.TrainingConfig(total_epochs=_u32(fields, "max_epochs"))
                event = _event(kind, "training begins", fields.data)
                return [event, _status(pb.RUNNING, "", config)]
            case "training_mode":
                event = _event(kind, "training begins", fields.data)
                return [event, _status(pb.RUNNING, "")]
            case "epoch_start":
                return self._epoch_start(fields, client)
            case "status" | "training_end" | "error" if client:
                # What one client says of itself is not how the training stands.
                said = fields.text("error") or fields.text("message") or fields.text("status")
                return [_event(OTHER + kind, f"client {client}: {said}", {"data": fields.data})]
            case "status":
                return [self._told_status(fields)]
            case "training_end":
                return self._training_end(fields)
            case _:
                message = fields.text("error")
                error = {"type": fields.data.get("error_type"), "terminal": True}
                event = _event("error", message, error, step=self.step)
                return [event, _status(pb.FAILED, message)]

    def _epoch(self, fields: Fields) -> int:
        told = fields.whole("epoch", limit=LARGEST_U32)
        return 0 if told is None else self.epochs.from_zero(told)

    def _epoch_start(self, fields: Fields, client: str) -> Records:
        self._epoch(fields)
        told = f"epoch {fields.data.get('epoch')!s:.40} begins"
        event = _event("epoch_start", f"client {client}: {told}" if client else told, fields.data)
        if client:
            return [event]
        config = pb.TrainingConfig(total_epochs=_u32(fields, "total_epochs"))
        return [event, _status(pb.RUNNING, told, config)]

    def _epoch_end(self, fields: Fields) -> Records:
        epoch = self._epoch(fields)
        at = epoch if self.step is None else self.step
        own = phase_of(fields.text("phase"))
        records = []
        found = self._metrics.sort(own, epoch, fields.numbers("metrics"))
        for phase, values in found.items():
            record = pb.TelemetryRequest()
            if phase == "train":
                record.epoch_data.epoch, record.epoch_data.step = epoch, at
                fill_epoch(record.epoch_data, values)
            elif phase == "val":
                record.validation.epoch, record.validation.step = epoch, at
                fill_validation(record.validation, values)
            else:
                record.scalars.step, record.scalars.epoch = at, epoch
                add_scalars(record.scalars.values, _prefixed(f"{phase}/", values))
            records.append(record)
        return records

    def _client_epoch(self, fields: Fields, client: str) -> Records:
        """Return an epoch of one client: epochs begin again with each round, so that they are counted here."""
        which = fields.data.get("epoch"), fields.identity("round", "round_num", "round_number")
        known, count = self._clients.get(client, (None, -1))
        if which != known:
            if len(self._clients) >= _CLIENTS and client not in self._clients:
                self._clients.clear()
            count += 1
            self._clients[client] = which, count
        own = phase_of(fields.text("phase"))
        record = pb.TelemetryRequest()
        record.scalars.step = count
        for phase, values in PhaseMetrics().sort(own, 0, fields.numbers("metrics")).items():
            prefix = f"client/{client}/" + ("epoch/" if phase == "train" else f"{phase}/")
            add_scalars(record.scalars.values, _prefixed(prefix, values))
        return [record]

    def _batch(self, fields: Fields, client: str) -> Records:
        step = self._step_of(fields)
        told = fields.whole("epoch", limit=LARGEST_U32)
        epoch = 0 if told is None else self.batch_epochs.from_zero(told)
        others = fields.data.keys() - _BATCH - _ANYWHERE
        nested = {name for name in others if isinstance(fields.data[name], dict)}
        more = fields.some_numbers(sorted(others - nested))
        for name in sorted(nested):
            more |= fields.numbers(name, "" if name == "metrics" else f"{name}/")
        loss, accuracy = fields.number("loss"), fields.number("accuracy")
        loss, accuracy = (
            more.pop(name, told) if told is None else told
            for name, told in (("loss", loss), ("accuracy", accuracy))
        )
        made_ms = 0
        seconds = fields.number("timestamp")
        if seconds is not None and 0 < seconds < 1e11:
            made_ms = int(seconds * 1000)
        if client:
            own = {"loss": loss, "accuracy": accuracy}
            values = more | {name: value for name, value in own.items() if value is not None}
            return [_scalars(step, epoch, _prefixed(f"client/{client}/", values), made_ms)]
        record = pb.TelemetryRequest(timestamp_ms=made_ms)
        batch = record.batch_data
        batch.step, batch.epoch, batch.batch_idx = step, epoch, _u32(fields, "batch_idx")
        if loss is not None:
            batch.batch_loss = batch.exact_loss = loss
        if accuracy is not None:
            batch.batch_accuracy = batch.exact_accuracy = accuracy
        return [record, *([_scalars(step, epoch, more, made_ms)] if more else [])]

    def _step_of(self, fields: Fields) -> int:
        """Return the step that a message is about, and know it from then on; the last one where none was told."""
        step = fields.whole("step")
        if step is None:
            return self.step or 0
        if not fields.data.get("client_id"):
            self.step = max(self.step or 0, step)
        return step

    def _step_numbers(self, kind: str, fields: Fields, client: str) -> Records:
        """Return the learning rate, or figures of the gradients, of a step."""
        step = fields.whole("step")
        step = (self.step or 0) if step is None else step
        if kind == "lr_update":
            rate = fields.number("current_lr")
            values = {} if rate is None else {"learning_rate": rate}
        else:
            values = fields.some_numbers(_GRADIENT) | fields.numbers("layer_norms", "layer_norms/")
        prefix = f"client/{client}/" if client else ""
        return [_scalars(step, None, _prefixed(prefix, values))] if values else []

    def _early_stopping(self, fields: Fields) -> pb.TelemetryRequest:
        told = {
            "epoch": self._epoch(fields),
            "best_value": fields.data.get("best_metric_value"),
            "metric": fields.data.get("metric_name"),
            "patience": fields.data.get("patience"),
        }
        reason = fields.text("reason") or "stopped early"
        record = _event("early_stopping", reason, {}, step=self.step)
        for name, value in told.items():
            if value is not None:
                record.event.fields[name] = sendable(str(value))
        return record

    def _told_status(self, fields: Fields) -> pb.TelemetryRequest:
        text = fields.text("status").lower()
        found = (status for words, status in _STATUS if any(word in text for word in words))
        status = next(found, pb.RUNNING)
        self._over = status in (pb.COMPLETED, pb.FAILED)
        return _status(status, fields.text("message") or text)

    def _training_end(self, fields: Fields) -> Records:
        self._over = False
        status = fields.text("status") or "completed"
        ended = pb.COMPLETED if status == "completed" else pb.FAILED
        why = "" if ended == pb.COMPLETED else fields.text("error") or status
        event = _event("training_end", f"training ended: {status}", fields.data)
        return [event, _status(ended, why)]


def _u32(fields: Fields, name: str) -> int:
    return fields.whole(name, limit=LARGEST_U32) or 0


def _prefixed(prefix: str, values: dict[str, float]) -> dict[str, float]:
    if not prefix:
        return values
    return {metric_name(prefix + name): value for name, value in values.items()}


def _scalars(
    step: int, epoch: int | None, values: dict[str, float], made_ms: int = 0
) -> pb.TelemetryRequest:
    record = pb.TelemetryRequest(timestamp_ms=made_ms)
    record.scalars.step = step
    if epoch is not None:
        record.scalars.epoch = epoch
    add_scalars(record.scalars.values, values)
    return record


def _round(fields: Fields, client: str, phase: str) -> pb.TelemetryRequest:
    record = pb.TelemetryRequest()
    told = record.round
    named: Iterable[str] = ("round", "round_num", "round_number")
    told.round = next((_u32(fields, name) for name in named if name in fields.data), 0)
    told.total_rounds = _u32(fields, "total_rounds")
    told.phase = phase
    if client:
        told.client_id = sendable(client)
    elif phase == "round":
        told.phase = "start"
    add_scalars(told.metrics, fields.numbers("metrics"))
    lifted: Sequence[str] = [name for name in LIFTED if number(fields.data.get(name)) is not None]
    add_scalars(told.metrics, fields.some_numbers(lifted))
    add_scalars(told.fit_metrics, fields.numbers("fit_metrics"))
    add_scalars(told.evaluation_metrics, fields.numbers("eval_metrics"))
    return record


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
