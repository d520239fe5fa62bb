"""A rate that was set, beside schedules that are written by anyone: every step is made with what the answers say."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

import livetrain
from tests.steering.model import wanted

START = 0.1


class Training:
    """An optimizer that is steered, and another that nobody touches, for which everything else is done alike."""

    def __init__(self) -> None:
        self.pair = [self._make(), self._make()]
        self.schedulers: list[list[Any]] = [[], []]
        self.modes: list[str] = []
        self.monitor = livetrain.Monitor(enabled=False)
        self.monitor.attach(self.pair[0])
        self.steps = 0

    @staticmethod
    def _make() -> torch.optim.Optimizer:
        weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        return torch.optim.SGD([weight], lr=START)

    @property
    def setting(self) -> Any:
        return self.monitor._steering.control._settings["learning_rate"]

    def set(self, text: str) -> None:
        self.setting.apply(text)
        self.modes.append(text)

    def make(self, kind: Callable[[torch.optim.Optimizer], Any]) -> None:
        for optimizer, mine in zip(self.pair, self.schedulers, strict=True):
            mine.append(kind(optimizer))

    def write(self, how: Callable[[dict[str, Any]], None]) -> None:
        for optimizer in self.pair:
            for group in optimizer.param_groups:
                how(group)

    def step(self) -> None:
        """Make a step of both, and compare what they were made with."""
        used = []
        for optimizer in self.pair:
            (weight,) = optimizer.param_groups[0]["params"]
            weight.grad = torch.ones_like(weight)
            before = weight.item()
            optimizer.step()
            used.append(before - weight.item())
        assert used[0] == pytest.approx(wanted(used[1], self.modes), rel=1e-6, abs=1e-9), self.steps
        self.steps += 1

    def schedule(self) -> None:
        for mine in self.schedulers:
            for scheduler in mine:
                scheduler.step()

    def boundary(self) -> None:
        self.setting.hold()


KINDS: list[Callable[[torch.optim.Optimizer], Any]] = [
    lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=17, eta_min=0.001),
    lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
    lambda o: lr_scheduler.LinearLR(o, 0.25, total_iters=6),
    lambda o: lr_scheduler.StepLR(o, 3, 0.1),
    lambda o: SWALR(o, swa_lr=0.02, anneal_epochs=6),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["0.01", "x0.5"])
def test_a_scheduler_that_is_made_after_the_first_set_goes_its_own_way(
    kind: Callable[[torch.optim.Optimizer], Any], command: str
) -> None:
    training = Training()
    training.step()
    training.set(command)
    training.step()
    training.make(kind)
    for _ in range(8):
        training.step()
        training.schedule()
        training.boundary()
    training.set("follow")
    for _ in range(3):
        training.step()
        training.schedule()


@pytest.mark.parametrize("place", ["after the step", "before the step"])
@pytest.mark.parametrize("command", ["0.01", "x0.5", "x3"])
@pytest.mark.parametrize(
    "how",
    [
        lambda t: lambda g: g.update(lr=g["lr"] * 0.98),
        lambda t: lambda g: g.update(lr=START * 0.97**t.steps),
        lambda t: lambda g: g.update(lr=START / (1 + 0.01 * t.steps)),
    ],
    ids=["relative", "absolute", "absolute and slow"],
)
def test_a_schedule_that_is_written_by_hand_is_known_for_what_it_is(
    how: Callable[[Training], Callable[[dict[str, Any]], None]], command: str, place: str
) -> None:
    training = Training()
    for number in range(60):
        if number == 20:
            training.set(command)
        if number == 45:
            training.set("follow")
        if place == "before the step":
            training.write(how(training))
        training.step()
        if place == "after the step":
            training.write(how(training))
        training.boundary()


def test_a_schedule_that_comes_to_the_value_that_was_set_is_found_there() -> None:
    training = Training()
    training.step()
    training.set("0.01")
    training.step()
    training.write(lambda group: group.update(lr=float("0.01")))  # as a plan by epochs may say
    training.step()
    training.set("follow")
    training.step()
    assert training.pair[0].param_groups[0]["lr"] == 0.01


def test_schedulers_that_the_garbage_collector_does_not_show_make_way_too() -> None:
    class Halving:
        """One of somebody's own, that goes on from what it finds."""

        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.optimizer, self.last_epoch = optimizer, 0

        def step(self) -> None:
            self.last_epoch += 1
            for group in self.optimizer.param_groups:
                group["lr"] = group["lr"] * 0.5 + 0.001

    training = Training()
    training.make(Halving)
    gc.collect()
    gc.freeze()
    try:
        training.set("x0.5")
        for _ in range(6):
            training.step()
            training.schedule()
    finally:
        gc.unfreeze()


def test_one_that_nobody_can_find_is_given() -> None:
    class Hidden:
        __slots__ = ("find",)

        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.find = lambda: optimizer

        def step(self) -> None:
            for group in self.find().param_groups:
                group["lr"] = group["lr"] * 0.5 + 0.001

    class Plain(Hidden):
        pass

    training = Training()
    training.make(Plain)
    training.monitor.attach(training.pair[0], scheduler=training.schedulers[0])
    training.set("x0.5")
    for _ in range(6):
        training.step()
        training.schedule()


class Warmup:
    """As ``pytorch_warmup`` does it: the rate is put back, scheduled, kept, and made smaller."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer, self.last_step = optimizer, 0
        self.lrs = [group["lr"] for group in optimizer.param_groups]
        self.dampen()

    def dampen(self) -> None:
        self.last_step += 1
        for group in self.optimizer.param_groups:
            group["lr"] *= min(1.0, self.last_step / 10)

    def dampening(self) -> Any:
        import contextlib

        @contextlib.contextmanager
        def within() -> Any:
            for group, rate in zip(self.optimizer.param_groups, self.lrs, strict=True):
                group["lr"] = rate
            yield
            self.lrs = [group["lr"] for group in self.optimizer.param_groups]
            self.dampen()

        return within()


@pytest.mark.parametrize("command", ["0.01", "x0.5"])
def test_a_warm_up_around_a_scheduler_finds_what_it_left(command: str) -> None:
    training = Training()
    training.make(lambda o: lr_scheduler.ExponentialLR(o, 0.9))
    warmups = [Warmup(optimizer) for optimizer in training.pair]
    for number in range(20):
        if number == 4:
            training.set(command)
        if number == 15:
            training.set("follow")
        training.step()
        for warmup, (scheduler,) in zip(warmups, training.schedulers, strict=True):
            with warmup.dampening():
                scheduler.step()
        training.boundary()


COMMANDS = st.sampled_from(["0.01", "0.3", "x0.5", "x2", "x0.9", "follow"])
KIND = st.integers(0, len(KINDS) - 1)


@settings(max_examples=60)
@given(st.data())
def test_every_step_is_made_with_what_was_said_beside_any_schedulers(data: st.DataObject) -> None:
    training = Training()
    for _ in range(data.draw(st.integers(5, 25))):
        match data.draw(
            st.sampled_from(["step", "step", "set", "make", "undo", "boundary", "save"])
        ):
            case "set":
                training.set(data.draw(COMMANDS))
            case "undo" if training.modes.count("undo") * 2 < len(training.modes):
                training.set("undo")
            case "make" if len(training.schedulers[0]) < 2:
                training.make(KINDS[data.draw(KIND)])
            case "boundary":
                training.boundary()
            case "save":
                saved = copy.deepcopy(training.pair[0].state_dict())
                there = training.pair[1].param_groups[0]["lr"]
                assert saved["param_groups"][0]["lr"] == pytest.approx(there)
                training.pair[0].load_state_dict(saved)
            case _:
                training.step()
                training.schedule()
