"""Other ways to train: what Lightning allows, the callback follows."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from tests.integration.lightning_callback.world import (
    BATCH,
    BATCHES,
    CLASSES,
    QUIET,
    dataset,
    fit,
    loader,
    module_class,
    recorded,
    recording,
    series,
    trainer,
)
from torch import nn

import livetrain
from livetrain import _warnings
from livetrain.testing import RecordingMonitor

pytestmark = QUIET


def test_accumulated_batches_are_steps_with_their_undivided_loss(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(), max_epochs=1, accumulate_grad_batches=2)
    assert [b.step for b in monitor.batches] == list(range(BATCHES))
    for batch in monitor.batches:
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))


@pytest.mark.parametrize("returned", ["loss", "dict", "nothing"])
def test_manual_optimisation(pl: ModuleType, returned: str) -> None:
    class Manual(module_class(pl)):  # type: ignore[misc]
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            for optimizer in self.optimizers():
                loss = self.loss(batch)
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            self.log("train_loss", loss)
            return {"loss": loss, "dict": {"loss": loss}, "nothing": None}[returned]

        def configure_optimizers(self) -> Any:
            first, second = self.net[1].parameters(), self.net[4].parameters()
            return [torch.optim.SGD(first, lr=0.5), torch.optim.Adam(second, lr=0.25)]

    monitor = fit(pl, Manual(), max_epochs=1)
    assert [b.step for b in monitor.batches] == list(range(BATCHES))
    assert [float(b.loss) for b in monitor.batches] == series(monitor, "train_loss")
    assert all(b.preds.shape == (BATCH, CLASSES) for b in monitor.batches)
    assert series(monitor, "learning_rate/SGD") == [0.5] * BATCHES
    assert series(monitor, "learning_rate/Adam") == [0.25] * BATCHES


@pytest.mark.filterwarnings("ignore:.*this fit will run with no optimizer")
def test_a_module_without_an_optimizer_is_watched(
    pl: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    class Unoptimized(module_class(pl)):  # type: ignore[misc]
        def configure_optimizers(self) -> Any:
            return None

    callback = recording(let_set=("learning_rate", "batch_size"))
    trainer(pl, callback, max_epochs=1).fit(Unoptimized(), loader())
    monitor = recorded(callback)
    assert [b.step for b in monitor.batches] == list(range(BATCHES))
    assert all(b.preds.shape == (BATCH, CLASSES) for b in monitor.batches)
    assert series(monitor, "learning_rate") == []
    assert (monitor.closed, monitor.ended_by) == (True, None)
    assert [r for r in caplog.records if r.name == "livetrain"] == []


def test_an_optimizer_without_a_rate_is_passed_over(pl: ModuleType) -> None:
    class Counting(torch.optim.Optimizer):
        def __init__(self, parameters: Any) -> None:
            super().__init__(parameters, {})

        def step(self, closure: Any = None) -> Any:
            return None if closure is None else closure()

    class Two(module_class(pl)):  # type: ignore[misc]
        automatic_optimization = False

        def configure_optimizers(self) -> Any:
            return [Counting(self.parameters()), torch.optim.SGD(self.parameters(), lr=0.5)]

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.loss(batch)

    monitor = fit(pl, Two(), max_epochs=1)
    assert all(b.preds is not None for b in monitor.batches)
    assert series(monitor, "learning_rate/SGD") == [0.5] * BATCHES
    assert [type(target) for target in monitor.attached] == [torch.optim.SGD]


def test_what_cannot_be_attached_costs_its_setting_and_no_training(
    pl: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(monitor: Any, target: Any) -> None:
        raise livetrain.UsageError(f"attach({type(target).__name__}): neither")

    monkeypatch.setattr(_warnings, "_last", {})
    monkeypatch.setattr(RecordingMonitor, "attach", refuse)
    callback = recording(let_set=("learning_rate", "batch_size"))
    trainer(pl, callback, max_epochs=1).fit(module_class(pl)(), loader())
    assert len(recorded(callback).batches) == BATCHES
    assert recorded(callback).closed
    assert "attach(SGD): neither" in caplog.text


def test_logits_that_training_step_returns_come_before_those_seen(pl: ModuleType) -> None:
    class Returning(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return {"loss": self.loss(batch), "logits": torch.full((BATCH, CLASSES), 7.0)}

    monitor = fit(pl, Returning(), max_epochs=1)
    assert all(bool((b.preds == 7.0).all()) for b in monitor.batches)


def test_a_module_that_calls_its_child_is_read_through_the_child(pl: ModuleType) -> None:
    class Wrapping(module_class(pl)):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError

        def loss(self, batch: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    monitor = fit(pl, Wrapping(), max_epochs=1)
    for batch in monitor.batches:
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))


def test_batches_that_are_dicts(pl: ModuleType) -> None:
    def collate(samples: list[Any]) -> dict[str, torch.Tensor]:
        images, labels = zip(*samples, strict=True)
        return {"pixel_values": torch.stack(images), "labels": torch.stack(labels)}

    class Keyed(module_class(pl)):  # type: ignore[misc]
        def loss(self, batch: Any) -> torch.Tensor:
            return super().loss((batch["pixel_values"], batch["labels"]))

    monitor = fit(pl, Keyed(), collate=collate, max_epochs=1)
    assert torch.equal(torch.cat([b.images for b in monitor.batches]), dataset().tensors[0])
    assert torch.equal(torch.cat([b.targets for b in monitor.batches]), dataset().tensors[1])


def test_a_skipped_step_is_a_step_without_loss(pl: ModuleType) -> None:
    class Skipping(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            return loss if batch_idx else None

    monitor = fit(pl, Skipping(), max_epochs=1)
    assert [b.loss is None for b in monitor.batches] == [True, False, False, False, False]


def test_a_training_step_that_draws_its_batches_itself(pl: ModuleType) -> None:
    class Drawing(module_class(pl)):  # type: ignore[misc]
        def training_step(self, dataloader_iter: Any) -> Any:
            batch, _, _ = next(dataloader_iter)
            return self.loss(batch)

    monitor = fit(pl, Drawing(), max_epochs=1)
    assert torch.equal(torch.cat([b.images for b in monitor.batches]), dataset().tensors[0])
    assert len([b for b in monitor.batches if b.loss is not None]) == BATCHES


def test_steps_go_on_where_a_checkpoint_stopped(pl: ModuleType, tmp_path: Any) -> None:
    first = trainer(pl, max_epochs=1)
    first.fit(module_class(pl)(), loader())
    first.save_checkpoint(tmp_path / "one.ckpt")
    callback = recording()
    trainer(pl, callback).fit(module_class(pl)(), loader(), ckpt_path=tmp_path / "one.ckpt")
    assert [(b.step, b.epoch) for b in recorded(callback).batches] == [
        (BATCHES + n, 1) for n in range(BATCHES)
    ]
