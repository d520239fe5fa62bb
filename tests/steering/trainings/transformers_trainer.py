"""The Hugging Face Trainer with the callback, of one rank or of several."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import transformers
from torch import nn

from livetrain.transformers import LiveTrainCallback
from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.line import Line
from tests.steering.trainings.schedulers import RATE

__all__ = ["SCHEDULERS", "train"]

SCHEDULERS: dict[str, dict[str, Any]] = {
    "constant": {"lr_scheduler_type": "constant"},
    "linear": {"lr_scheduler_type": "linear", "warmup_steps": 4},
    "cosine": {"lr_scheduler_type": "cosine", "warmup_steps": 4},
    "polynomial": {
        "lr_scheduler_type": "polynomial",
        "lr_scheduler_kwargs": {"lr_end": 0.001, "power": 2},
    },
    "inverse square root": {"lr_scheduler_type": "inverse_sqrt", "warmup_steps": 4},
    "plateau": {
        "lr_scheduler_type": "reduce_lr_on_plateau",
        "lr_scheduler_kwargs": {"patience": 0, "factor": 0.5},
        "metric_for_best_model": "loss",
    },
}
"""What the Trainer's arguments say of each."""


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = Line()

    def forward(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        loss = self.line(batch)
        return {"loss": loss if self.training else torch.ones(())}


class Watch(transformers.TrainerCallback):
    """Notes the weight after each step of the optimizer, and gives what is to be given in a validation.

    Args:
        trace: where it is noted.
        make: made the monitor.
        until: the training is interrupted after this epoch, with a checkpoint; None: it is not.
    """

    def __init__(self, trace: Trace, make: Maker, until: int | None) -> None:
        self._trace, self._make, self._until = trace, make, until

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        weight = getattr(kwargs["model"], "module", kwargs["model"]).line.weight
        self._trace.moved(state.global_step - 1, weight.item())

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._make.newest.between_epochs(round(state.epoch) - 1)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if self._until is not None and state.epoch >= self._until:
            control.should_save = control.should_training_stop = True
        return control


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says; with the event *resume*, from a checkpoint after the first epoch.

    ``case.options``: ``fixed=True`` lets nothing be set.
    """
    trace = Trace()
    with _folder(case) as folder:
        if case.event == "resume":
            _trainer(case, make, trace, folder, until=1).train()
            (checkpoint,) = Path(folder).glob("checkpoint-*")
            _trainer(case, make, trace, folder).train(resume_from_checkpoint=str(checkpoint))
        else:
            _trainer(case, make, trace, folder).train()
    return trace


@contextmanager
def _folder(case: Case) -> Iterator[str]:
    """Make a folder for checkpoints, the same for all ranks."""
    with tempfile.TemporaryDirectory() as folder:
        box = [folder]
        if case.ranks > 1:
            dist.broadcast_object_list(box, src=0)
        yield box[0]
        if case.ranks > 1:
            dist.barrier()


def _trainer(
    case: Case, make: Maker, trace: Trace, folder: str, until: int | None = None
) -> transformers.Trainer:
    accumulate = 2 if case.event == "accumulation" else 1
    evaluates = case.event == "validation" or case.scheduler == "plateau"
    data = [{"batch": torch.ones(1, dtype=torch.float64)}] * (2 * case.batches * case.ranks)
    let_set = () if case.options.get("fixed") else ("learning_rate",)
    args = transformers.TrainingArguments(
        output_dir=folder,
        num_train_epochs=case.epochs,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=accumulate,
        learning_rate=RATE,
        optim="sgd",
        max_grad_norm=0,
        eval_strategy="epoch" if evaluates else "no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_strategy="no",
        remove_unused_columns=False,
        label_names=["batch"],
        dataloader_pin_memory=False,
        use_cpu=True,
        ddp_backend="gloo" if case.ranks > 1 else None,
        **SCHEDULERS[case.scheduler],
    )
    return transformers.Trainer(
        Model(),
        args,
        train_dataset=data,  # type: ignore[arg-type]
        eval_dataset=data[:2],  # type: ignore[arg-type]
        callbacks=[
            Watch(trace, make, until),
            LiveTrainCallback(monitor_factory=make, let_set=let_set),
        ],
    )
