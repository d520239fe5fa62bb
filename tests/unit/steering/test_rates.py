"""A rate set from outside, beside every kind of scheduler: neither disturbs the other."""

from __future__ import annotations

import copy
import gc
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

import livetrain
from livetrain._steering.rates import LearningRate

SCHEDULERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=2, gamma=0.1),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=7, eta_min=0.01),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=5),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(
        o, max_lr=1.0, total_steps=30, cycle_momentum=False
    ),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=4),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.ExponentialLR(o, 0.9)], [4]
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1),
}


class World:
    """An optimizer with a scheduler, and another such pair that nobody touches."""

    def __init__(self, kind: str, lr: Any = 1.0) -> None:
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.optimizer = torch.optim.SGD([self.weight], lr=lr)
        self.scheduler = SCHEDULERS[kind](self.optimizer)
        other = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        self.undisturbed = other, SCHEDULERS[kind](other)
        for optimizer in (self.optimizer, other):
            optimizer.step()  # PyTorch wants a step of the optimizer before one of the scheduler
        self.monitor = livetrain.Monitor(enabled=False)
        self.monitor.attach(self.optimizer)

    @property
    def rate(self) -> LearningRate:
        setting = self.monitor._steering.control._settings["learning_rate"]
        assert isinstance(setting, LearningRate)
        return setting

    @property
    def truth(self) -> float:
        """What the schedule says."""
        return float(self.undisturbed[0].param_groups[0]["lr"])

    @property
    def used(self) -> float:
        """What a step of the optimizer really uses."""
        self.weight.grad, before = torch.ones(1), self.weight.item()
        self.optimizer.step()
        return before - self.weight.item()

    def schedule(self) -> None:
        for scheduler in (self.scheduler, self.undisturbed[1]):
            if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
                scheduler.step(1.0)
            else:
                scheduler.step()


@pytest.fixture(params=SCHEDULERS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def test_a_scaled_rate_is_the_schedules_times_the_factor_at_every_step(world: World) -> None:
    for _ in range(3):
        assert world.used == pytest.approx(world.truth, abs=1e-6)
        world.schedule()
    world.rate.apply("x0.5")
    for _ in range(12):
        assert world.used == pytest.approx(world.truth / 2, abs=1e-6)
        world.schedule()


def test_a_held_rate_stays_and_the_schedule_is_found_where_it_would_have_been(
    world: World,
) -> None:
    assert world.used == pytest.approx(world.truth)
    world.rate.apply("0.25")
    for step in range(9):
        assert world.used == pytest.approx(0.25)
        world.schedule()  # between the boundary and the optimizer's step
        if step % 2:
            world.rate.hold()
    assert world.optimizer.param_groups[0]["lr"] == 0.25, "and whoever looks sees it"
    world.rate.apply("follow")
    for _ in range(3):
        assert world.used == pytest.approx(world.truth, abs=1e-6)
        world.schedule()


def test_a_scheduler_is_saved_copied_and_named_as_ever(world: World) -> None:
    before = world.scheduler.state_dict().keys(), type(world.scheduler)
    world.rate.apply("0.25")
    world.schedule()
    assert (world.scheduler.state_dict().keys(), type(world.scheduler).__name__) == (
        before[0],
        before[1].__name__,
    )
    assert isinstance(world.scheduler, before[1])
    torch.save(world.scheduler.state_dict(), io.BytesIO())
    assert type(copy.deepcopy(world.scheduler)) is before[1]
    if "Lambda" not in before[1].__name__:
        twin = pickle.loads(pickle.dumps(world.scheduler))
        assert type(twin) is before[1]
    world.schedule()
    assert world.used == pytest.approx(0.25), "still held"


def test_without_a_command_no_scheduler_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "get_referrers", lambda *_: pytest.fail("looked"))
    world = World("StepLR")
    plain = type(world.scheduler)
    for _ in range(3):
        world.schedule()
        world.rate.hold()
    assert type(world.scheduler) is plain


def test_a_rate_holds_after_the_optimizer_took_another_state() -> None:
    world = World("StepLR")
    saved = copy.deepcopy(world.optimizer.state_dict())
    world.rate.apply("0.25")
    world.optimizer.load_state_dict(saved)  # puts other groups in place of those that were attached
    world.rate.apply("0.5")
    assert world.used == pytest.approx(0.5)


def test_a_group_that_comes_later_belongs_to_all_of_them() -> None:
    world = World("StepLR")
    world.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.3})
    assert world.rate.current() == "1, 0.3"
    world.rate.apply("0.25")
    assert [group["lr"] for group in world.optimizer.param_groups] == [0.25, 0.25]


def test_a_rate_that_is_a_tensor_stays_the_same_tensor() -> None:
    lr = torch.tensor(1.0)
    world = World("StepLR", lr=lr)
    world.rate.apply("0.25")
    world.schedule()
    assert world.optimizer.param_groups[0]["lr"] is lr, "a captured step has hold of it"
    assert world.used == pytest.approx(0.25)
    world.rate.apply("follow")
    assert float(lr) == pytest.approx(world.truth)
