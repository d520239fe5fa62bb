"""Rates that are set beside a schedule which a loop writes, at its beginning or its end: each step's real rate against a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

import livetrain


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


@settings(max_examples=20)
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
