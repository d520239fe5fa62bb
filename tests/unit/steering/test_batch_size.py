"""A batch size: in effect when batches of it are seen, and taken back where it does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import livetrain
from livetrain._steering.command import Command, Outcome
from livetrain._steering.guard import is_out_of_memory
from livetrain.proto import telemetry_pb2 as pb


class Training:
    """A loop over a real loader, with a monitor that sends nothing but applies what it is given."""

    def __init__(self, **options: Any) -> None:
        data = TensorDataset(torch.zeros(100, 2, 2))
        self.loader = DataLoader(data, batch_size=4, **options)
        self.monitor = livetrain.Monitor(enabled=False)
        self.monitor.attach(self.loader.batch_sampler)
        self.steering = self.monitor._steering
        self.outcomes: list[Outcome] = []
        self.steering.control._answer = self.outcomes.append
        self.sizes: list[int] = []
        self.step = self.epoch = 0

    def give(self, size: str, command_id: str = "c") -> None:
        self.steering.control.receive(Command(command_id, "set", {"batch_size": size}))

    def trained(self, size: int) -> None:
        self.sizes.append(size)
        self.step += 1
        self.steering.boundary(self.step, self.epoch, size)

    def epoch_of(self, give_at: int | None = None, size: str = "10") -> None:
        for index, (batch,) in enumerate(self.loader):
            self.trained(len(batch))
            if index == give_at:
                self.give(size)
        self.epoch += 1

    @property
    def last(self) -> Outcome:
        return self.outcomes[-1]


def test_in_place_it_takes_effect_with_the_next_batch() -> None:
    training = Training()
    training.epoch_of(give_at=2)
    assert training.sizes[:6] == [4, 4, 4, 4, 10, 10]
    pending, applied = training.outcomes[-2:]
    assert (pending.state, pending.pending) == (pb.ACCEPTED, True)
    assert "pending until the loader makes batches of 10" in pending.message
    assert (applied.state, applied.applied_step) == (pb.APPLIED, 4)
    assert (applied.values, applied.previous) == ({"batch_size": "10"}, {"batch_size": "4"})
    assert training.sizes[applied.applied_step] == 10, "the first batch under it"


@pytest.mark.parametrize("options", [{"drop_last": True}, {"num_workers": 2, "drop_last": True}])
def test_where_the_sampler_is_read_once_an_epoch_it_is_pending_until_then(
    options: dict[str, Any],
) -> None:
    training = Training(**options)
    training.epoch_of(give_at=2)
    assert set(training.sizes) == {4}
    assert training.last.pending
    training.epoch_of()
    assert set(training.sizes[25:]) == {10}
    assert (training.last.state, training.last.applied_step) == (pb.APPLIED, 25)


def test_with_workers_it_takes_effect_behind_what_they_have_drawn() -> None:
    training = Training(num_workers=2)
    training.epoch_of(give_at=2)
    first = training.sizes.index(10)
    assert first > 4
    assert (training.last.state, training.last.applied_step) == (pb.APPLIED, first)


def test_without_a_known_size_it_is_never_said_to_be_in_effect() -> None:
    training = Training()
    training.give("10")
    for _ in range(5):
        training.trained(0)
    assert training.last.pending
    for _ in range(3):
        training.epoch += 1
        training.trained(0)
    assert training.last.pending
    assert "whether the loader makes batches of 10 is not known" in training.last.message
    training.trained(10)
    assert training.last.state == pb.APPLIED


def test_a_loader_that_does_not_draw_from_the_sampler_is_said() -> None:
    training = Training()
    ours = DataLoader(TensorDataset(torch.zeros(100, 2, 2)), batch_size=4)
    for (batch,) in ours:
        training.trained(len(batch))
    training.epoch += 1
    training.give("10")
    for _ in range(3):
        for (batch,) in ours:
            training.trained(len(batch))
        training.epoch += 1
    assert training.last.state == pb.COMMAND_FAILED
    assert "a whole epoch went by without a batch of 10" in training.last.message


def test_a_loader_that_is_made_anew_each_epoch_keeps_what_was_set_when_it_is_attached() -> None:
    training = Training()
    training.epoch_of(give_at=2)
    assert training.last.state == pb.APPLIED
    for _ in range(2):
        training.loader = DataLoader(TensorDataset(torch.zeros(100, 2, 2)), batch_size=4)
        training.monitor.attach(training.loader.batch_sampler)
        training.sizes.clear()
        training.epoch_of()
        assert training.sizes == [10] * 10
    assert training.last.state == pb.APPLIED


def test_a_size_that_something_else_overwrites_is_said() -> None:
    training = Training()
    training.epoch_of(give_at=2)
    training.loader.batch_sampler.batch_size = 6
    training.trained(6)
    assert training.last.state == pb.COMMAND_FAILED
    assert training.last.message == "something else set the batch size to 6"
    assert training.last.values == {"batch_size": "6"}


@pytest.mark.parametrize(
    ("drop_last", "why"),
    [(True, "no batch at all, since drop_last leaves out"), (False, "no batch of that size")],
)
def test_more_than_there_are_samples_is_refused(drop_last: bool, why: str) -> None:
    training = Training(drop_last=drop_last)
    training.give("101")
    assert training.last.state == pb.REJECTED
    assert "the loader has 100 samples, and so " + why in training.last.message
    training.give("100", "all")
    training.epoch_of()
    training.epoch_of()
    assert (training.last.state, training.last.command_id) == (pb.APPLIED, "all")


@pytest.mark.parametrize("logs", [True, False])
@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"num_workers": 2}])
def test_within_a_loop_over_steps_every_batch_that_does_not_fit_is_left_out(
    options: dict[str, Any], logs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    training = Training(**options)
    monitor, trained = livetrain.Monitor("guarded", control=livetrain.ControlOptions()), []
    monitor.attach(training.loader.batch_sampler)
    outcomes: list[Outcome] = []
    monitor._steering.control._answer = outcomes.append
    command = Command("c", "set", {"batch_size": "50"})
    with monitor:
        for epoch in range(4):
            for (batch,) in monitor.steps(training.loader):
                if epoch == 0 and not trained:
                    monitor._steering.control.receive(command)
                with monitor.guard():
                    if len(batch) > 32:
                        raise out_of_memory()
                    trained.append((epoch, len(batch)))
                    if logs:
                        monitor.log_batch(None, None, 0.5)
    assert outcomes[-1].state == pb.COMMAND_FAILED
    assert outcomes[-1].message == "out of memory with batches of 50: back to 4"
    assert [size for epoch, size in trained if epoch == 3] == [4] * 25


def test_another_size_before_it_took_effect_takes_its_place() -> None:
    training = Training(drop_last=True)
    training.give("10", "first")
    training.trained(4)
    training.give("20", "second")
    training.trained(4)
    ends = {o.command_id: o for o in training.outcomes}
    assert ends["first"].state == pb.COMMAND_FAILED
    assert "another value was set" in ends["first"].message
    assert ends["second"].pending
    training.steering.control.dismiss("the training ended")
    assert training.last.state == pb.COMMAND_FAILED


def out_of_memory() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_a_size_that_does_not_fit_is_taken_back_and_the_training_goes_on() -> None:
    training = Training()
    training.give("50")
    trained = []
    for (batch,) in training.loader:
        with training.monitor.guard():
            if len(batch) > 32:
                raise out_of_memory()
            training.trained(len(batch))
            trained.append(len(batch))
    assert max(trained) == 4
    assert training.loader.batch_sampler.batch_size == 4
    assert training.last.state == pb.COMMAND_FAILED
    assert training.last.message == "out of memory with batches of 50: back to 4"
    assert training.last.values == {"batch_size": "4"}


def test_batches_that_were_drawn_ahead_are_left_out_too_but_not_for_ever() -> None:
    training = Training()
    training.give("50")
    training.trained(4)
    for _ in range(1000):
        with training.monitor.guard():
            raise out_of_memory()
    with pytest.raises(torch.OutOfMemoryError), training.monitor.guard():
        raise out_of_memory()


def test_only_a_new_size_is_guarded_and_only_against_this() -> None:
    training = Training()
    with pytest.raises(torch.OutOfMemoryError), training.monitor.guard():
        raise out_of_memory()
    training.give("8")
    training.trained(4)
    with pytest.raises(ValueError, match="other"), training.monitor.guard():
        raise ValueError("other")
    for _ in range(3):
        training.trained(8)  # it fits
    with pytest.raises(torch.OutOfMemoryError), training.monitor.guard():
        raise out_of_memory()
    assert training.loader.batch_sampler.batch_size == 8
    training.give("6")  # a smaller one is no reason
    training.trained(8)
    with pytest.raises(torch.OutOfMemoryError), training.monitor.guard():
        raise out_of_memory()


def test_on_several_ranks_nothing_is_caught() -> None:
    monitor = livetrain.Monitor(enabled=False, rank=0, world_size=2)
    loader = DataLoader(TensorDataset(torch.zeros(8)), batch_size=4)
    monitor.attach(loader.batch_sampler)
    monitor._steering._sizes[0].apply("8")
    with pytest.raises(torch.OutOfMemoryError), monitor.guard():
        raise out_of_memory()


def test_the_sorts_of_running_out_of_memory_are_known() -> None:
    with pytest.raises(MemoryError) as host:
        np.empty(1 << 62, np.uint8)
    with pytest.raises(RuntimeError) as torch_on_the_host:
        torch.empty(1 << 60)
    for error in (host.value, torch_on_the_host.value, out_of_memory()):
        assert is_out_of_memory(error), str(error)
    for other in (RuntimeError("shape mismatch"), ValueError("no"), KeyboardInterrupt()):
        assert not is_out_of_memory(other)
