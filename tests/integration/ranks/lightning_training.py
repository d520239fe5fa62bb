"""One rank of a training under Lightning's DDP; see ``training.py``."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain


class Digits(pl.LightningModule):
    def __init__(self, told: Path) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 3))
        self._told = told.open("w", buffering=1)
        self._step = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net(images)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        rate = self.optimizers().param_groups[0]["lr"]
        self._told.write(json.dumps({"step": self._step, "rate": rate, "time": time.time()}) + "\n")
        self._step += 1
        time.sleep(0.01)
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main(folder: Path, epochs: int) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    pl.seed_everything(7)
    data = TensorDataset(torch.rand(320, 1, 6, 6), torch.arange(320) % 3)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=size,
        strategy="ddp",
        callbacks=[
            livetrain.LiveTrainCallback(run="ranks"),
            ModelCheckpoint(folder, filename="last-{step}", save_on_train_epoch_end=True),
        ],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Digits(folder / f"rank{rank}.jsonl")
    trainer.fit(module, DataLoader(data, batch_size=16), DataLoader(data, batch_size=64))
    torch.save(module.state_dict(), folder / f"rank{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]).get("epochs", 1000))
