"""What a rank takes of a step alone, seen by the gradient of its first parameter."""

from __future__ import annotations

import copy
import time
import warnings

import pytest
import torch
from torch import nn

from livetrain._ranks.own_time import OwnTime


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_the_part_before_the_last_gradient_counts() -> None:
    clock = Clock()
    own = OwnTime(clock)
    assert own.seconds is None
    for _ in range(5):
        own.begin()
        clock.now += 0.010
        own.arrived()  # of several in one step the last counts
        clock.now += 0.020
        own.arrived()
        clock.now += 0.5  # waits for others
        own.step_ended()
    assert own.seconds == pytest.approx(0.030)


def test_a_long_pause_between_two_steps_says_nothing() -> None:
    clock = Clock()
    own = OwnTime(clock)
    for took in (0.01, 60.0, 0.01):
        own.begin()
        clock.now += took
        own.arrived()
        own.step_ended()
    own.step_ended()  # one that never began, or had no gradients
    own.begin()
    own.step_ended()
    assert own.seconds == pytest.approx(0.01)


def test_the_gradients_of_a_real_model_are_seen_and_not_touched() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    plain = copy.deepcopy(model)
    model[0].weight.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    own = OwnTime()
    own.watch(optimizer)  # the first parameter is frozen: the next one is watched
    inputs = torch.rand(8, 4)
    own.begin()
    time.sleep(0.02)
    model(inputs).sum().backward()
    own.step_ended()
    assert own.seconds is not None
    assert own.seconds >= 0.02
    plain(inputs).sum().backward()
    assert torch.equal(model[0].bias.grad, plain[0].bias.grad)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy.deepcopy(model)
        torch.utils.hooks.warn_if_has_hooks(model[0].bias)


def test_what_takes_no_hook_is_not_watched() -> None:
    OwnTime().watch(object())
    frozen = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
    OwnTime().watch(torch.optim.SGD([frozen], lr=0.1))
