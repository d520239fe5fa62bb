"""Lightning's Trainer with the callback, of one rank or under DDP."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

import livetrain
from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.line import Line
from tests.steering.trainings.schedulers import RATE, SCHEDULERS

__all__ = ["train"]


class Module(pl.LightningModule):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self.line = Line()
        self._case = case

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.line(batch)

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Nothing is measured."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=RATE)
        scheduler = SCHEDULERS[self._case.scheduler](optimizer)
        if scheduler is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


class Watch(pl.Callback):
    """Notes the weight after each step of the optimizer, and gives what is to be given in a validation."""

    def __init__(self, trace: Trace, make: Maker) -> None:
        self._trace, self._make, self._steps = trace, make, 0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if trainer.global_step != self._steps:
            self._steps = trainer.global_step
            step = trainer.fit_loop.epoch_loop.total_batch_idx
            self._trace.moved(step, pl_module.line.weight.item())

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.sanity_checking and self._make.made:
            self._make.newest.between_epochs(trainer.current_epoch)


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says; with the event *resume*, from a checkpoint after the first epoch."""
    trace = Trace()
    data = torch.ones(2 * case.batches * case.ranks, 1, dtype=torch.float64)
    loader = torch.utils.data.DataLoader(data, batch_size=2)
    with tempfile.TemporaryDirectory() as folder:
        if case.event == "resume":
            trainer = _trainer(case, make, trace, folder, epochs=1)
            trainer.fit(Module(case), loader, loader)
            trainer.save_checkpoint(Path(folder) / "first.ckpt")
            again = _trainer(case, make, trace, folder, epochs=case.epochs)
            again.fit(Module(case), loader, loader, ckpt_path=Path(folder) / "first.ckpt")
        else:
            trainer = _trainer(case, make, trace, folder, epochs=case.epochs)
            trainer.fit(Module(case), loader, loader)
    return trace


def _trainer(case: Case, make: Maker, trace: Trace, folder: str, *, epochs: int) -> pl.Trainer:
    several = {"strategy": "ddp", "devices": case.ranks} if case.ranks > 1 else {"devices": 1}
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[Watch(trace, make), livetrain.LiveTrainCallback(monitor_factory=make)],
        accumulate_grad_batches=2 if case.event == "accumulation" else 1,
        limit_val_batches=1 if case.event == "validation" else 0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **several,  # type: ignore[arg-type]
    )
