"""A training on two processes that Lightning spawns; run by test_server.py, with the server in the environment."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain


class Digits(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Known(pl.Callback):
    """So short a training is over before the server is reached, and closing does not wait long for that."""

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        (callback,) = (c for c in trainer.callbacks if isinstance(c, livetrain.LiveTrainCallback))
        assert callback.monitor is not None
        assert callback.monitor.flush(20)


if __name__ == "__main__":
    torch.set_num_threads(1)
    data = TensorDataset(torch.rand(40, 1, 6, 6), torch.arange(40) % 3)
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        devices=2,
        strategy="ddp_spawn",
        callbacks=[livetrain.LiveTrainCallback(), Known()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(Digits(), DataLoader(data, batch_size=4))
