"""Modules and batches that cannot be read, and what the user can say."""

from __future__ import annotations

import logging
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
    network,
    recorded,
    recording,
    series,
    trainer,
)
from torch import nn

from livetrain.exceptions import ConfigurationError

pytestmark = QUIET


def test_a_module_that_cannot_be_read_is_still_measured_and_told_once(
    pl: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    class Vectors(module_class(pl)):  # type: ignore[misc]
        def loss(self, batch: Any) -> torch.Tensor:
            vectors, labels = batch
            return nn.functional.cross_entropy(self.net[4](self.net[1](vectors)), labels)

    def collate(samples: list[Any]) -> Any:
        images, labels = zip(*samples, strict=True)
        return torch.stack(images).flatten(1), torch.stack(labels)

    monitor = fit(pl, Vectors(), collate=collate)
    assert [b.images for b in monitor.batches] == [None] * 2 * BATCHES
    assert all(float(b.loss) > 0 for b in monitor.batches)
    assert len(series(monitor, "train_loss")) == 2 * BATCHES
    warned = [
        r.message for r in caplog.records if r.name == "livetrain" and r.levelno == logging.WARNING
    ]
    assert len(warned) == 1
    assert "read_batch=" in warned[0]
    assert "submodule=" in warned[0]
    assert "list" in warned[0] or "tuple" in warned[0]


def test_it_is_read_when_told_how(pl: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    class Deep(module_class(pl)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(network(), nn.Softmax(dim=1), nn.Linear(CLASSES, 1))

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self(batch["pictures"][0]).mean()

    def collate(samples: list[Any]) -> Any:
        images, labels = zip(*samples, strict=True)
        return {"pictures": (torch.stack(images), "meta"), "digit": torch.stack(labels)}

    callback = recording(
        submodule="net.0", read_batch=lambda batch: (batch["pictures"][0], batch["digit"])
    )
    trainer(pl, callback, max_epochs=1).fit(Deep(), loader(collate))
    monitor = recorded(callback)
    assert torch.equal(torch.cat([b.images for b in monitor.batches]), dataset().tensors[0])
    assert all(b.preds.shape == (BATCH, CLASSES) for b in monitor.batches)
    assert [r for r in caplog.records if r.name == "livetrain"] == []


def test_a_reader_that_fails_does_not_stop_the_training(
    pl: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    callback = recording(read_batch=lambda batch: batch["no such key"])
    trainer(pl, callback, max_epochs=1).fit(module_class(pl)(), loader())
    assert [float(b.loss) > 0 for b in recorded(callback).batches] == [True] * BATCHES
    (warned,) = [r.message for r in caplog.records if r.name == "livetrain"]
    assert "read_batch" in warned
    assert "TypeError" in warned


def test_a_submodule_that_is_not_there_is_said_before_the_first_step(pl: ModuleType) -> None:
    callback = recording(submodule="head")
    with pytest.raises(
        ConfigurationError, match="Digits has no submodule of that name; give one of 'net'"
    ):
        trainer(pl, callback).fit(module_class(pl)(), loader())
    assert callback.monitor is None
