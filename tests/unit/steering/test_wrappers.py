"""What frameworks wrap around an optimizer: the one inside is steered, and registration never fails over it."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch

import livetrain
from livetrain._steering.wrappers import unwrapped


def plain() -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


class Unmade(torch.optim.Optimizer):
    """As Accelerate's: an optimizer by its class that was never initialised, so that it takes no hook."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def param_groups(self) -> Any:  # type: ignore[override]
        return self.optimizer.param_groups

    def step(self, closure: Any = None) -> Any:
        return self.optimizer.step(closure)


class Failing:
    """One of whose attributes nothing can be asked."""

    def __init__(self) -> None:
        self.param_groups = [{"lr": 0.1, "params": []}]

    @property
    def optimizer(self) -> Any:
        raise RuntimeError("not before the first step")

    def register_step_pre_hook(self, hook: Any) -> Any:
        raise NotImplementedError("no hooks here")


def test_the_innermost_optimizer_is_found() -> None:
    inner = plain()
    twice = Unmade(Unmade(inner))
    engine = types.SimpleNamespace(optimizer=twice)  # without groups of its own
    for target in (inner, Unmade(inner), twice, engine):
        assert unwrapped(target) is inner


def test_one_that_keeps_groups_of_its_own_is_what_is_steered() -> None:
    outer = types.SimpleNamespace(optimizer=plain(), param_groups=[{"lr": 0.1}])
    assert unwrapped(outer) is outer
    around_itself = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
    around_itself.optimizer = around_itself
    assert unwrapped(around_itself) is around_itself


@pytest.mark.parametrize("make", [lambda: Unmade(plain()), Failing], ids=["wrapper", "failing"])
def test_attaching_never_raises_over_a_hook_and_the_rate_is_what_was_set(make: Any) -> None:
    target = make()
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(target)
    control = monitor._steering.control
    control._settings["learning_rate"].apply("0.25")
    assert target.param_groups[0]["lr"] == 0.25


def test_a_rate_holds_in_the_optimizer_inside_whatever_a_scheduler_of_the_wrapper_writes() -> None:
    inner = plain()
    wrapper = Unmade(inner)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(wrapper, 0.5)
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(inner)
    setting = monitor._steering.control._settings["learning_rate"]
    setting.apply("x0.5")
    used = []
    for _ in range(3):
        (weight,) = inner.param_groups[0]["params"]
        weight.grad, before = torch.ones(1), weight.item()
        wrapper.step()
        used.append(before - weight.item())
        scheduler.step()
    assert used == pytest.approx([0.05, 0.025, 0.0125])


def test_what_is_no_optimizer_is_still_said() -> None:
    with pytest.raises(livetrain.UsageError, match="neither an optimizer nor a batch sampler"):
        livetrain.Monitor(enabled=False).attach(object())
