"""The sender with the older one's methods."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from livetrain import _wire
from livetrain.proto import telemetry_pb2 as pb
from livetrain.relay import MetricsWebSocketSender
from livetrain.testing import RecordingMonitor


class Kept(RecordingMonitor):
    """Keeps the records, as they would be sent."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.records: list[pb.TelemetryRequest] = []

    def _put(self, writer: Any, *_: Any, **__: Any) -> None:
        stamp = _wire.Stamp(session_id="s", seq=1, unix_ms=5, mono_us=6)
        record = pb.TelemetryRequest.FromString(writer(stamp))
        if record.WhichOneof("payload") not in ("status_update", "log"):  # these are kept as words
            self.records.append(record)


def sender(**options: Any) -> MetricsWebSocketSender:
    return MetricsWebSocketSender(monitor_factory=Kept, **options)


def kept(of: MetricsWebSocketSender) -> Kept:
    assert isinstance(of.monitor, Kept)
    return of.monitor


def test_every_method_has_the_older_ones_parameters() -> None:
    expected = {
        "send_metrics": ["metrics", "metric_type"],
        "send_epoch_start": ["epoch", "total_epochs"],
        "send_status": ["status", "message"],
        "send_batch_metrics": [
            *("step", "batch_idx", "loss", "accuracy", "epoch", "recall", "f1"),
            *("client_id", "round_num"),
        ],
        "send_gradient_stats": ["step", "total_norm", "layer_norms", "max_norm", "min_norm"],
        "send_lr_update": ["current_lr", "step", "epoch", "scheduler_type"],
        "send_training_mode": ["is_federated", "num_rounds", "num_clients"],
        "send_epoch_end": ["epoch", "phase", "metrics"],
        "send_round_end": ["round_num", "total_rounds", "fit_metrics", "eval_metrics"],
        "send_round_metrics": ["round_num", "total_rounds", "metrics"],
        "send_training_end": ["run_id", "summary_data"],
        "send_error": ["error_message", "error_type"],
        "send_early_stopping_triggered": [
            *("epoch", "best_metric_value", "metric_name", "patience"),
        ],
    }
    for name, parameters in expected.items():
        method = getattr(MetricsWebSocketSender, name)
        assert list(inspect.signature(method).parameters)[1:-1] == parameters
    assert next(iter(inspect.signature(MetricsWebSocketSender).parameters)) == "websocket_uri"


def test_a_centralised_training() -> None:
    older = sender()
    assert older.monitor is None, "nothing is opened before the first message"
    older.send_training_mode(is_federated=False, num_rounds=0, num_clients=0)
    older.send_epoch_end(1, "train", {"loss": np.float32(0.5), "f1": 0.25, "note": "text"})
    older.send_epoch_end(epoch=1, phase="val", metrics={"loss": 0.75})
    older.send_early_stopping_triggered(7, 0.923, "val_recall", 7)
    older.send_training_end(run_id=42, summary_data={"status": "completed", "best_epoch": 1})
    seen = kept(older)
    assert [record.WhichOneof("payload") for record in seen.records] == [
        *("event", "epoch_data", "validation", "event", "event"),
    ]
    means = seen.records[1].epoch_data
    assert (means.epoch, means.average_loss, means.has_loss) == (0, 0.5, True)
    assert [(scalar.name, scalar.value) for scalar in means.metrics] == [("f1", 0.25)]
    assert seen.records[1].timestamp_ms == 5
    assert seen.statuses == [("running", ""), ("completed", "")]


def test_a_metric_that_cannot_be_read_is_named_and_costs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    older = sender()
    metrics = {"loss": 0.1, "f1": 10**400, "auc": np.ma.masked, "of": {"a": np.float64(0.1)}}
    older.send_epoch_end(1, "train", metrics)
    older.send_round_end(1, 2, {"a": [1.0], "b": 2.0}, {"c": 3})
    older.send_metrics({"step": 3, "loss": 0.1, "accuracy": "high"}, "batch_metrics")
    epoch, rounded, batch = kept(older).records
    assert epoch.epoch_data.exact_loss == 0.1
    assert {s.name: s.value for s in epoch.epoch_data.metrics} == {"of/a": 0.1}
    assert {s.name: s.value for s in rounded.round.fit_metrics} == {"b": 2.0}
    assert {s.name: s.value for s in rounded.round.evaluation_metrics} == {"c": 3.0}
    assert batch.batch_data.exact_loss == 0.1
    assert not batch.batch_data.HasField("batch_accuracy")
    said = [r.getMessage().partition(" cannot")[0] for r in caplog.records]
    assert said == ["'f1'", "'auc'", "'a'", "'accuracy'"]


def test_a_federated_training_and_its_failure() -> None:
    older = sender()
    older.send_training_mode(True, 15, 5)
    older.send_round_metrics(1, 15, {"loss": 0.25})
    older.send_round_end(1, 15, {"loss": 0.5}, {"loss": 0.75})
    older.send_error("CUDA out of memory")
    seen = kept(older)
    rounds = [record.round for record in seen.records if record.HasField("round")]
    assert [told.round for told in rounds] == [1, 1]
    assert rounds[1].evaluation_metrics[0].value == 0.75
    assert seen.statuses[-1] == ("failed", "CUDA out of memory")


def test_the_next_training_is_another_run() -> None:
    older = sender()
    older.send_training_mode(False)
    first = kept(older)
    older.send_training_end(1, {"status": "completed"})
    older.send_epoch_end(1, "train", {"loss": 1})  # late, and still of the first
    assert kept(older) is first
    older.send_training_mode(False)
    assert kept(older) is not first


def test_the_experiments_name_is_the_runs() -> None:
    older = sender()
    older.send_metrics({"experiment_name": "x-ray", "max_epochs": 3}, "training_start")
    assert kept(older).options["run"] == "x-ray"
    assert kept(older).updates == [{"total_epochs": 3}]
    named = sender(run="mine")
    named.send_metrics({"experiment_name": "x-ray"}, "training_start")
    assert kept(named).options["run"] == "mine"
    late = sender()
    late.send_training_mode(False)
    late.send_metrics({"experiment_name": "x-ray"}, "training_start")
    assert kept(late).updates == [{"run": "x-ray"}]


@pytest.mark.parametrize(
    ("uri", "server"),
    [
        ("ws://localhost:8765", None),
        ("ws://127.0.0.1:9000", None),
        ("ws://train.example:8765", "train.example:50051"),
    ],
)
def test_the_server_is_where_the_relay_was(uri: str, server: str | None) -> None:
    older = MetricsWebSocketSender(uri, monitor_factory=Kept)
    older.send_training_mode(False)
    assert kept(older).options.get("server") == server
    told = MetricsWebSocketSender(uri, monitor_factory=Kept, server="other:1")
    told.send_training_mode(False)
    assert kept(told).options["server"] == "other:1"


def test_a_monitor_of_ones_own_is_used_and_left_open() -> None:
    own = Kept("mine")
    older = MetricsWebSocketSender(monitor=own)
    older.send_training_mode(False)
    older.send_training_end(1, {"status": "completed"})
    older.send_training_mode(False)
    assert older.monitor is own
    assert older.close()
    assert not own.closed


def test_the_methods_of_newer_releases() -> None:
    older = sender()
    older.send_epoch_start(0, 3)
    older.send_batch_metrics(1, 0, np.float32(0.5), None, 0, recall=0.25, f1=np.float64(0.75))
    older.send_lr_update(np.float64(1e-3), 1, 0, scheduler_type="StepLR")
    older.send_gradient_stats(1, 2.0, {"conv1": np.float32(1.5)}, 1.5, 0.5)
    older.send_batch_metrics(2, 1, 0.5, 0.75, 0, client_id=3, round_num=1)
    older.send_status("error", "no more memory")
    seen = kept(older)
    values = [
        {s.name: s.value for s in record.scalars.values}
        for record in seen.records
        if record.HasField("scalars")
    ]
    assert values == [
        {"recall": 0.25, "f1": 0.75},
        {"learning_rate": 1e-3},
        {"total_norm": 2.0, "max_norm": 1.5, "min_norm": 0.5, "layer_norms/conv1": 1.5},
        {"client/3/loss": 0.5, "client/3/accuracy": 0.75},
    ]
    assert seen.statuses == [
        ("running", "epoch 0 begins"),
        ("failed", "no more memory"),
    ]
    assert seen.messages == [], "all of it is understood"
    assert older.websocket_uri == "ws://localhost:8765"


@pytest.mark.parametrize("name", ["metric_type", "type"])
def test_a_messages_type_is_given_by_either_name(name: str) -> None:
    older = sender()
    data = {"epoch": 1, "phase": "train", "metrics": {"loss": 0.5}}
    older.send_metrics(data, **{name: "epoch_end"})
    older.send_metrics(data)  # the type that releases send where none is given
    older.send_metrics(data=data, metric_type="epoch_end")
    assert [r.epoch_data.average_loss for r in kept(older).records] == [0.5] * 3


def test_a_method_that_no_release_has_sends_a_message_of_its_type() -> None:
    older = sender()
    older.send_confusion_matrix([[1, 2], [3, 4]], epoch=3)
    older.send_confusion_matrix({"matrix": [[1]]})
    older.send_epoch_end(1, "val", {"loss": 0.5}, learning_rate=0.1)
    first, second, epoch = kept(older).records
    assert first.event.kind == "relay/confusion_matrix"
    assert '"epoch": 3' in first.event.fields["data"]
    assert "[[1]]" in second.event.fields["data"]
    assert epoch.validation.loss == 0.5
    assert [text for _, text in kept(older).messages] == [
        "Not understood: the type 'confusion_matrix', which is kept as an event.",
        "Not understood: the field 'learning_rate' of epoch_end.",
    ]
    with pytest.raises(AttributeError, match="no_such"):
        _ = older.no_such
    assert not hasattr(older, "close_all")


@pytest.mark.filterwarnings("ignore")
def test_arguments_that_no_release_has_raise_nothing() -> None:
    older = sender()
    for name in dir(MetricsWebSocketSender):
        if name.startswith("send_"):
            method = getattr(older, name)
            assert method() is None
            assert method(*range(20)) is None
            assert method(nobody_knows=1) is None


@pytest.mark.filterwarnings("ignore")
def test_nothing_raises() -> None:
    class Broken(Kept):
        def _put(self, *_: Any) -> None:
            raise RuntimeError("out of order")

    for make in (Kept, Broken):
        older = MetricsWebSocketSender(monitor_factory=make)
        for odd in (None, object(), [], "x", {"loss": object()}, {1: {2: {3}}}):
            older.send_metrics(odd, "anything")  # type: ignore[arg-type]
            older.send_epoch_end(odd, odd, odd)  # type: ignore[arg-type]
            older.send_round_end(odd, odd, odd, odd)  # type: ignore[arg-type]
            older.send_training_end(odd, odd)  # type: ignore[arg-type]
            older.send_error(odd, odd)  # type: ignore[arg-type]


def test_an_argument_that_nobody_knows() -> None:
    with pytest.raises(TypeError, match="no argument 'sevrer'"):
        MetricsWebSocketSender(sevrer="x")
