"""What a Trainer and its module know about a training before its first batch."""

from __future__ import annotations

import os
import uuid
from typing import Any

from livetrain._frameworks.training import class_names_of, positive
from livetrain.config import from_environment

__all__ = ["describe_training", "stop_is_late"]


def describe_training(trainer: Any, module: Any, *, training: bool = True) -> dict[str, Any]:
    """Return arguments of a monitor; None where nothing is known.

    Args:
        trainer: Lightning's.
        module: the user's.
        training: False: this rank alone will speak, whatever the others do. True: all ranks ask at once.
    """
    loader = trainer.train_dataloader
    several = training and trainer.world_size > 1
    return {
        "run": from_environment(os.environ).run or type(module).__name__,
        "config": dict(getattr(module, "hparams", {})),
        "total_epochs": positive(trainer.max_epochs),
        "batches_per_epoch": positive(trainer.num_training_batches),
        "batch_size": positive(getattr(loader, "batch_size", None)),
        "class_names": class_names_of(
            (module, "class_names"),
            (trainer.datamodule, "class_names"),
            (getattr(loader, "dataset", None), "classes"),
        ),
        "rank": trainer.global_rank if several else 0,
        "world_size": trainer.world_size if several else 1,
        "session": trainer.strategy.broadcast(uuid.uuid4().hex) if several else None,
    }


def stop_is_late(trainer: Any) -> str:
    """Say why a Trainer that is to stop goes on for a while; empty: it does not.

    Example:
        >>> from types import SimpleNamespace
        >>> stop_is_late(SimpleNamespace(min_epochs=8, min_steps=None, current_epoch=0, global_step=6))
        'Lightning trains for min_epochs=8 first'
    """
    for option, done in (("min_epochs", trainer.current_epoch), ("min_steps", trainer.global_step)):
        least = getattr(trainer, option, None)
        if isinstance(least, int) and done < least:
            return f"Lightning trains for {option}={least} first"
    return ""
