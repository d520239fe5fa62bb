"""The batch size of a Lightning training: set for the next epoch, and taken back where it does not fit."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tests.integration.lightning_callback.world import (
    QUIET,
    SAMPLES,
    dataset,
    module_class,
    trainer,
)
from torch.utils.data import DataLoader

import livetrain
from livetrain._steering.command import Command, Outcome
from livetrain.proto import telemetry_pb2 as pb

pytestmark = QUIET


@pytest.fixture(autouse=True)
def without_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    monkeypatch.setenv("LIVETRAIN_SPOOL_DIR", str(tmp_path))


def steered(pl: ModuleType, commands: dict[int, str], **options: Any) -> Any:
    """Return a callback that is given batch sizes at steps, and notes the outcomes and the size of each batch."""

    class Steered(livetrain.LiveTrainCallback):
        def __init__(self) -> None:
            super().__init__(let_set=("batch_size",))
            self.sizes: list[tuple[int, int]] = []
            self.outcomes: list[Outcome] = []
            self.validations = 0

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            super().on_train_start(trainer, pl_module)
            assert self.monitor is not None
            self.monitor._steering.control._answer = self.outcomes.append

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
            self.sizes.append((trainer.current_epoch, len(rest[1][0])))
            size = commands.get(len(self.sizes))
            if size is not None:
                command = Command(f"c{len(self.sizes)}", "set", {"batch_size": size})
                self.monitor._steering.control.receive(command)
            super().on_train_batch_end(trainer, pl_module, *rest)

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            self.validations += not trainer.sanity_checking
            super().on_validation_end(trainer, pl_module)

    return Steered()


def loader(**options: Any) -> DataLoader[Any]:
    return DataLoader(dataset(), batch_size=4, **options)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", ["2", "10"])
def test_a_size_takes_effect_with_the_next_epoch_which_stays_whole(
    pl: ModuleType, size: str, drop_last: bool
) -> None:
    callback = steered(pl, {2: size})
    trainer(pl, callback, max_epochs=3).fit(
        module_class(pl)(), loader(drop_last=drop_last), loader()
    )
    by_epoch = [[n for epoch, n in callback.sizes if epoch == number] for number in range(3)]
    assert by_epoch[0] == [4] * 5
    assert by_epoch[1] == by_epoch[2] == [int(size)] * (SAMPLES // int(size)), "all data is seen"
    assert callback.validations == 3, "and each epoch ends with its validation"
    pending, applied = callback.outcomes[-2:]
    assert (pending.state, pending.pending) == (pb.ACCEPTED, True)
    assert (applied.state, applied.applied_step) == (pb.APPLIED, 5)
    assert applied.previous == {"batch_size": "4"}


@pytest.mark.parametrize("where", ["training_step", "backward"])
def test_one_that_does_not_fit_is_taken_back(pl: ModuleType, where: str) -> None:
    class Small(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.size = len(batch[0])
            self.fail("training_step")
            return super().training_step(batch, batch_idx)

        def backward(self, loss: Any, *rest: Any) -> None:
            super().backward(loss, *rest)  # some gradients are there already
            self.fail("backward")

        def fail(self, place: str) -> None:
            if place == where and self.size > 8:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    callback, module = steered(pl, {2: "10"}), Small()
    weights = []

    class Watch(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
            weights.append((len(rest[1][0]), pl_module.net[1].weight.detach().clone()))

    trainer(pl, callback, Watch(), max_epochs=3).fit(module, loader())
    assert callback.outcomes[-1].state == pb.COMMAND_FAILED
    assert callback.outcomes[-1].message == "out of memory with batches of 10: back to 4"
    for (_, before), (size, after) in itertools.pairwise(weights):
        assert torch.equal(before, after) == (size == 10), (
            "a batch that was left out trains nothing"
        )
    assert {size for epoch, size in callback.sizes if epoch == 2} == {4}
    assert "training_step" not in module.__dict__, "the module has its own methods back"


def test_another_error_comes_through(pl: ModuleType) -> None:
    class Failing(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            raise ValueError("bad data")

    with pytest.raises(ValueError, match="bad data"):
        trainer(pl, steered(pl, {})).fit(Failing(), loader())


def test_where_it_cannot_be_set_it_is_not_offered_and_that_is_said(
    pl: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    class Several(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step(batch["a"], batch_idx)

    callback = livetrain.LiveTrainCallback(let_set=("batch_size",))
    trainer(pl, callback, max_epochs=1).fit(Several(), {"a": loader(), "b": loader()})
    assert "the batch size of this training cannot be set from the page" in caplog.text
    assert callback.monitor is not None
    assert [c.verb for c in callback.monitor._steering.declarations()] == [
        "pause",
        "resume",
        "stop",
    ]


def test_a_stop_that_is_raised_leaves_the_trainer(pl: ModuleType) -> None:
    class Raising(livetrain.LiveTrainCallback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *rest: Any) -> None:
            if trainer.global_step == 3:
                command = Command("s", "stop", issued_by="ada")
                self.monitor._steering.control.receive(command)
            super().on_train_batch_end(trainer, pl_module, *rest)

    callback = Raising(control=livetrain.ControlOptions(stop="raise"))
    training = trainer(pl, callback, min_epochs=5, max_epochs=9)
    with pytest.raises(livetrain.TrainingStopped, match="stopped by ada"):
        training.fit(module_class(pl)(), loader())
    assert training.global_step == 3
    assert callback.monitor is not None
    assert callback.monitor._inert == "closed"
    assert callback.monitor._steering.control._known["s"].state == pb.APPLIED


def test_a_stop_before_the_least_epochs_says_what_will_happen(pl: ModuleType) -> None:
    callback = steered(pl, {})
    stop = {2: Command("s", "stop", issued_by="ada")}

    class Stopping(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_start(self, *rest: Any) -> None:
            if command := stop.get(len(callback.sizes)):
                callback.monitor._steering.control.receive(command)

    trainer(pl, callback, Stopping(), min_epochs=2, max_epochs=9).fit(module_class(pl)(), loader())
    steps = len(callback.sizes)
    assert steps == 2 * SAMPLES // 4, "Lightning trains for the least that it was told to"
    said = [outcome.message for outcome in callback.outcomes if outcome.pending]
    assert said[-1] == "told at step 3, goes on: Lightning trains for min_epochs=2 first"
    end = callback.outcomes[-1]
    assert (end.state, end.applied_step, end.message) == (pb.APPLIED, steps, "stopped by ada")
