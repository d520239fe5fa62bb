from __future__ import annotations

import pytest
import torch

from livetrain._lightning.metrics import (
    FreshMetrics,
    epoch_metrics,
    step_loss,
    step_metrics,
    validation_metrics,
)


def test_only_what_was_logged_since_the_last_look_is_fresh() -> None:
    fresh, metrics = FreshMetrics(), {"acc": torch.tensor(0.5), "val_loss": torch.tensor(2.0)}
    assert fresh.take(metrics) == metrics
    metrics["acc"] = torch.tensor(0.5)
    assert list(fresh.take(metrics)) == ["acc"]


def test_a_view_of_a_known_value_is_not_fresh() -> None:
    fresh, value = FreshMetrics(), torch.tensor(0.5)
    fresh.take({"acc": value})
    assert fresh.take({"acc": value.detach()}) == {}


def test_a_freed_value_cannot_hide_its_successor() -> None:
    fresh = FreshMetrics()
    for step in range(100):
        metrics = {"acc": torch.tensor(float(step))}
        assert float(fresh.take(metrics)["acc"]) == step
        del metrics


def test_the_second_name_of_a_value_is_left_out() -> None:
    value = torch.tensor(0.5)
    assert list(FreshMetrics().take({"acc": value, "acc_step": value.detach()})) == ["acc"]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"loss": torch.tensor(0.5, requires_grad=True), "logits": 1}, 0.5),
        (torch.tensor(0.5), 0.5),
        (torch.tensor([0.25, 0.75]), 0.5),
        (0.5, 0.5),
        (None, 2.0),
        ({}, 2.0),
    ],
)
def test_the_loss_of_a_step(outputs: object, expected: float) -> None:
    loss = step_loss(outputs, {"train_loss": torch.tensor(2.0)})
    assert float(loss) == expected
    assert not getattr(loss, "requires_grad", False)


def test_a_step_without_any_loss_has_none() -> None:
    assert step_loss(None, {"acc": torch.tensor(1.0)}) is None


def test_names_that_the_callback_gives_itself_are_left_to_it() -> None:
    logged = {"loss": 1.0, "accuracy": 1.0, "learning_rate": 1.0, "epoch": 1.0, "acc": 0.5}
    assert step_metrics(logged) == {"acc": 0.5}
    assert epoch_metrics({**logged, "f1_epoch": 0.25}) == {"acc": 0.5, "f1": 0.25}


def test_validation_values_lose_their_prefix() -> None:
    logged = {"val_loss": 1.0, "val/acc": 0.5, "val_f1_epoch": 0.25, "recall": 0.75, "epoch": 3.0}
    assert validation_metrics(logged) == {"loss": 1.0, "accuracy": 0.5, "f1": 0.25, "recall": 0.75}


def test_an_accuracy_called_so_is_not_replaced() -> None:
    assert validation_metrics({"val_acc": 0.5, "val_accuracy": 0.75})["accuracy"] == 0.75
