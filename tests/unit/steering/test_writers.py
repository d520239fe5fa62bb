"""Rates that are set beside schedules which anyone writes in any way: what each step is made with, against a model."""

from __future__ import annotations

import gc
import itertools
import math
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler, swa_utils

import livetrain
from livetrain._steering.settings import Refused


def make_optimizer(lr: Any = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=lr)


def step_of(optimizer: torch.optim.Optimizer) -> float:
    """Make a step, and return the rate that it was really made with."""
    (weight,) = optimizer.param_groups[0]["params"]
    weight.grad, before = torch.ones_like(weight), weight.item()
    optimizer.step()
    return before - weight.item()


class Writer:
    """A schedule, written by hand or by a scheduler; `at`: where in the loop it writes."""

    def __init__(self, kind: str, at: str, numbers: list[float]) -> None:
        self.kind, self.at, self.numbers = kind, at, numbers

    def begin(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer, self._step = optimizer, 0
        self._base = float(optimizer.param_groups[0]["lr"])
        makers: dict[str, Callable[[], Any]] = {
            "exponential": lambda: lr_scheduler.ExponentialLR(optimizer, self.numbers[0]),
            "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, 9, 1e-3),
            "lambda": lambda: lr_scheduler.LambdaLR(
                optimizer, lambda step: self.numbers[step % len(self.numbers)]
            ),
            "milestones": lambda: lr_scheduler.MultiStepLR(optimizer, [4, 11], 0.1),
        }
        self._scheduler = makers[self.kind]() if self.kind in makers else None

    def write(self) -> None:
        factor = self.numbers[self._step % len(self.numbers)]
        self._step += 1
        group = self._optimizer.param_groups[0]
        if self._scheduler is not None:
            self._scheduler.step()
        elif self.kind == "relative":
            group["lr"] *= factor
        else:
            group["lr"] = self._base * factor


def train(writer: Writer, sets: dict[int, str], steps: int = 24) -> tuple[list[float], list[float]]:
    """Return what each step is made with, and what the schedule alone gives."""
    used, scheduled = [], []
    optimizer, alone = make_optimizer(), make_optimizer()
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizer)
    setting: Any = monitor._steering.control._settings["learning_rate"]
    other = Writer(writer.kind, writer.at, writer.numbers)
    writer.begin(optimizer)
    other.begin(alone)
    for step in range(steps):
        if writer.at == "begin" and step:
            writer.write()
            other.write()
        used.append(step_of(optimizer))
        scheduled.append(step_of(alone))
        if writer.at == "end":
            writer.write()
            other.write()
        if step + 1 in sets:
            setting.apply(sets[step + 1])
        monitor._steering.boundary(step + 1, 0)
    return used, scheduled


def wanted(scheduled: list[float], sets: dict[int, str]) -> list[float]:
    held, factor, rates = None, 1.0, []
    for step, rate in enumerate(scheduled):
        text = sets.get(step)
        if text == "follow":
            held, factor = None, 1.0
        elif text and text.startswith("x"):
            by = float(text[1:])
            held, factor = (held * by, 1.0) if held is not None else (None, factor * by)
        elif text:
            held, factor = float(text), 1.0
        rates.append(rate * factor if held is None else held)
    return rates


@settings(max_examples=8)
@given(
    st.sampled_from(["exponential", "cosine", "lambda", "milestones", "relative", "absolute"]),
    st.sampled_from(["begin", "end"]),
    st.lists(st.floats(0.9, 1.05), min_size=1, max_size=4),
    st.dictionaries(
        st.integers(1, 22),
        # Far enough from the schedule that a step of it is no step to ours.
        st.sampled_from(["0.001", "x0.5", "x0.25", "2", "follow"]),
        max_size=3,
    ),
)
def test_every_step_is_made_with_what_was_set_whoever_writes_the_schedule(
    kind: str, at: str, numbers: list[float], sets: dict[int, str]
) -> None:
    used, scheduled = train(Writer(kind, at, numbers), sets)
    assert used == pytest.approx(wanted(scheduled, sets), rel=1e-6, abs=1e-12)


def test_an_absolute_schedule_may_meet_what_we_left() -> None:
    numbers = [1.0, 0.9, 0.8, 0.5, 0.01, 0.01, 0.4]  # 0.001 at its fifth and sixth step
    sets = {2: "0.001", 6: "follow"}
    used, scheduled = train(Writer("absolute", "end", numbers), sets, steps=10)
    assert used == pytest.approx(wanted(scheduled, sets))


LATER: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 9, 1e-3),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=40, cycle_momentum=False),
    "swa": lambda o: swa_utils.SWALR(o, swa_lr=0.02, anneal_epochs=6),
}


@pytest.mark.parametrize("kind", LATER)
@pytest.mark.parametrize("text", ["0.001", "x0.5"])
@pytest.mark.parametrize("before", [None, "exponential"])
def test_a_scheduler_that_is_made_after_a_rate_was_set_finds_its_own(
    kind: str, text: str, before: str | None
) -> None:
    optimizers = [make_optimizer(), make_optimizer()]
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizers[0])
    setting: Any = monitor._steering.control._settings["learning_rate"]
    first = [LATER[before](o) for o in optimizers] if before else []
    for step in range(1, 4):
        for optimizer, scheduler in itertools.zip_longest(optimizers, first):
            step_of(optimizer)
            if scheduler is not None:
                scheduler.step()
        monitor._steering.boundary(step, 0)
    setting.apply(text)
    second = [LATER[kind](o) for o in optimizers]
    for step in range(4, 16):
        used, scheduled = map(step_of, optimizers)
        assert used == pytest.approx(wanted([scheduled], {0: text})[0]), step
        for scheduler in second:
            scheduler.step()
        monitor._steering.boundary(step, 0)
    setting.apply("follow")
    assert step_of(optimizers[0]) == pytest.approx(step_of(optimizers[1]))


def test_a_scheduler_that_the_collector_does_not_see_is_found() -> None:
    optimizer, alone = make_optimizer(), make_optimizer()
    schedulers = [lr_scheduler.ExponentialLR(o, 0.9) for o in (optimizer, alone)]
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizer)
    setting: Any = monitor._steering.control._settings["learning_rate"]
    gc.freeze()
    try:
        step_of(optimizer), step_of(alone)
        setting.apply("x0.5")
        assert gc.get_freeze_count() > 0
        for step in range(1, 9):
            assert step_of(optimizer) == pytest.approx(0.5 * step_of(alone))
            for scheduler in schedulers:
                scheduler.step()
            monitor._steering.boundary(step, 0)
    finally:
        gc.unfreeze()


def test_a_scheduler_can_be_given() -> None:
    class Mine:
        def __init__(self, optimizer: Any) -> None:
            self.groups = optimizer.param_groups  # nobody would find the optimizer here

        def step(self) -> None:
            self.groups[0]["lr"] = max(self.groups[0]["lr"] * 0.5, 0.05)

    optimizer, alone = make_optimizer(), make_optimizer()
    schedulers = [Mine(o) for o in (optimizer, alone)]
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizer, schedulers[0])
    setting: Any = monitor._steering.control._settings["learning_rate"]
    setting.apply("x0.5")
    for step in range(1, 5):
        assert step_of(optimizer) == pytest.approx(0.5 * step_of(alone))
        for scheduler in schedulers:
            scheduler.step()
        monitor._steering.boundary(step, 0)


class Warmup:
    """Warms up beside a scheduler, as the package `pytorch_warmup` does: it keeps the undamped rates, and damps what it finds."""

    def __init__(self, optimizer: Any, period: int) -> None:
        self.optimizer, self.period, self.last_step = optimizer, period, 0
        self.lrs = [group["lr"] for group in optimizer.param_groups]
        self.dampen()

    def dampen(self) -> None:
        self.last_step += 1
        for group in self.optimizer.param_groups:
            group["lr"] *= min(1.0, self.last_step / self.period)

    def dampening(self) -> Any:
        return _Dampening(self)


class _Dampening:
    def __init__(self, warmup: Warmup) -> None:
        self._warmup = warmup

    def __enter__(self) -> None:
        for group, lr in zip(self._warmup.optimizer.param_groups, self._warmup.lrs, strict=True):
            group["lr"] = lr

    def __exit__(self, *_: object) -> None:
        self._warmup.lrs = [group["lr"] for group in self._warmup.optimizer.param_groups]
        self._warmup.dampen()


@pytest.mark.parametrize("text", ["0.001", "x0.5"])
def test_beside_what_warms_up(text: str) -> None:
    optimizers = [make_optimizer(), make_optimizer()]
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizers[0])
    setting: Any = monitor._steering.control._settings["learning_rate"]
    pairs = [(lr_scheduler.CosineAnnealingLR(o, 20), Warmup(o, 8)) for o in optimizers]
    for step in range(1, 16):
        if step == 3:
            setting.apply(text)
        used, scheduled = map(step_of, optimizers)
        right = scheduled if step < 3 else wanted([scheduled], {0: text})[0]
        assert used == pytest.approx(right), step
        for scheduler, warmup in pairs:
            with warmup.dampening():
                scheduler.step()
        monitor._steering.boundary(step, 0)


def resumed(optimizer: Any, place: dict[str, Any]) -> tuple[livetrain.Monitor, Any]:
    monitor = livetrain.Monitor(enabled=False, resume={**place, "resume_token": "t"})
    monitor.attach(optimizer)
    return monitor, monitor._steering.control._settings["learning_rate"]


@pytest.mark.parametrize("text", ["0.001", "x0.5"])
@pytest.mark.parametrize("loads_first", [True, False])
def test_what_was_set_goes_on_after_a_resume_and_the_schedule_is_not_bent(
    text: str, loads_first: bool
) -> None:
    alone = make_optimizer(0.05)
    lone = lr_scheduler.CosineAnnealingLR(alone, 30)
    optimizer = make_optimizer(0.05)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 30)
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizer)
    setting: Any = monitor._steering.control._settings["learning_rate"]
    setting.apply(text)
    for step in range(1, 9):
        assert step_of(optimizer) == pytest.approx(wanted([step_of(alone)], {0: text})[0])
        scheduler.step()
        lone.step()
        monitor._steering.boundary(step, 0)
    saved = optimizer.state_dict(), scheduler.state_dict(), monitor.resume_state()
    assert saved[0]["param_groups"][0]["lr"] == alone.param_groups[0]["lr"], "the schedule's own"
    assert optimizer.param_groups[0]["lr"] == pytest.approx(
        wanted([alone.param_groups[0]["lr"]], {0: text})[0]
    )

    again = make_optimizer(0.05)
    later = lr_scheduler.CosineAnnealingLR(again, 30)
    if loads_first:
        again.load_state_dict(saved[0])
    monitor, setting = resumed(again, saved[2])
    if not loads_first:
        again.load_state_dict(saved[0])
    later.load_state_dict(saved[1])
    for step in range(9, 20):
        assert step_of(again) == pytest.approx(wanted([step_of(alone)], {0: text})[0]), step
        later.step()
        lone.step()
        monitor._steering.boundary(step, 0)
    setting.apply("follow")
    assert step_of(again) == pytest.approx(step_of(alone))


def test_the_same_optimizer_is_attached_once() -> None:
    monitor, optimizer = livetrain.Monitor(enabled=False), make_optimizer()
    for _ in range(3):
        monitor.attach(optimizer)
    assert list(monitor._steering.control._settings) == ["learning_rate"]


def test_a_new_optimizer_of_the_same_weights_takes_the_place_and_what_was_set() -> None:
    monitor, optimizer = livetrain.Monitor(enabled=False), make_optimizer()
    monitor.attach(optimizer)
    settings = monitor._steering.control._settings
    settings["learning_rate"].apply("0.001")
    new = torch.optim.Adam(optimizer.param_groups[0]["params"], lr=0.3)
    monitor.attach(new)
    assert list(settings) == ["learning_rate"]
    assert new.param_groups[0]["lr"] == 0.001
    settings["learning_rate"].apply("follow")
    assert new.param_groups[0]["lr"] == 0.3


def test_an_optimizer_that_is_gone_refuses_and_gives_its_name_to_the_next() -> None:
    monitor, kept = livetrain.Monitor(enabled=False), make_optimizer()
    optimizer = make_optimizer()
    monitor.attach(kept)
    monitor.attach(optimizer)
    control = monitor._steering.control
    assert list(control._settings) == ["learning_rate", "learning_rate/2"]
    setting = control._settings["learning_rate/2"]
    del optimizer
    gc.collect()
    with pytest.raises(Refused, match="the optimizer is gone"):
        setting.check("0.1")
    monitor._steering.boundary(1, 0)
    third = make_optimizer()
    monitor.attach(third)
    assert list(control._settings) == ["learning_rate", "learning_rate/2"]


def test_a_group_that_is_added_while_a_rate_is_held_is_held() -> None:
    monitor, optimizer = livetrain.Monitor(enabled=False), make_optimizer()
    monitor.attach(optimizer)
    setting: Any = monitor._steering.control._settings["learning_rate"]
    setting.apply("0.001")
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.3})
    monitor._steering.boundary(1, 0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.001, 0.001]
    setting.apply("follow")
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.3]


@pytest.mark.parametrize("lr", [None, lambda: 0.1, "fast"])
def test_a_rate_that_is_no_number_is_not_offered_and_harms_nothing(lr: Any) -> None:
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(types.SimpleNamespace(param_groups=[{"lr": lr}]))
    assert monitor._steering.control._settings == {}
    monitor._steering.boundary(1, 0)


def test_a_scheduler_that_raises_leaves_what_was_set() -> None:
    optimizer = make_optimizer()

    class Broken(lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            if self.last_epoch > 1:
                raise RuntimeError("broken")
            return [math.pi]

    scheduler = Broken(optimizer)
    monitor = livetrain.Monitor(enabled=False)
    monitor.attach(optimizer)
    setting: Any = monitor._steering.control._settings["learning_rate"]
    setting.apply("0.001")
    step_of(optimizer)
    scheduler.step()
    with pytest.raises(RuntimeError, match="broken"):
        scheduler.step()
    assert step_of(optimizer) == pytest.approx(0.001)
