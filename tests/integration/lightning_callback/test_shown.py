"""What is shown of a module that nobody prepared."""

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

pytestmark = QUIET


def test_every_batch_is_shown_with_what_the_model_made_of_it(pl: ModuleType) -> None:
    torch.manual_seed(0)
    monitor = fit(pl, module_class(pl)())

    assert [b.step for b in monitor.batches] == list(range(2 * BATCHES))
    assert [b.epoch for b in monitor.batches] == [0] * BATCHES + [1] * BATCHES
    images, labels = dataset().tensors
    assert torch.equal(torch.cat([b.images for b in monitor.batches[:BATCHES]]), images)
    assert torch.equal(torch.cat([b.targets for b in monitor.batches[:BATCHES]]), labels)
    for batch in monitor.batches:
        assert batch.preds.shape == (BATCH, CLASSES)
        assert not batch.preds.requires_grad
        assert isinstance(batch.loss, float)  # nothing holds the graph
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(
            float(loss)
        )  # the very logits of this step, dropout and all
        right = (batch.preds.argmax(1) == batch.targets).float().mean()
        assert float(batch.accuracy) == pytest.approx(float(right))


def test_what_the_trainer_knows_goes_with_the_run(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(lr=0.25))
    assert monitor.options == {
        "run": "Digits",
        "config": {"lr": 0.25},
        "total_epochs": 2,
        "batches_per_epoch": BATCHES,
        "batch_size": BATCH,
        "rank": 0,
        "world_size": 1,
    }


def test_class_names_of_the_data_set_are_found(pl: ModuleType) -> None:
    callback, data = recording(), loader()
    data.dataset.classes = ["one", "two", "three"]  # where torchvision's data sets keep them
    trainer(pl, callback, max_epochs=1).fit(module_class(pl)(), data)
    assert recorded(callback).options["class_names"] == ["one", "two", "three"]


def test_what_the_user_says_comes_before_what_the_trainer_knows(
    pl: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRAIN_RUN", "from-outside")
    callback = recording(project="p", batch_size=99, max_fps=5.0)
    trainer(pl, callback, fast_dev_run=True).fit(module_class(pl)(), loader())
    options = recorded(callback).options
    assert (options["run"], options["project"], options["batch_size"], options["max_fps"]) == (
        "from-outside",
        "p",
        99,
        5.0,
    )


def test_epochs_are_means_over_their_batches(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)())
    assert [number for number, _ in monitor.epochs] == [0, 1]
    for number, means in monitor.epochs:
        batches = [b for b in monitor.batches if b.epoch == number]
        losses, hits = [float(b.loss) for b in batches], [float(b.accuracy) for b in batches]
        assert means["loss"] == pytest.approx(sum(losses) / BATCHES)
        assert means["accuracy"] == pytest.approx(sum(hits) / BATCHES)
        assert means["train_loss"] == pytest.approx(means["loss"])


def test_logged_values_and_the_learning_rate_of_each_step(pl: ModuleType) -> None:
    class Scheduled(module_class(pl)):  # type: ignore[misc]
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": schedule, "interval": "step"},
            }

    monitor = fit(pl, Scheduled(lr=1.0), max_epochs=1)
    assert [step for step, _ in monitor.scalars] == list(range(BATCHES))
    assert series(monitor, "train_loss") == [float(b.loss) for b in monitor.batches]
    assert series(monitor, "learning_rate") == [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert {name for _, values in monitor.scalars for name in values} == {
        "train_loss",
        "learning_rate",
    }


def test_a_value_that_was_not_logged_in_a_step_is_not_repeated(pl: ModuleType) -> None:
    class Seldom(module_class(pl)):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            if batch_idx % 2 == 0:
                self.log("even", float(batch_idx))
            return self.loss(batch)

    monitor = fit(pl, Seldom(), max_epochs=1)
    assert [(step, v["even"]) for step, v in monitor.scalars if "even" in v] == [
        (0, 0.0),
        (2, 2.0),
        (4, 4.0),
    ]
    assert "even" not in monitor.epochs[0][1]


def test_what_the_module_logs_when_its_epoch_ends_belongs_to_that_epoch(pl: ModuleType) -> None:
    class AtTheEnd(module_class(pl)):  # type: ignore[misc]
        def on_train_epoch_end(self) -> None:
            self.log("norm", 10.0 + self.current_epoch)

    monitor = fit(pl, AtTheEnd())
    assert [(number, means["norm"]) for number, means in monitor.epochs] == [(0, 10.0), (1, 11.0)]


def test_validation_is_shown_and_the_sanity_check_is_not(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(), val=True, num_sanity_val_steps=1)
    assert [number for number, _ in monitor.validations] == [0, 1]
    assert [sorted(values) for _, values in monitor.validations] == [["accuracy", "loss"]] * 2
    assert len(monitor.batches) == 2 * BATCHES
    assert not any(name.startswith("val") for _, means in monitor.epochs for name in means)


def test_validation_within_an_epoch_does_not_disturb_its_batches(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)(), val=True, max_epochs=1, val_check_interval=2)
    assert len(monitor.validations) == 2
    assert [b.preds.shape[0] for b in monitor.batches] == [BATCH] * BATCHES


def test_the_run_ends_completed(pl: ModuleType) -> None:
    monitor = fit(pl, module_class(pl)())
    assert monitor.closed
    assert monitor.ended_by is None
