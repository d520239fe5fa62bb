"""What publishers of the relay say, as records, and what trainings do, as messages; there and back is the same."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from livetrain._relay_messages import records_of
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.relay_view import Story
from tests.unit.server.dialects.world import event, run


def seen(*records: pb.TelemetryRequest, **of: Any) -> list[tuple[str, dict[str, Any]]]:
    story = Story(run(**of))
    told = []
    for offset, record in enumerate(records, 1):
        happened = event(offset)
        happened.record.MergeFrom(record)
        told += list(story.told(happened))
        step = story.step(happened)
        told += [] if step is None else [step]
    json.dumps(told, allow_nan=False)
    return told


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (
            "epoch_end",
            {"epoch": 3, "phase": "train", "metrics": {"loss": 0.5, "accuracy": 0.75, "f1": 0.125}},
        ),
        ("epoch_end", {"epoch": 1, "phase": "val", "metrics": {"loss": 0.5, "auroc": 0.9}}),
        ("epoch_start", {"epoch": 3, "total_epochs": 10}),
        (
            "round_start",
            {"round": 2, "total_rounds": 5, "client_id": "7", "local_epochs": 3.0},
        ),
        (
            "round_end",
            {"round": 2, "total_rounds": 5, "fit_metrics": {"a": 1.0}, "eval_metrics": {"b": 2.0}},
        ),
        ("round_metrics", {"round": 2, "total_rounds": 5, "metrics": {"loss": 0.25}}),
        (
            "client_progress",
            {"client_id": "3", "round": 2, "total_rounds": 5, "local_epoch": 1.0, "metrics": {}},
        ),
        (
            "client_complete",
            {
                "client_id": "3",
                "round": 2,
                "total_rounds": 5,
                "num_samples": 96.0,
                "metrics": {"loss": 0.5},
            },
        ),
        (
            "client_training_start",
            {"client_id": "3", "round": 2, "total_rounds": 5, "metrics": {}},
        ),
        (
            "batch_metrics",
            {
                "step": 7,
                "batch_idx": 2,
                "loss": 0.5,
                "accuracy": 0.25,
                "epoch": 2,
                "timestamp": 1700000000.5,
            },
        ),
        (
            "early_stopping",
            {
                "epoch": 7,
                "best_metric_value": 0.923,
                "metric_name": "val_recall",
                "patience": 7,
                "reason": "no more",
            },
        ),
        ("status", {"status": "paused", "message": "a moment"}),
        ("error", {"error": "out of memory", "error_type": "training_error"}),
        ("their_own", {"deep": {"list": [1, None, "x"]}}),
    ],
)
def test_there_and_back(kind: str, data: dict[str, Any]) -> None:
    told = dict(seen(*records_of(kind, data)))
    if kind == "round_start":
        assert told[kind].pop("run_id") == "run1"
    assert told[kind] == data


def test_a_centralised_training_from_end_to_end() -> None:
    records = [
        pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.RUNNING)),
        pb.TelemetryRequest(batch_data=pb.BatchData(step=0, batch_loss=1.0)),
        *[
            pb.TelemetryRequest(
                epoch_data=pb.EpochData(epoch=n, average_loss=1, has_loss=True, validation_loss=v)
            )
            for n, v in enumerate([0.7, 0.3, 0.5])
        ],
        pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.COMPLETED)),
    ]
    told = seen(*records, config=pb.TrainingConfig(total_epochs=3))
    assert [kind for kind, _ in told] == [
        *("training_mode", "training_start", "batch_metrics"),
        *("epoch_end", "epoch_end") * 3,
        "training_end",
    ]
    assert told[0][1] == {"is_federated": False, "num_rounds": 0, "num_clients": 0}
    assert told[1][1] == {
        "run_id": "run1",
        "experiment_name": "digits",
        "max_epochs": 3,
        "training_mode": "centralized",
    }
    assert [data["epoch"] for kind, data in told if kind == "epoch_end"] == [1, 1, 2, 2, 3, 3]
    assert told[-1][1] == {
        "run_id": "run1",
        "status": "completed",
        "best_epoch": 2,
        "final_metrics": {"loss": 0.5},
    }


def test_a_first_round_makes_it_a_federated_training() -> None:
    told = seen(
        pb.TelemetryRequest(scalars=pb.Scalars(values=[pb.Scalar(name="x", value=1)])),
        *records_of("round_metrics", {"round": 1, "total_rounds": 5, "metrics": {"loss": 1}}),
    )
    modes = [data for kind, data in told if kind == "training_mode"]
    assert [mode["is_federated"] for mode in modes] == [False, True]
    assert modes[1]["num_rounds"] == 5
    assert [kind for kind, _ in told].count("training_start") == 1


def test_settings_may_say_that_it_is_federated() -> None:
    text = json.dumps({"is_federated": True, "num_rounds": 9, "num_clients": 4})
    (mode, start) = seen(
        pb.TelemetryRequest(batch_data=pb.BatchData()),
        config=pb.TrainingConfig(config_json=text),
    )
    assert mode[1] == {"is_federated": True, "num_rounds": 9, "num_clients": 4}
    assert start[1]["training_mode"] == "federated"


def test_an_error_of_the_training_that_goes_on_is_not_terminal() -> None:
    assert not seen(pb.TelemetryRequest(event=pb.Event(kind="error", message="one bad batch")))


def test_after_a_terminal_error_there_is_no_second_end() -> None:
    told = seen(*records_of("error", {"error": "boom", "error_type": "training_error"}))
    assert [kind for kind, _ in told] == ["error"]


def test_a_failure_says_why() -> None:
    update = pb.StatusUpdate(status=pb.FAILED, message="boom")
    (end,) = seen(pb.TelemetryRequest(status_update=update))
    assert (end[1]["status"], end[1]["error"]) == ("failed", "boom")


def test_the_summary_of_an_end_is_passed_on_with_our_id() -> None:
    summary = {"run_id": 42, "status": "completed", "best_epoch": 10, "final_metrics": {"f1": 0.9}}
    (end,) = seen(*records_of("training_end", summary))
    assert end == ("training_end", {**summary, "run_id": "run1"})


def test_without_batches_an_epoch_stands_for_the_step() -> None:
    (record,) = records_of("epoch_end", {"epoch": 4, "phase": "train", "metrics": {"loss": 1}})
    assert (record.epoch_data.epoch, record.epoch_data.step) == (3, 3)
    (record,) = records_of("epoch_end", {"epoch": 4, "phase": "train", "metrics": {}}, step=99)
    assert record.epoch_data.step == 99


def test_numbers_are_exact_and_each_stands_for_itself() -> None:
    metrics = {
        "loss": 0.1,
        "Learning Rate": 1e-50,
        "val_ppl": 16777217,
        "per": {"class": {"a": 1, 2: 3}},
        "huge": 10**400,
        "text": "x",
        "y" * 300: 2.0,
        "": 1.0,
    }
    (record,) = records_of("epoch_end", {"epoch": 1, "phase": "train", "metrics": metrics})
    data = record.epoch_data
    assert (data.exact_loss, data.exact_learning_rate) == (0.1, 1e-50)
    assert {s.name: s.value for s in data.validation_metrics} == {"ppl": 16777217.0}
    names = {s.name: s.value for s in data.metrics}
    assert {n: v for n, v in names.items() if len(n) < 50} == {"per/class/a": 1, "per/class/2": 3}
    assert [len(n) for n in names if len(n) > 50] == [256]
    (record,) = records_of("batch_metrics", {"step": 1, "loss": 0.1, "accuracy": 10**400})
    assert record.batch_data.exact_loss == 0.1
    assert not record.batch_data.HasField("batch_accuracy")
    (record,) = records_of("epoch_end", {"epoch": 1, "phase": "val", "metrics": {"val_loss": 0.1}})
    assert record.validation.loss == 0.1
    (record,) = records_of("round_end", {"round": 1, "fit_metrics": {"a": {"b": 1}}})
    assert {s.name for s in record.round.fit_metrics} == {"a/b"}


def test_batches_of_clients_are_curves_of_their_own() -> None:
    data = {"step": 3, "loss": 0.5, "client_id": "c1", "epoch": 1}
    (record,) = records_of("batch_metrics", data)
    assert [(s.name, s.value) for s in record.scalars.values] == [("client/c1/loss", 0.5)]


@pytest.mark.parametrize("odd", [None, "x", [], {}, True, 10**400, -5, 1e300, math.nan, math.inf])
@pytest.mark.parametrize(
    "kind",
    [
        *("training_mode", "training_start", "epoch_start", "epoch_end", "round_start"),
        *("round_end", "round_metrics", "client_training_start", "client_progress"),
        *("client_complete", "batch_metrics", "early_stopping", "status", "training_end"),
        *("error", "ping", "unknown", ""),
    ],
)
def test_nonsense_is_borne(kind: str, odd: Any) -> None:
    names = (
        *("epoch", "metrics", "phase", "round", "total_rounds", "client_id", "step", "loss"),
        *("timestamp", "batch_idx", "max_epochs", "status", "message", "error", "run_id"),
    )
    for data in ({name: odd for name in names}, {"metrics": {"loss": odd, "x": odd}}):
        seen(*records_of(kind, data))


def test_text_that_utf8_cannot_hold_is_borne() -> None:
    bad = "\ud800"
    for kind in ("status", "unknown", "error"):
        seen(*records_of(kind, {"message": bad, "error": bad, bad: bad}))
    seen(*records_of("round_metrics", {"metrics": {bad: 1}, "client_id": bad}))
