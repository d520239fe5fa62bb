"""What a training came to, as viewers of the relay ask for it."""

from __future__ import annotations

import json
import math
from typing import Any

from livetrain._relay_messages import MessageReader
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.training_report import TrainingReport


def report(*said: tuple[str, dict[str, Any]]) -> TrainingReport:
    found, reader = TrainingReport(), MessageReader()
    for kind, data in said:
        for record in reader.read(kind, data):
            found.add(pb.TelemetryRequest.FromString(record.SerializeToString()))
    return found


def epoch(number: int, phase: str, **metrics: float) -> tuple[str, dict[str, Any]]:
    return "epoch_end", {"epoch": number, "phase": phase, "metrics": metrics}


def test_nothing_told_is_nothing_invented() -> None:
    empty = report()
    assert empty.history() == []
    assert set(empty.final_metrics().values()) == {None}
    assert (empty.confusion_matrix(), empty.total_epochs(0)) == (None, 0)
    assert empty.rounds()["rounds"] == empty.evaluations()["evaluations"] == []
    assert not empty.rounds()["is_federated"]


def test_what_a_training_says_of_itself_comes_first() -> None:
    told = report(
        epoch(1, "train", loss=1.0, accuracy=0.25, precision=0.5),
        epoch(1, "val", loss=2.0, val_f1=0.75, val_auroc=0.9),
        (
            "training_end",
            {
                "final_metrics": {"accuracy": 0.9, "loss": None},
                "confusion_matrix": [[1, 2], [3, 4]],
            },
        ),
    )
    assert told.final_metrics() == {
        "accuracy": 0.9,
        "precision": 0.5,
        "recall": None,
        "f1_score": 0.75,
        "auc": 0.9,
        "loss": 2.0,
    }
    assert told.confusion_matrix() == [[1, 2], [3, 4]]
    assert told.total_epochs(7) == 7


def test_an_epoch_that_comes_again_is_one_row_and_what_is_not_finite_is_none() -> None:
    told = report(
        epoch(1, "train", loss=1.0),
        epoch(2, "train", loss=math.nan),
        epoch(1, "train", loss=0.5),
        epoch(1, "val", loss=0.25, acc=1.0),
    )
    first, second = told.history()
    assert (first["train_loss"], first["val_loss"], first["val_acc"]) == (0.5, 0.25, 1.0)
    assert second == {**dict.fromkeys(second), "epoch": 2}
    json.dumps(told.history(), allow_nan=False)
    assert told.history_csv().splitlines()[0] == "epoch,train_loss,val_loss,train_acc,val_acc"


def test_rounds_stand_for_epochs_where_there_are_none() -> None:
    told = report(
        ("training_mode", {"is_federated": True, "num_rounds": 3, "num_clients": 2}),
        ("client_complete", {"round": 1, "client_id": "a", "metrics": {"loss": 4.0}}),
        ("round_end", {"round": 1, "fit_metrics": {"loss": 3.0}, "eval_metrics": {"loss": 2.0}}),
        ("round_metrics", {"round": 1, "metrics": {"accuracy": 0.5}}),
    )
    rounds = told.rounds()
    assert (rounds["num_rounds"], rounds["num_clients"]) == (3, 2)
    assert rounds["rounds"] == [
        {
            "round": 1,
            "fit_metrics": {"loss": 3.0},
            "eval_metrics": {"loss": 2.0},
            "metrics": {"accuracy": 0.5},
            "clients": {"a": {"loss": 4.0}},
        }
    ]
    (row,) = told.history()
    assert (row["epoch"], row["train_loss"], row["val_loss"], row["val_acc"]) == (1, 3.0, 2.0, 0.5)
    assert told.final_metrics()["loss"] == 2.0
    assert told.evaluations()["has_server_evaluation"]


def test_a_summary_that_is_odd_is_borne() -> None:
    told = TrainingReport()
    fields = {"final_metrics": "[1", "accuracy": "NaN", "confusion_matrix": '"x"', "loss": "[]"}
    told.add(pb.TelemetryRequest(event=pb.Event(kind="training_end", fields=fields)))
    assert set(told.final_metrics().values()) == {None}
    assert told.confusion_matrix() == "x"
