"""What can be set: ranges hold, schedulers do not undo it, and it can be undone."""

from __future__ import annotations

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._steering.batch_size import BatchSize
from livetrain._steering.rates import LearningRate, learning_rates
from livetrain._steering.settings import Handled, Refused, check_parameters
from livetrain.config import Parameter
from livetrain.proto import telemetry_pb2 as pb


def rate_of(groups: list[dict[str, float]]) -> LearningRate:
    return learning_rates(types.SimpleNamespace(param_groups=groups), 0.0, 10.0, "learning_rate")[0]


BAD_RATES = ["nan", "inf", "-1", "1e9", "abc", "", "x-1", "xnan", "x1e9", "follow it"]


@pytest.mark.parametrize("text", BAD_RATES)
def test_a_rate_that_makes_no_sense_is_refused_and_changes_nothing(text: str) -> None:
    groups = [{"lr": 0.1}]
    rate = rate_of(groups)
    with pytest.raises(Refused):
        rate.apply(text)
    assert groups == [{"lr": 0.1}]


def test_a_held_rate_survives_a_scheduler_and_is_followed_again() -> None:
    groups = [{"lr": 0.1}, {"lr": 0.2}]
    rate = rate_of(groups)
    rate.apply("0.05")
    assert rate.current() == "0.05"
    groups[0]["lr"], groups[1]["lr"] = 0.09, 0.18  # the scheduler's next step
    rate.hold()
    assert [g["lr"] for g in groups] == [0.05, 0.05]
    rate.apply("follow")
    assert [g["lr"] for g in groups] == [0.09, 0.18]


def test_a_scaled_rate_moves_with_its_scheduler() -> None:
    groups = [{"lr": 0.1}]
    rate = rate_of(groups)
    rate.apply("x0.5")
    groups[0]["lr"] = 0.08
    rate.hold()
    assert groups[0]["lr"] == pytest.approx(0.04)
    rate.apply("x0.5")  # of what it is now
    assert groups[0]["lr"] == pytest.approx(0.02)


def test_undo_goes_back_one_by_one() -> None:
    groups = [{"lr": 0.1}]
    rate = rate_of(groups)
    with pytest.raises(Refused, match="nothing was set"):
        rate.apply("undo")
    rate.apply("0.05")
    rate.apply("x2")  # of what it is now
    assert groups[0]["lr"] == pytest.approx(0.1)
    rate.apply("undo")
    assert groups[0]["lr"] == 0.05
    rate.apply("undo")
    assert groups[0]["lr"] == 0.1


def test_without_a_command_nothing_is_touched() -> None:
    groups = [{"lr": 0.1}]
    rate = rate_of(groups)
    groups[0]["lr"] = 0.07
    rate.hold()
    assert groups[0]["lr"] == 0.07


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["follow", "undo", "hold", *BAD_RATES]),
            st.floats(0, 10).map(str),
            st.floats(0, 20).map(lambda factor: f"x{factor}"),
            st.floats(0.001, 1).map(lambda written: f"={written}"),
        )
    )
)
def test_no_series_of_commands_leaves_the_range(texts: list[str]) -> None:
    groups = [{"lr": 0.1}]
    rate = rate_of(groups)
    for text in texts:
        if text == "hold":
            rate.hold()
        elif text.startswith("="):
            groups[0]["lr"] = float(text[1:])
        else:
            try:
                rate.apply(text)
            except Refused:
                continue
            assert 0.0 <= groups[0]["lr"] <= 10.0


@pytest.mark.parametrize("text", ["0", "-4", "1.5", "many", "70000"])
def test_a_batch_size_that_makes_no_sense_is_refused(text: str) -> None:
    sampler = types.SimpleNamespace(batch_size=32)
    with pytest.raises(Refused):
        BatchSize(sampler, 1, 65536).apply(text)
    assert sampler.batch_size == 32


def test_a_batch_size_is_written_into_the_sampler() -> None:
    sampler = types.SimpleNamespace(batch_size=32)
    size = BatchSize(sampler, 1, 65536)
    size.apply("64")
    assert (size.current(), sampler.batch_size) == ("64", 64)


def test_a_handler_says_what_took_effect() -> None:
    given_values: list[float] = []
    setting = Handled(
        "batch_size", lambda value: given_values.append(value) or 48, 1, 64, whole=True
    )
    setting.apply("50")
    assert setting.current() == "48"
    assert given_values == [50]
    with pytest.raises(Refused):
        setting.apply("65")


def test_parameters_of_a_custom_command_are_read_as_declared() -> None:
    declared = pb.ControlDeclaration(
        verb="sample_now",
        parameters=[
            Parameter("int", 1, 16, default=4).declare("count"),
            Parameter("choice", choices=("fast", "good")).declare("how"),
            Parameter("text", default="a cat").declare("prompt"),
        ],
    )
    assert check_parameters(declared, {"how": "good"}) == {
        "count": 4,
        "how": "good",
        "prompt": "a cat",
    }
    for wrong in (
        {"how": "best"},
        {"how": "good", "count": "17"},
        {"how": "good", "sise": "1"},
        {},
    ):
        with pytest.raises(Refused):
            check_parameters(declared, wrong)


def test_one_group_of_several_can_be_set_and_the_others_stay() -> None:
    groups = [{"lr": 0.1}, {"lr": 0.2}]
    optimizer = types.SimpleNamespace(param_groups=groups)
    together, first, second = learning_rates(optimizer, 0.0, 10.0, "learning_rate")
    assert second.declaration.name == "learning_rate/group1"
    together.apply("0.5")
    second.apply("0.01")
    for rate in (together, first, second):
        rate.hold()
    assert [g["lr"] for g in groups] == [0.5, 0.01]
    second.apply("undo")
    assert [g["lr"] for g in groups] == [0.5, 0.5]
    together.apply("follow")
    assert [g["lr"] for g in groups] == [0.1, 0.2]
