"""An optimizer that is attached again is the same, a new one takes the place of one that is gone, and groups follow."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

import livetrain


def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(1))


def sgd(*weights: torch.nn.Parameter, lr: Any = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(weights or [weight()], lr=lr)


class Steered:
    def __init__(self, **options: Any) -> None:
        self.monitor = livetrain.Monitor(enabled=False, **options)

    @property
    def names(self) -> list[str]:
        return list(self.monitor._steering.control._settings)

    def set(self, text: str, name: str = "learning_rate") -> None:
        setting = self.monitor._steering.control._settings[name]
        setting.apply(text)

    def boundary(self) -> None:
        self.monitor._steering.boundary(1, 0)


def test_attached_in_each_epoch_it_is_one_setting() -> None:
    steered, optimizer = Steered(), sgd()
    for _ in range(3):
        steered.monitor.attach(optimizer)
    assert steered.names == ["learning_rate"]
    assert len(optimizer._optimizer_step_pre_hooks) == 1


def test_a_new_optimizer_of_the_same_weights_takes_the_place_and_what_was_set_goes_on() -> None:
    steered, one = Steered(), weight()
    old = sgd(one)
    steered.monitor.attach(old)
    steered.set("0.01")
    new = sgd(one, lr=0.2)
    steered.monitor.attach(new)
    assert steered.names == ["learning_rate"]
    assert new.param_groups[0]["lr"] == 0.01
    steered.set("follow")
    assert new.param_groups[0]["lr"] == 0.2
    assert old.param_groups[0]["lr"] == 0.01, "nobody steers it any more"
    assert not old._optimizer_step_pre_hooks


def test_two_optimizers_that_both_train_have_a_setting_each() -> None:
    steered, first, second = Steered(), sgd(), sgd()
    steered.monitor.attach(first)
    steered.monitor.attach(second)
    steered.monitor.attach(first)
    assert steered.names == ["learning_rate", "learning_rate/2"]
    steered.set("0.01", "learning_rate/2")
    assert (first.param_groups[0]["lr"], second.param_groups[0]["lr"]) == (0.1, 0.01)


def test_one_that_is_gone_is_refused_and_replaced_by_the_next() -> None:
    steered = Steered()
    optimizer = sgd()
    torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)  # which makes a circle of references
    steered.monitor.attach(optimizer)
    steered.set("0.01")
    del optimizer
    other = sgd()
    steered.monitor.attach(other)
    assert steered.names == ["learning_rate"]
    assert other.param_groups[0]["lr"] == 0.01
    del other
    with pytest.raises(Exception, match="the optimizer is gone; attach the one that is used now"):
        steered.set("0.5")
    steered.boundary()


def test_a_group_that_is_added_while_a_rate_is_held_is_held_and_can_be_set_alone() -> None:
    steered, optimizer = Steered(), sgd()
    steered.monitor.attach(optimizer)
    steered.set("0.01")
    optimizer.add_param_group({"params": [weight()], "lr": 0.3})
    steered.boundary()
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01]
    assert steered.names == ["learning_rate", "learning_rate/group0", "learning_rate/group1"]
    steered.set("0.02", "learning_rate/group1")
    steered.boundary()
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.02]
    steered.set("follow")
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.3]


@pytest.mark.parametrize("rate", [lambda: 0.1, None, "fast"], ids=["callable", "none", "text"])
def test_a_rate_that_cannot_be_read_costs_the_setting_and_not_the_training(
    rate: Any, caplog: pytest.LogCaptureFixture
) -> None:
    steered, optimizer = Steered(), sgd()
    optimizer.param_groups[0]["lr"] = rate
    with caplog.at_level(logging.WARNING, "livetrain"):
        steered.monitor.attach(optimizer)
    assert steered.names == []
    assert optimizer.param_groups[0]["lr"] is rate


def test_a_rate_that_becomes_unreadable_is_left_alone() -> None:
    steered, optimizer = Steered(), sgd()
    steered.monitor.attach(optimizer)
    steered.set("0.01")
    optimizer.param_groups[0]["lr"] = "fast"
    steered.boundary()
    assert optimizer.param_groups[0]["lr"] == "fast"


def test_a_scheduler_that_raises_raises_as_it_does_and_the_rate_holds() -> None:
    class Broken(torch.optim.lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            if self.last_epoch > 0:
                raise ZeroDivisionError("its own")
            return [0.1]

    steered, optimizer = Steered(), sgd()
    scheduler = Broken(optimizer)
    steered.monitor.attach(optimizer)
    steered.set("0.01")
    optimizer.step()
    with pytest.raises(ZeroDivisionError, match="its own"):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.01


def test_what_was_set_goes_on_in_another_process() -> None:
    first, optimizer = Steered(), sgd()
    first.monitor.attach(optimizer)
    first.set("0.01")
    state = {**first.monitor.resume_state(), "session_id": "s", "resume_token": "t"}
    assert state["rates"] == {"learning_rate": [[0.01, 1.0, 0.1, 0.01]]}
    second, other = Steered(resume=state), sgd()
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["lr"] == 0.1, "what is saved is the schedule's"
    second.monitor.attach(other)
    assert other.param_groups[0]["lr"] == 0.01
    second.set("follow")
    assert other.param_groups[0]["lr"] == 0.1


def test_a_rate_that_was_saved_as_it_was_set_is_not_taken_for_the_schedules() -> None:
    first, optimizer = Steered(), sgd()
    first.monitor.attach(optimizer)
    first.set("0.01")
    state = {**first.monitor.resume_state(), "session_id": "s", "resume_token": "t"}
    second, other = Steered(resume=state), sgd(lr=0.01)  # as one without hooks saves it
    second.monitor.attach(other)
    second.set("follow")
    assert other.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    "rates", [3, {"learning_rate": [[1, 2]]}, {"learning_rate": [["a", 1, 1, 1]]}]
)
def test_rates_that_are_none_are_refused_with_the_state(rates: Any) -> None:
    state = {"session_id": "s", "resume_token": "t", "step": 1, "epoch": 0, "rates": rates}
    with pytest.raises(livetrain.ConfigurationError, match="not the state of a run"):
        livetrain.Monitor(enabled=False, resume=state)
