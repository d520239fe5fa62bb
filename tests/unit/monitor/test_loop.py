"""A loop over `Monitor.steps`, with a monitor that keeps what it was told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import livetrain
from livetrain.testing import RecordingMonitor


def test_every_batch_comes_once_and_in_order() -> None:
    monitor = RecordingMonitor()
    loader = DataLoader(TensorDataset(torch.arange(10)), batch_size=4)
    assert [batch[0].tolist() for batch in monitor.steps(loader)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    assert monitor.updates == [{"batches_per_epoch": 3}]


class Endless(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(3))


@pytest.mark.parametrize(
    "loader", [iter([1, 2]), (n for n in (1, 2)), DataLoader(Endless()), zip([1], [2], strict=True)]
)
def test_a_loader_without_a_length_is_taken_all_the_same(loader: Any) -> None:
    monitor = RecordingMonitor()
    assert len(list(monitor.steps(loader))) > 0
    assert monitor.updates == []


def test_a_batch_is_a_step_whether_it_is_logged_or_not() -> None:
    monitor = RecordingMonitor()
    for number in monitor.steps(range(4)):
        if number % 2:
            monitor.log_batch(None, None, float(number))
        monitor.log({"number": number})
        monitor.log({"square": number**2})
    assert [b.step for b in monitor.batches] == [1, 3]
    assert [(step, values["number"]) for step, values in monitor.scalars if "number" in values] == [
        (0, 0.0),
        (1, 1.0),
        (2, 2.0),
        (3, 3.0),
    ]
    assert {step for step, values in monitor.scalars if "square" in values} == {0, 1, 2, 3}


def test_steps_with_numbers_of_the_users_own_are_counted_once() -> None:
    monitor = RecordingMonitor()
    for number in monitor.steps(range(3)):
        monitor.log_batch(None, None, 0.5, step=100 - number)
        monitor.log({"number": number})
    assert [step for step, _ in monitor.scalars] == [100, 99, 98]
    assert monitor.batches[-1].step == 98


@pytest.mark.parametrize("told", [True, False])
def test_each_loop_is_an_epoch(told: bool) -> None:
    monitor = RecordingMonitor()
    for epoch in range(3):
        for _ in monitor.steps(range(2)):
            monitor.log_batch(None, None, 0.5)
        if told:
            monitor.log_epoch(epoch)
    assert [b.epoch for b in monitor.batches] == [0, 0, 1, 1, 2, 2]
    assert [b.step for b in monitor.batches] == list(range(6))


def test_an_epoch_of_one_batch_that_ends_in_its_body() -> None:
    monitor = RecordingMonitor()
    for epoch in range(3):
        for _ in monitor.steps([0]):
            monitor.log_batch(None, None, 0.5)
            monitor.log_epoch(epoch)
    assert [(b.step, b.epoch) for b in monitor.batches] == [(0, 0), (1, 1), (2, 2)]


def test_an_epoch_can_be_said() -> None:
    monitor = RecordingMonitor()
    for epoch in (5, 6):
        for _ in monitor.steps(range(1), epoch=epoch):
            monitor.log_batch(None, None, 0.5)
    assert [b.epoch for b in monitor.batches] == [5, 6]
    with pytest.raises(livetrain.UsageError, match="epoch=-1: not a whole number"):
        monitor.steps([], epoch=-1)


def test_a_stop_ends_the_loop_and_those_that_follow() -> None:
    monitor, seen = RecordingMonitor(), []
    drawn = iter(range(100))
    for _ in range(3):
        for number in monitor.steps(drawn):
            seen.append(number)
            monitor.should_stop = number == 4
    assert seen == [0, 1, 2, 3, 4]
    assert next(drawn) == 5  # no batch was drawn that nobody got


def test_a_loop_that_is_left_leaves_nothing_behind() -> None:
    monitor = RecordingMonitor()
    for _ in monitor.steps(range(5)):
        monitor.log_batch(None, None, 0.5)
        break
    error = ValueError("bad")
    with contextlib.suppress(ValueError):
        for _ in monitor.steps(range(5)):
            raise error
    monitor.log({"after": 1})
    assert monitor.scalars == [(0, {"after": 1.0})]
    assert monitor.batches[0].step == 0


def test_a_disabled_monitor_stands_in_nobodys_way() -> None:
    assert list(livetrain.Monitor(enabled=False).steps("abc")) == ["a", "b", "c"]
