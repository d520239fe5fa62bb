"""Names of metrics: stable, told apart, and known by what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._metric_names import epoch_names, is_plain_name, metric_name, validation_name

ANYTHING = st.text(st.characters(), max_size=600)


@given(ANYTHING)
def test_every_name_becomes_one_that_is_stored(given_: str) -> None:
    name = metric_name(given_)
    assert len(name) <= 256
    name.encode()
    assert metric_name(given_) == name
    if is_plain_name(given_):
        assert name == given_


@given(ANYTHING, ANYTHING)
def test_two_names_stay_two(one: str, other: str) -> None:
    start = "a" * 250
    if one != other and "\\" not in one + other:
        assert metric_name(start + one) != metric_name(start + other)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("val_loss", "loss"),
        ("val/ppl", "ppl"),
        ("val_val_x", "val_x"),
        ("value", None),
        ("val", None),
        ("val_", None),
        ("eval_loss", None),
    ],
)
def test_a_validations_name(name: str, bare: str | None) -> None:
    assert validation_name(name) == bare


@pytest.mark.parametrize(
    "name", ["lr", "LR", "learning rate", "Learning Rate", "learning-rate", "LEARNING_RATE"]
)
def test_a_learning_rate_is_known_however_it_is_written(name: str) -> None:
    assert epoch_names(["loss", name]) == {"loss": "loss", name: "learning_rate"}


def test_names_that_would_meet_stay_apart() -> None:
    assert epoch_names(["lr", "learning_rate"]) == {"lr": "lr", "learning_rate": "learning_rate"}
    assert epoch_names(["lr", "Learning Rate"]) == {"lr": "lr", "Learning Rate": "Learning Rate"}
