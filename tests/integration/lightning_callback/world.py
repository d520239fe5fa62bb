"""A small training under Lightning, and a callback that reports to a monitor in memory."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain
from livetrain.testing import RecordingMonitor

NAMESPACES = ("lightning.pytorch", "pytorch_lightning")
SAMPLES, BATCH, CLASSES = 20, 4, 3
BATCHES = SAMPLES // BATCH

QUIET = [
    # What Lightning says to everyone who trains as small as this.
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings(
        "ignore:.*You defined a `validation_step` but have no `val_dataloader`"
    ),
    pytest.mark.filterwarnings("ignore:.*`training_step` returned `None`"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec."),
    pytest.mark.filterwarnings("ignore:.*`dataloader_iter`"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*Checkpoint directory .* exists and is not empty"),
]


def dataset() -> TensorDataset:
    generator = torch.Generator().manual_seed(1)
    return TensorDataset(
        torch.rand(SAMPLES, 1, 6, 6, generator=generator), torch.arange(SAMPLES) % CLASSES
    )


def loader(collate: Any = None) -> DataLoader[Any]:
    return DataLoader(dataset(), batch_size=BATCH, collate_fn=collate)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, CLASSES)
    )


def module_class(pl: ModuleType) -> type:
    class Digits(pl.LightningModule):  # type: ignore[name-defined,misc]
        """As people write it: a forward, and a training_step that returns the loss alone."""

        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

        def loss(self, batch: Any) -> torch.Tensor:
            images, labels = batch
            return nn.functional.cross_entropy(self(images), labels)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", self.loss(batch))
            self.log("val_acc", (self(batch[0]).argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    return Digits


def trainer(pl: ModuleType, *callbacks: Any, **options: Any) -> Any:
    settings = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
    }
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(callbacks=list(callbacks), **{**settings, **quiet, **options})


def recording(**options: Any) -> livetrain.LiveTrainCallback:
    return livetrain.LiveTrainCallback(monitor_factory=RecordingMonitor, **options)


def recorded(callback: livetrain.LiveTrainCallback) -> RecordingMonitor:
    assert isinstance(callback.monitor, RecordingMonitor)
    return callback.monitor


def series(monitor: RecordingMonitor, name: str) -> list[float]:
    return [values[name] for _, values in monitor.scalars if name in values]


def fit(
    pl: ModuleType, module: Any, *, val: bool = False, collate: Any = None, **options: Any
) -> RecordingMonitor:
    callback = recording()
    trainer(pl, callback, **options).fit(module, loader(collate), loader(collate) if val else None)
    return recorded(callback)
