"""What a training came to, epoch by epoch and round by round, as viewers of the metrics relay ask for it at its end. Pure."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["TrainingReport"]

_FINAL: Final = {
    "accuracy": ("accuracy", "acc"),
    "precision": ("precision",),
    "recall": ("recall",),
    "f1_score": ("f1_score", "f1"),
    "auc": ("auc", "auroc", "roc_auc"),
    "loss": ("loss",),
}
"""What a viewer reads, and what trainings call it."""
_HISTORY: Final = ("epoch", "train_loss", "val_loss", "train_acc", "val_acc")
_EPOCHS: Final = 100_000
_ROUNDS: Final = 10_000
_CLIENTS: Final = 10_000
_PREFIXES: Final = ("val_", "val/", "test_", "test/", "final_")
Numbers = dict[str, float | None]


class TrainingReport:
    """Gathers what the records of a run say about its epochs, its rounds and its end, in their order.

    Example:
        >>> report = TrainingReport()
        >>> report.add(pb.TelemetryRequest(validation=pb.Validation(epoch=0, loss=0.5)))
        >>> report.history()[0]["val_loss"], report.final_metrics()["loss"]
        (0.5, 0.5)
    """

    def __init__(self) -> None:
        self._epochs: dict[int, Numbers] = {}
        self._trained: Numbers = {}
        self._validated: Numbers = {}
        self._rounds: dict[int, dict[str, Any]] = {}
        self._round: Numbers = {}
        self._summary: dict[str, Any] = {}
        self._mode: dict[str, Any] = {}

    def add(self, record: pb.TelemetryRequest) -> None:
        """Take in a record of the run."""
        match record.WhichOneof("payload"):
            case "epoch_data":
                self._add_epoch(record.epoch_data)
            case "validation":
                values = _numbers(record.validation.metrics)
                for name in ("loss", "accuracy"):
                    if record.validation.HasField(name):
                        values[name] = _finite(getattr(record.validation, name))
                self._add_validation(record.validation.epoch, values)
            case "round":
                self._add_round(record.round)
            case "event" if record.event.kind == "training_end":
                self._summary = _read_fields(record.event.fields)
            case "event" if record.event.kind == "training_mode":
                self._mode = _read_fields(record.event.fields)

    def _add_epoch(self, epoch: pb.EpochData) -> None:
        values = _numbers(epoch.metrics)
        if epoch.has_loss:
            values["loss"] = _exact(epoch, "exact_loss", "average_loss")
        if epoch.has_accuracy:
            values["accuracy"] = _exact(epoch, "exact_accuracy", "average_accuracy")
        self._trained = values
        row = self._row(epoch.epoch)
        row |= {f"train_{short}": values[name] for name, short in _SHORT if name in values}
        validated = _numbers(epoch.validation_metrics)
        for name in ("loss", "accuracy"):
            if epoch.HasField(f"validation_{name}"):
                field = f"validation_{name}"
                validated[name] = _exact(epoch, f"exact_{field}", field)
        if validated:
            self._add_validation(epoch.epoch, validated)

    def _add_validation(self, epoch: int, values: Numbers) -> None:
        self._validated = values
        row = self._row(epoch)
        row |= {f"val_{short}": values[name] for name, short in _SHORT if name in values}

    def _row(self, epoch: int) -> Numbers:
        if epoch not in self._epochs and len(self._epochs) >= _EPOCHS:
            return {}
        return self._epochs.setdefault(epoch, {})

    def _add_round(self, told: pb.Round) -> None:
        if told.round not in self._rounds and len(self._rounds) >= _ROUNDS:
            return
        empty: dict[str, Any] = {
            "fit_metrics": {},
            "eval_metrics": {},
            "metrics": {},
            "clients": {},
        }
        entry = self._rounds.setdefault(told.round, {"round": told.round, **empty})
        metrics = _numbers(told.metrics)
        if told.client_id:
            if told.client_id in entry["clients"] or len(entry["clients"]) < _CLIENTS:
                entry["clients"].setdefault(told.client_id, {}).update(metrics)
            return
        entry["metrics"] |= metrics
        entry["fit_metrics"] |= _numbers(told.fit_metrics)
        entry["eval_metrics"] |= _numbers(told.evaluation_metrics)
        self._round = {
            **entry["fit_metrics"],
            **entry["eval_metrics"],
            **entry["metrics"],
        } or self._round

    # ------------------------------------------------------------ what is asked for

    def history(self) -> list[dict[str, Any]]:
        """Return a row for each epoch, counted from 1, or each round where there are no epochs; None for what was not told."""
        if self._epochs:
            rows = {epoch + 1: row for epoch, row in self._epochs.items()}
        else:
            rows = {number: _row_of(entry) for number, entry in self._rounds.items()}
        return [
            {"epoch": number, **{name: row.get(name) for name in _HISTORY[1:]}}
            for number, row in sorted(rows.items())
        ]

    def history_csv(self) -> str:
        """Return the same as a table."""
        out = io.StringIO()
        writer = csv.DictWriter(out, _HISTORY)
        writer.writeheader()
        writer.writerows(self.history())
        return out.getvalue()

    def final_metrics(self) -> Numbers:
        """Return what the training said of itself at its end, else its last validation, epoch or round; None: nobody said it."""
        said = self._summary.get("final_metrics")
        sources: list[Mapping[str, Any]] = [
            *([said] if isinstance(said, dict) else []),
            self._summary,
            self._validated,
            self._trained,
            self._round,
        ]
        return {name: _first(sources, names) for name, names in _FINAL.items()}

    def confusion_matrix(self) -> Any:
        """Return the confusion matrix that the training told at its end, as it told it, or None."""
        said = self._summary.get("final_metrics")
        within = said.get("confusion_matrix") if isinstance(said, dict) else None
        return self._summary.get("confusion_matrix", within)

    def total_epochs(self, planned: int) -> int:
        """Return how many epochs there are: as many as were planned, or else as were told."""
        return planned or max(self._epochs, default=-1) + 1 or len(self._rounds)

    def rounds(self) -> dict[str, Any]:
        """Return the rounds of a federated training; none of another."""
        rounds = [entry for _, entry in sorted(self._rounds.items())]
        clients = {client for entry in rounds for client in entry["clients"]}
        return {
            "is_federated": bool(self._mode.get("is_federated") or rounds),
            "num_rounds": self._mode.get("num_rounds") or len(rounds),
            "num_clients": self._mode.get("num_clients") or len(clients),
            "rounds": rounds,
        }

    def evaluations(self) -> dict[str, Any]:
        """Return what the server of a federated training found in each round."""
        found = [
            {
                "round": number,
                **{
                    name: _first([entry["eval_metrics"], entry["metrics"]], names)
                    for name, names in _FINAL.items()
                },
            }
            for number, entry in sorted(self._rounds.items())
            if entry["eval_metrics"] or entry["metrics"]
        ]
        return {
            "is_federated": bool(self._mode.get("is_federated") or self._rounds),
            "has_server_evaluation": bool(found),
            "evaluations": found,
        }


_SHORT: Final = (("loss", "loss"), ("accuracy", "acc"))


def _row_of(entry: Mapping[str, Any]) -> Numbers:
    """Return a round as a row of the history."""
    fit, evaluated = entry["fit_metrics"], {**entry["metrics"], **entry["eval_metrics"]}
    sources = (("train", fit), ("val", evaluated))
    return {
        f"{phase}_{short}": found[name]
        for phase, found in sources
        for name, short in _SHORT
        if name in found
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _exact(message: Any, name: str, older: str) -> float | None:
    return _finite(getattr(message, name if message.HasField(name) else older))


def _numbers(scalars: Iterable[pb.Scalar]) -> Numbers:
    return {scalar.name: _finite(scalar.value) for scalar in scalars}


def _first(sources: Iterable[Mapping[str, Any]], names: Iterable[str]) -> float | None:
    """Return the first number that one of the sources has under one of the names, with or without the name of a phase."""
    for source in sources:
        for name in names:
            for prefix in ("", *_PREFIXES):
                value = source.get(prefix + name)
                if isinstance(value, (int, float)) and math.isfinite(value):
                    return float(value)
    return None


def _read_fields(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of an event, which are JSON texts; what is none is left out."""
    found = {}
    for name, text in fields.items():
        try:
            found[name] = json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            continue
    return found
