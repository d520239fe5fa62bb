"""What publishers of the relay say, as records, and what trainings do, as messages; there and back is the same."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._relay_messages import TYPES, MessageReader
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialects.relay_view import Story
from livetrain.server.points import series_of
from tests.unit.server.dialects.world import event, run


def records_of(kind: str, data: dict[str, Any], **more: Any) -> list[pb.TelemetryRequest]:
    """Return what the only message of a training means."""
    reader = MessageReader()
    reader.step = more.get("step")
    return reader.read(kind, data)


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
    told = {"epoch": 1, "phase": "train", "metrics": metrics}
    record, validated = records_of("epoch_end", told)
    data = record.epoch_data
    assert (data.exact_loss, data.exact_learning_rate) == (0.1, 1e-50)
    assert {s.name: s.value for s in validated.validation.metrics} == {"ppl": 16777217.0}
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


def curves(*said: tuple[str, dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return the points of a training's messages by curve, as they would be stored."""
    reader, found = MessageReader(), {}
    for kind, data in said:
        for record in reader.read(kind, data):
            for name, series in series_of(record, received_ms=1).items():
                points = zip(series.steps.tolist(), series.values.tolist(), strict=True)
                found.setdefault(name, []).extend(points)
    return found


@pytest.mark.parametrize(("first", "steps"), [(0, [0, 1, 2]), (1, [0, 1, 2]), (5, [4, 5, 6])])
def test_a_training_whose_first_number_is_0_counts_from_0(first: int, steps: list[int]) -> None:
    told = curves(
        *[
            ("epoch_end", {"epoch": epoch, "phase": "train", "metrics": {"loss": 1.0}})
            for epoch in range(first, first + 3)
        ]
    )
    assert [step for step, _ in told["epoch/loss"]] == steps


def test_epochs_of_batches_are_counted_on_their_own() -> None:
    reader = MessageReader()
    (batch,) = reader.read("batch_metrics", {"step": 1, "epoch": 0, "loss": 1})
    (epoch,) = reader.read("epoch_end", {"epoch": 1, "phase": "train", "metrics": {}})
    assert (batch.batch_data.epoch, epoch.epoch_data.epoch) == (0, 0)
    (batch,) = reader.read("batch_metrics", {"step": 2, "epoch": 1, "loss": 1})
    assert batch.batch_data.epoch == 1


@pytest.mark.parametrize(
    ("phase", "metrics", "expected"),
    [
        ("val", {"val_loss": 1.0, "val_acc": 0.5}, {"val/loss": 1.0, "val/accuracy": 0.5}),
        ("validation", {"loss": 1.0, "val_loss": 2.0}, {"val/loss": 1.0}),
        ("VAL", {"val/loss": 1.0, "acc": 0.5}, {"val/loss": 1.0, "val/accuracy": 0.5}),
        ("train", {"train_loss": 1.0, "train_f1": 0.5}, {"epoch/loss": 1.0, "epoch/f1": 0.5}),
        ("train", {"loss": 1.0, "val_loss": 2.0}, {"epoch/loss": 1.0, "val/loss": 2.0}),
        ("test", {"test_loss": 1.0, "test_acc": 0.5}, {"test/loss": 1.0, "test/accuracy": 0.5}),
        (None, {"loss": 1.0}, {"epoch/loss": 1.0}),
        ("train", {"epoch": 3, "global_step": 30, "loss": 1.0}, {"epoch/loss": 1.0}),
        ("warmup", {"loss": 1.0, "val_": 2.0}, {"warmup/loss": 1.0, "warmup/val_": 2.0}),
    ],
)
def test_names_may_repeat_the_phase(
    phase: str | None, metrics: dict[str, float], expected: dict[str, float]
) -> None:
    told = curves(("epoch_end", {"epoch": 1, "phase": phase, "metrics": metrics}))
    assert {name: points[0][1] for name, points in told.items()} == expected
    assert all(len(points) == 1 for points in told.values())


def test_a_number_that_comes_with_each_phase_is_one_point() -> None:
    both = {"train_loss": 1.0, "val_loss": 2.0}
    told = curves(
        *[
            ("epoch_end", {"epoch": epoch, "phase": phase, "metrics": both})
            for epoch in (1, 2)
            for phase in ("train", "val")
        ]
    )
    assert told == {
        "epoch/loss": [(0, 1.0), (1, 1.0)],
        "val/loss": [(0, 2.0), (1, 2.0)],
    }


def test_every_number_of_a_step_is_a_curve() -> None:
    told = curves(
        ("batch_metrics", {"step": 3, "loss": 0.5, "recall": 0.25, "f1": 0.75, "auroc": 0.9}),
        ("lr_update", {"current_lr": 1e-3, "step": 3, "epoch": 1, "scheduler_type": "StepLR"}),
        (
            "gradient_stats",
            {"step": 3, "total_norm": 2, "max_norm": 1.5, "layer_norms": {"fc": 1.5, "a.b": 0.5}},
        ),
        ("lr_update", {"current_lr": 1e-4, "client_id": 0}),
    )
    assert told == {
        "loss": [(3, 0.5)],
        "recall": [(3, 0.25)],
        "f1": [(3, 0.75)],
        "auroc": [(3, 0.9)],
        "learning_rate": [(3, 1e-3)],
        "total_norm": [(3, 2.0)],
        "max_norm": [(3, 1.5)],
        "layer_norms/fc": [(3, 1.5)],
        "layer_norms/a.b": [(3, 0.5)],
        "client/0/learning_rate": [(3, 1e-4)],
    }


def test_epochs_of_clients_count_on_over_rounds() -> None:
    told = curves(
        *[
            (
                "epoch_end",
                {
                    "epoch": epoch,
                    "phase": phase,
                    "client_id": client,
                    "round_number": number,
                    "metrics": {"val_loss" if phase == "val" else "loss": 10 * number + epoch},
                },
            )
            for number in (1, 2)
            for client in (0, "b")
            for epoch in (1, 2)
            for phase in ("train", "val")
        ]
    )
    points = [(0, 11.0), (1, 12.0), (2, 21.0), (3, 22.0)]
    assert told == {
        f"client/{client}/{name}": points
        for client in (0, "b")
        for name in ("epoch/loss", "val/loss")
    }


@pytest.mark.parametrize("kind", ["status", "training_end", "error"])
def test_what_a_client_says_of_itself_is_not_how_the_training_stands(kind: str) -> None:
    data = {"client_id": 3, "status": "completed", "error": "boom"}
    (record,) = records_of(kind, data)
    assert record.event.kind == f"relay/{kind}"


def test_a_status_is_not_the_last_word() -> None:
    reader = MessageReader()
    reader.read("status", {"status": "completed"})
    first, _ = reader.read("epoch_end", {"epoch": 1, "phase": "train", "metrics": {}})
    assert first.status_update.status == pb.RUNNING
    reader.read("training_end", {"status": "completed"})
    (late,) = reader.read("epoch_end", {"epoch": 2, "phase": "train", "metrics": {}})
    assert late.HasField("epoch_data"), "what comes late takes no end back"


@pytest.mark.parametrize(
    ("kind", "data", "note"),
    [
        ("epoch_end", {"epoch": "1", "metrics": {}}, "epoch of epoch_end: '1' is a text"),
        ("epoch_end", {"epoch": 1, "metrics": {"loss": "low"}}, "metrics.loss of epoch_end"),
        ("epoch_end", {"epoch": 1, "metrics": [1]}, "metrics of epoch_end: '[1]' is no object"),
        ("epoch_end", {"epoch": 1, "metrics": {}, "more": 1}, "the field 'more' of epoch_end"),
        ("epoch_end", {"epoch": -1, "metrics": {}}, "epoch of epoch_end: '-1' is no whole number"),
        ("epoch_end", {"epoch": 1, "client_id": [], "metrics": {}}, "names nothing"),
        ("batch_metrics", {"step": 1e300, "loss": 1}, "step of batch_metrics"),
        ("batch_metrics", {"step": 1, "loss": 10**400}, "loss of batch_metrics"),
        ("batch_metrics", {"step": 1, "notes": "x"}, "notes of batch_metrics: 'x' is no number"),
        ("hello", {}, "the type 'hello'"),
        ("status", {"status": {}}, "status of status: '{}' is no text"),
    ],
)
def test_what_was_not_understood_is_named(kind: str, data: dict[str, Any], note: str) -> None:
    reader = MessageReader()
    reader.read(kind, data)
    assert any(note in said for said in reader.notes), reader.notes


def test_what_is_usual_is_understood() -> None:
    reader = MessageReader()
    for kind, data in (
        ("training_start", {"run_id": 1, "experiment_name": "x", "max_epochs": 3}),
        ("epoch_end", {"epoch": 1, "phase": "val", "metrics": {"loss": 1, "note": None}}),
        ("batch_metrics", {"step": 1, "loss": 1, "accuracy": None, "recall": None, "f1": None}),
        ("round_end", {"round": 1, "total_rounds": 2, "fit_metrics": {}, "eval_metrics": {}}),
        ("training_end", {"run_id": 1, "status": "completed", "best_epoch": 1}),
        ("ping", {}),
    ):
        reader.read(kind, data)
    assert reader.notes == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*TYPES, "other"]),
            st.dictionaries(
                st.sampled_from(["epoch", "step", "loss", "client_id", "round", "status", "x"]),
                st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]),
            ),
        ),
        max_size=12,
    )
)
def test_no_message_costs_another(said: list[tuple[str, dict[str, Any]]]) -> None:
    """Whatever came before: an epoch is on the curve, and its step is never below 0."""
    reader = MessageReader()
    for kind, data in said:
        reader.read(kind, data)
    last = {"epoch": 3, "phase": "train", "metrics": {"loss": 0.5}}
    records = reader.read("epoch_end", last)
    assert [r.epoch_data.exact_loss for r in records if r.HasField("epoch_data")] == [0.5]


def test_the_relays_other_numbers_are_seen_by_its_viewers() -> None:
    batch = {"step": 3, "batch_idx": 3, "epoch": 1, "loss": 0.5, "recall": 0.25, "f1": 0.75}
    rate = {"current_lr": 1e-3, "step": 3, "epoch": 1}
    norms = {"step": 3, "total_norm": 2.0, "max_norm": 1.5, "min_norm": 0.5}
    told = seen(
        *records_of("batch_metrics", {**batch, "timestamp": 1.7e9}),
        *records_of("lr_update", rate),
        *records_of("gradient_stats", {**norms, "layer_norms": {"fc": 1.5}}),
    )
    assert [kind for kind, _ in told if not kind.startswith("training")] == [
        *("batch_metrics", "batch_metrics", "lr_update", "gradient_stats"),
    ]
    by_kind = dict(told)
    assert by_kind["batch_metrics"] == {**batch, "timestamp": 1.7e9}
    assert by_kind["lr_update"] == rate
    assert by_kind["gradient_stats"] == {**norms, "layer_norms": {"fc": 1.5}}


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
