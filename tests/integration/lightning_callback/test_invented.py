"""Nothing is invented: what is no classification has no accuracy, though its data have labels."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from tests.integration.lightning_callback.world import (
    BATCHES,
    QUIET,
    fit,
    loader,
    module_class,
    recorded,
    recording,
    trainer,
)
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pytestmark = QUIET


def autoencoder(pl: ModuleType) -> Any:
    class Autoencoder(module_class(pl)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(36, 30), nn.ReLU(), nn.Linear(30, 36))

        def loss(self, batch: Any) -> torch.Tensor:
            images, _ = batch
            return nn.functional.mse_loss(self(images), images.flatten(1))

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", self.loss(batch))

    return Autoencoder()


@pytest.mark.parametrize("val", [False, True])
def test_an_autoencoder_on_a_labelled_set(pl: ModuleType, val: bool) -> None:
    monitor = fit(pl, autoencoder(pl), val=val)
    assert [batch.accuracy for batch in monitor.batches] == [None] * 2 * BATCHES
    assert [sorted(means) for _, means in monitor.epochs] == [["loss", "train_loss"]] * 2


def test_an_accuracy_of_the_modules_own_is_the_accuracy(pl: ModuleType) -> None:
    class Judged(type(autoencoder(pl))):  # type: ignore[misc]
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.log("accuracy", 0.1 * batch_idx, on_step=True, on_epoch=True)
            return super().training_step(batch, batch_idx)

    monitor = fit(pl, Judged(), max_epochs=1)
    assert [float(b.accuracy) for b in monitor.batches] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert monitor.epochs[0][1]["accuracy"] == pytest.approx(0.2)


def test_ignored_labels_are_left_out(pl: ModuleType) -> None:
    class Masked(module_class(pl)):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 10 * nn.functional.one_hot(x[:, 0, 0, 0].long(), 3).float() + 0 * self.net(x)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            images, labels = batch
            loss = nn.functional.cross_entropy(self(images), labels, ignore_index=-1)
            return {"loss": loss, "logits": self(images)}

    labels = torch.arange(20) % 3
    images = labels.float().reshape(-1, 1, 1, 1).expand(-1, 1, 6, 6).clone()
    labels[::2] = -1
    labels[4:8] = -1
    callback = recording()
    data = DataLoader(TensorDataset(images, labels), batch_size=4)
    trainer(pl, callback, max_epochs=1).fit(Masked(), data)
    monitor = recorded(callback)
    assert [batch.accuracy for batch in monitor.batches] == [1.0, None, 1.0, 1.0, 1.0]
    assert monitor.epochs[0][1]["accuracy"] == 1.0


def test_a_step_that_is_logged_stops_nothing(pl: ModuleType) -> None:
    class Stepped(module_class(pl)):  # type: ignore[misc]
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", self.loss(batch))
            self.log("step", 1.5)  # how modules give Lightning's loggers another axis

    callback = recording()
    trainer(pl, callback).fit(Stepped(), loader(), loader())
    assert [sorted(found) for _, found in recorded(callback).validations] == [["loss"]] * 2
