"""A sender of training metrics with the methods of older senders, which spoke to a relay; on top of a monitor.

Where the older one opened a connection for each message and waited for it, this one hands each to the monitor's thread. What it
sends is a run like any other, and viewers of the relay see it as the messages that they know.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from livetrain import _wire
from livetrain._delivery.line import SMALL_BYTES, Lane
from livetrain._frameworks.settings import given_options
from livetrain._monitor import Monitor
from livetrain._relay_messages import PHASES, MessageReader
from livetrain._warnings import warn_once_a_minute
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["MetricsWebSocketSender"]

_GRPC_PORT = 50051
_LOOPBACK = ("localhost", "127.0.0.1", "::1", None)
_BEGIN = frozenset({"training_mode", "training_start"})
_OFTEN = frozenset({"batch_metrics", "lr_update", "gradient_stats"})
_METRICS = {
    "epoch_end": ("metrics",),
    "gradient_stats": ("layer_norms",),
    **dict.fromkeys(
        ("round_end", "round_metrics", *PHASES), ("metrics", "fit_metrics", "eval_metrics")
    ),
}
"""Where a message has mappings of numbers."""
_NO_NUMBERS: Final = frozenset(
    {"step", "batch_idx", "epoch", "timestamp", "client_id", "round_num", "scheduler_type"}
)
"""What the messages that are sent often have beside their numbers."""
_NOTES: Final = 50
_STATUS = {
    pb.INITIALIZING: "initializing",
    pb.RUNNING: "running",
    pb.PAUSED: "paused",
    pb.COMPLETED: "completed",
    pb.FAILED: "failed",
}
_Method = Callable[..., None]


def _never_raises(method: _Method) -> _Method:
    """Have a method raise nothing, whatever it is called with: the training goes on, as with the older sender."""

    @functools.wraps(method)
    def called(self: MetricsWebSocketSender, *arguments: Any, **by_name: Any) -> None:
        try:
            method(self, *arguments, **by_name)
        except Exception as error:
            warn_once_a_minute(
                f"relay:{method.__name__}", f"livetrain could not do {method.__name__}: {error!r}"
            )

    return called


class MetricsWebSocketSender:
    """Stands where an older ``MetricsWebSocketSender`` stood: no method of it raises or waits.

    It has the methods of every release. What is given by a name that a method does not have goes with the message, and a
    ``send_…`` that no release has sends a message of that type, which is kept as an event.

    Args:
        websocket_uri: of the relay that the older sender spoke to; its host alone counts: there livetrain-server is looked for.
        monitor: takes what is sent, and is closed by whoever made it. None: one is made with the first message, and another for
            each training that begins after the end of the one before.
        monitor_factory: makes that one. None: :class:`livetrain.Monitor`.
        **monitor_options: arguments of :class:`livetrain.Monitor`, such as ``run`` or ``server``.

    Raises:
        TypeError: an argument that :class:`livetrain.Monitor` does not have.

    Example:
        >>> sender = MetricsWebSocketSender(enabled=False)
        >>> sender.send_training_mode(is_federated=False, num_rounds=0, num_clients=0)
        >>> sender.send_epoch_end(epoch=1, phase="train", metrics={"loss": 0.523, "accuracy": 0.845})
        >>> sender.send_training_end(run_id=42, summary_data={"status": "completed", "best_epoch": 1})
    """

    def __init__(
        self,
        websocket_uri: str = "ws://localhost:8765",
        *,
        monitor: Monitor | None = None,
        monitor_factory: Callable[..., Monitor] | None = None,
        **monitor_options: Any,
    ) -> None:
        given = given_options(type(self).__name__, None, None, None, monitor_options)
        self._options = {"control": ControlOptions(allow=()), **given}
        if "server" not in self._options and not os.environ.get("LIVETRAIN_SERVER"):
            host = urlsplit(websocket_uri).hostname
            if host not in _LOOPBACK:
                self._options["server"] = f"{host}:{_GRPC_PORT}"
        self.websocket_uri = websocket_uri
        self._make = monitor_factory or Monitor
        self._own = monitor is None
        self._monitor = monitor
        self._reader = MessageReader()
        self._noted: set[str] = set()
        self._ended = False
        # Senders were called from whatever thread; two must not make two runs of one training.
        self._lock = threading.RLock()

    @property
    def monitor(self) -> Monitor | None:
        """What takes the messages; None before the first."""
        return self._monitor

    @_never_raises
    def send_metrics(
        self,
        metrics: Mapping[str, Any] | None = None,
        metric_type: str = "epoch_end",
        **by_name: Any,
    ) -> None:
        """Send a message of any type.

        Args:
            metrics: its data; some releases call it ``data``.
            metric_type: its type; ``type`` for short.
            **by_name: further fields of its data.
        """
        given = by_name.pop("data", None) if metrics is None else metrics
        kind = by_name.pop("type", metric_type)
        if not isinstance(kind, str) or not kind:
            raise TypeError(f"metric_type={kind!r}: not a text; give one, such as 'epoch_end'")
        told = {} if given is None else {"data": given}
        data = {**(given if isinstance(given, Mapping) else told), **by_name}
        with self._lock:
            self._send(kind, data)

    @_never_raises
    def send_training_mode(
        self, is_federated: bool = False, num_rounds: int = 0, num_clients: int = 0, **more: Any
    ) -> None:
        """Say that a training begins, and whether it is a federated one."""
        data = {"is_federated": is_federated, "num_rounds": num_rounds, "num_clients": num_clients}
        self.send_metrics({**data, **more}, "training_mode")

    @_never_raises
    def send_epoch_start(self, epoch: int, total_epochs: int = 0, **more: Any) -> None:
        """Say that an epoch begins; `epoch` counts from 1, or from 0 where the first one is 0."""
        self.send_metrics({"epoch": epoch, "total_epochs": total_epochs, **more}, "epoch_start")

    @_never_raises
    def send_epoch_end(
        self, epoch: int, phase: str, metrics: Mapping[str, Any], **more: Any
    ) -> None:
        """Send an epoch's metrics; `epoch` is as in :meth:`send_epoch_start`, `phase` ``"train"``, ``"val"`` or ``"test"``."""
        self.send_metrics({"epoch": epoch, "phase": phase, "metrics": metrics, **more}, "epoch_end")

    @_never_raises
    def send_round_end(
        self,
        round_num: int,
        total_rounds: int,
        fit_metrics: Mapping[str, Any] | None = None,
        eval_metrics: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Send what the fit and the evaluation of a federated round came to."""
        numbers = {"fit_metrics": fit_metrics or {}, "eval_metrics": eval_metrics or {}}
        data = {"round": round_num, "total_rounds": total_rounds, **numbers, **more}
        self.send_metrics(data, "round_end")

    @_never_raises
    def send_round_metrics(
        self, round_num: int, total_rounds: int, metrics: Mapping[str, Any], **more: Any
    ) -> None:
        """Send the metrics of a federated round, over all clients."""
        data = {"round": round_num, "total_rounds": total_rounds, "metrics": metrics, **more}
        self.send_metrics(data, "round_metrics")

    @_never_raises
    def send_batch_metrics(
        self,
        step: int,
        batch_idx: int,
        loss: float,
        accuracy: float | None,
        epoch: int,
        recall: float | None = None,
        f1: float | None = None,
        client_id: Any = None,
        round_num: int | None = None,
        **more: Any,
    ) -> None:
        """Send the numbers of a batch; `step` is the global one. None: not known."""
        data = {
            "step": step,
            "batch_idx": batch_idx,
            "loss": loss,
            "accuracy": accuracy,
            "epoch": epoch,
            "recall": recall,
            "f1": f1,
            "client_id": client_id,
            "round_num": round_num,
        }
        told = {name: value for name, value in data.items() if value is not None}
        self.send_metrics({**told, **more}, "batch_metrics")

    @_never_raises
    def send_gradient_stats(
        self,
        step: int,
        total_norm: float,
        layer_norms: Mapping[str, float],
        max_norm: float,
        min_norm: float,
        **more: Any,
    ) -> None:
        """Send how large the gradients of a step are: as a whole, by layer, and the largest and smallest of those."""
        data = {
            "step": step,
            "total_norm": total_norm,
            "layer_norms": layer_norms,
            "max_norm": max_norm,
            "min_norm": min_norm,
        }
        self.send_metrics({**data, **more}, "gradient_stats")

    @_never_raises
    def send_lr_update(
        self,
        current_lr: float,
        step: int,
        epoch: int,
        scheduler_type: str | None = None,
        **more: Any,
    ) -> None:
        """Send the learning rate from a step on. `scheduler_type` None: not known."""
        data = {"current_lr": current_lr, "step": step, "epoch": epoch}
        named = {} if scheduler_type is None else {"scheduler_type": scheduler_type}
        self.send_metrics({**data, **named, **more}, "lr_update")

    @_never_raises
    def send_status(self, status: str, message: str = "", **more: Any) -> None:
        """Say how the training stands, such as ``"running"``, ``"completed"`` or ``"error"``."""
        self.send_metrics({"status": status, "message": message, **more}, "status")

    @_never_raises
    def send_training_end(
        self, run_id: Any, summary_data: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        """Say that the training is over; ``status`` in `summary_data` is ``"completed"``, or anything else for a failure."""
        summary = dict(summary_data) if isinstance(summary_data, Mapping) else {}
        self.send_metrics({**summary, **more, "run_id": run_id}, "training_end")

    @_never_raises
    def send_error(
        self, error_message: str, error_type: str = "training_error", **more: Any
    ) -> None:
        """Say that the training failed."""
        self.send_metrics({"error": str(error_message), "error_type": error_type, **more}, "error")

    @_never_raises
    def send_early_stopping_triggered(
        self,
        epoch: int,
        best_metric_value: float,
        metric_name: str = "val_recall",
        patience: int = 7,
        **more: Any,
    ) -> None:
        """Say that the training stops early, and what made it."""
        reason = (
            f"Early stopping triggered at epoch {epoch} with best {metric_name}={best_metric_value}"
        )
        data = {
            "epoch": epoch,
            "best_metric_value": best_metric_value,
            "metric_name": metric_name,
            "patience": patience,
            "reason": reason,
        }
        self.send_metrics({**data, **more}, "early_stopping")

    def __getattr__(self, name: str) -> _Method:
        if not name.startswith("send_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def send(*arguments: Any, **by_name: Any) -> None:
            data = dict(by_name)
            for argument in arguments:
                if isinstance(argument, Mapping):
                    data = {**argument, **data}
                else:
                    data.setdefault("arguments", []).append(argument)
            self.send_metrics(data, name.removeprefix("send_"))

        return send

    def close(self, timeout: float = 2.0) -> bool:
        """Wait until what was sent is committed, and end; the interpreter's end does the same. Returns whether all of it is."""
        monitor = self._monitor
        return monitor.close(timeout) if monitor is not None and self._own else True

    # ------------------------------------------------------------ within

    def _send(self, kind: str, data: Mapping[str, Any]) -> None:
        monitor = self._open(kind, data)
        for record in self._reader.read(kind, _plain(_read(monitor, kind, data))):
            if record.HasField("status_update"):
                self._tell_status(monitor, record.status_update)
            else:
                lane = Lane.POINT if kind in _OFTEN else Lane.CRITICAL
                monitor._put(_writer(record), lane, SMALL_BYTES + record.ByteSize())
        notes, self._reader.notes = self._reader.notes, []
        for note in notes:
            if note not in self._noted and len(self._noted) < _NOTES:
                self._noted.add(note)
                monitor.log_message("warning", f"Not understood: {note}.", source="livetrain")

    def _open(self, kind: str, data: Mapping[str, Any]) -> Monitor:
        if self._monitor is not None and self._own and self._ended and kind in _BEGIN:
            # Closing waits for the server a little; a training that begins waits for nothing.
            closing, self._monitor = self._monitor, None
            threading.Thread(target=closing.close, name="livetrain-close", daemon=True).start()
        name = data.get("experiment_name")
        if self._monitor is None:
            named = {"run": str(name)} if name and "run" not in self._options else {}
            self._monitor = self._make(**{**self._options, **named})
            self._reader, self._ended = MessageReader(), False
            self._noted.clear()
        elif self._own and name and "run" not in self._options and kind in _BEGIN:
            self._monitor.update(run=str(name))  # it came after the first message
        return self._monitor

    def _tell_status(self, monitor: Monitor, update: pb.StatusUpdate) -> None:
        self._ended = update.status in (pb.COMPLETED, pb.FAILED)
        if update.config.total_epochs:
            monitor.update(total_epochs=update.config.total_epochs)
        monitor.set_status(_STATUS[update.status], update.message)


def _read(monitor: Monitor, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return data with its metrics as plain numbers; what is none is left out with a warning that names it."""
    read = dict(data)
    for part in _METRICS.get(kind, ()):
        if isinstance(data.get(part), Mapping):
            read[part] = monitor.read_numbers(data[part])
    if kind in _OFTEN:
        given = {
            name: value
            for name, value in data.items()
            if name not in _NO_NUMBERS and not isinstance(value, Mapping)
        }
        read.update(dict.fromkeys(given), **monitor.read_numbers(given))
    return read


def _writer(record: pb.TelemetryRequest) -> Callable[[_wire.Stamp], bytes]:
    def write(stamp: _wire.Stamp) -> bytes:
        request = stamp.request()
        request.MergeFrom(record)
        return request.SerializeToString()

    return write


def _plain(value: Any) -> Any:
    """Return data with tensors and NumPy numbers as numbers, and what JSON cannot hold as its text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    item = getattr(value, "item", None)
    if callable(item):
        try:
            return _plain(item())
        except Exception:  # a tensor of several numbers
            return str(value)
    return str(value)
