"""A sender of training metrics with the methods of older senders, which spoke to a relay; on top of a monitor.

Where the older one opened a connection for each message and waited for it, this one hands each to the monitor's thread. What it
sends is a run like any other, and viewers of the relay see it as the messages that they know.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from livetrain import _wire
from livetrain._delivery.line import SMALL_BYTES, Lane
from livetrain._frameworks.settings import given_options
from livetrain._monitor import Monitor
from livetrain._relay_messages import PHASES, records_of
from livetrain._warnings import warn_once_a_minute
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["MetricsWebSocketSender"]

_GRPC_PORT = 50051
_LOOPBACK = ("localhost", "127.0.0.1", "::1", None)
_BEGIN = frozenset({"training_mode", "training_start"})
_METRICS = {
    "epoch_end": ("metrics",),
    **dict.fromkeys(
        ("round_end", "round_metrics", *PHASES), ("metrics", "fit_metrics", "eval_metrics")
    ),
}
_STATUS = {
    pb.INITIALIZING: "initializing",
    pb.RUNNING: "running",
    pb.PAUSED: "paused",
    pb.COMPLETED: "completed",
    pb.FAILED: "failed",
}


class MetricsWebSocketSender:
    """Stands where an older ``MetricsWebSocketSender`` stood: no method of it raises or waits.

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
        self._make = monitor_factory or Monitor
        self._own = monitor is None
        self._monitor = monitor
        self._step: int | None = None
        self._ended = False
        # Senders were called from whatever thread; two must not make two runs of one training.
        self._lock = threading.RLock()

    @property
    def monitor(self) -> Monitor | None:
        """What takes the messages; None before the first."""
        return self._monitor

    def send_metrics(self, metrics: Mapping[str, Any], type: str = "metrics") -> None:
        """Send a message of any type, with `metrics` as its data."""
        try:
            with self._lock:
                self._send(type, metrics)
        except Exception as error:  # as the older one: the training goes on
            warn_once_a_minute("relay", f"livetrain could not send {type!r}: {error!r}")

    def send_training_mode(
        self, is_federated: bool, num_rounds: int = 0, num_clients: int = 0
    ) -> None:
        """Say that a training begins, and whether it is a federated one."""
        self.send_metrics(
            {"is_federated": is_federated, "num_rounds": num_rounds, "num_clients": num_clients},
            "training_mode",
        )

    def send_epoch_end(self, epoch: int, phase: str, metrics: Mapping[str, Any]) -> None:
        """Send an epoch's metrics; `epoch` counts from 1, `phase` is ``"train"``, ``"val"`` or ``"test"``."""
        self.send_metrics({"epoch": epoch, "phase": phase, "metrics": metrics}, "epoch_end")

    def send_round_end(
        self,
        round_num: int,
        total_rounds: int,
        fit_metrics: Mapping[str, Any] | None = None,
        eval_metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Send what the fit and the evaluation of a federated round came to."""
        numbers = {"fit_metrics": fit_metrics or {}, "eval_metrics": eval_metrics or {}}
        self.send_metrics(
            {"round": round_num, "total_rounds": total_rounds, **numbers}, "round_end"
        )

    def send_round_metrics(
        self, round_num: int, total_rounds: int, metrics: Mapping[str, Any]
    ) -> None:
        """Send the metrics of a federated round, over all clients."""
        data = {"round": round_num, "total_rounds": total_rounds, "metrics": metrics}
        self.send_metrics(data, "round_metrics")

    def send_training_end(self, run_id: Any, summary_data: Mapping[str, Any] | None = None) -> None:
        """Say that the training is over; ``status`` in `summary_data` is ``"completed"``, or anything else for a failure."""
        summary = dict(summary_data) if isinstance(summary_data, Mapping) else {}
        self.send_metrics({**summary, "run_id": run_id}, "training_end")

    def send_error(self, error_message: str, error_type: str = "training_error") -> None:
        """Say that the training failed."""
        self.send_metrics({"error": str(error_message), "error_type": error_type}, "error")

    def send_early_stopping_triggered(
        self, epoch: int, best_metric_value: float, metric_name: str, patience: int
    ) -> None:
        """Say that the training stops early, and what made it."""
        reason = (
            f"Early stopping triggered at epoch {epoch} with best {metric_name}={best_metric_value}"
        )
        self.send_metrics(
            {
                "epoch": epoch,
                "best_metric_value": best_metric_value,
                "metric_name": metric_name,
                "patience": patience,
                "reason": reason,
            },
            "early_stopping",
        )

    def close(self, timeout: float = 2.0) -> bool:
        """Wait until what was sent is committed, and end; the interpreter's end does the same. Returns whether all of it is."""
        monitor = self._monitor
        return monitor.close(timeout) if monitor is not None and self._own else True

    # ------------------------------------------------------------ within

    def _send(self, kind: str, data: Mapping[str, Any]) -> None:
        monitor = self._open(kind, data)
        step = data.get("step")
        if kind == "batch_metrics" and isinstance(step, int):
            self._step = max(self._step or 0, step)
        for record in records_of(kind, _plain(_read(monitor, kind, data)), step=self._step):
            if record.HasField("status_update"):
                self._tell_status(monitor, record.status_update)
            else:
                lane = Lane.POINT if kind == "batch_metrics" else Lane.CRITICAL
                monitor._put(_writer(record), lane, SMALL_BYTES + record.ByteSize())

    def _open(self, kind: str, data: Mapping[str, Any]) -> Monitor:
        if self._monitor is not None and self._own and self._ended and kind in _BEGIN:
            # Closing waits for the server a little; a training that begins waits for nothing.
            closing, self._monitor = self._monitor, None
            threading.Thread(target=closing.close, name="livetrain-close", daemon=True).start()
        if self._monitor is None:
            name = data.get("experiment_name")
            named = {"run": str(name)} if name and "run" not in self._options else {}
            self._monitor = self._make(**{**self._options, **named})
            self._step, self._ended = None, False
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
    if kind == "batch_metrics":
        given = {name: data.get(name) for name in ("loss", "accuracy")}
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
