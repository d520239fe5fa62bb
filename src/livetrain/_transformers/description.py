"""What a Hugging Face Trainer knows about a training before its first step."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from typing import Any

from livetrain._frameworks.training import labels_of, positive
from livetrain.config import from_environment

__all__ = ["describe_training"]

_ENDLESS = 1_000_000
"""More epochs than that are the Trainer's way to say that only the steps are counted."""


def describe_training(args: Any, state: Any, model: Any) -> dict[str, Any]:
    """Return arguments of a monitor; None where nothing is known."""
    epochs = positive(state.num_train_epochs)
    steps = positive(state.max_steps)
    endless = epochs is None or epochs > _ENDLESS
    epochs = 1 if endless else math.ceil(state.num_train_epochs)
    batch_size = getattr(args, "train_batch_size", None)
    name = getattr(args, "run_name", None)
    if name == args.output_dir:
        name = None  # what older releases put there where nobody named the run
    return {
        "run": from_environment(os.environ).run or name or type(model).__name__,
        "config": {"model": _model_settings(model), "arguments": _changed(args)},
        "total_epochs": epochs,
        "batches_per_epoch": None if steps is None else math.ceil(steps / epochs),
        "batch_size": positive(
            batch_size * args.gradient_accumulation_steps if batch_size else None
        ),
        "class_names": _class_names(getattr(model, "config", None)),
        "rank": args.process_index if args.world_size > 1 else 0,
        "world_size": args.world_size,
    }


def _model_settings(model: Any) -> dict[str, Any]:
    config: Any = getattr(model, "config", None)
    changed = config.to_diff_dict() if hasattr(config, "to_diff_dict") else {}
    return {"class": type(model).__name__, **changed}


def _changed(args: Any) -> dict[str, Any]:
    """Return the training arguments that are not their defaults."""
    changed = {}
    for field in dataclasses.fields(args):
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        value = getattr(args, field.name, default)
        # Tokens for hubs are no settings.
        if value != default and not field.name.endswith("token") and not field.name.startswith("_"):
            changed[field.name] = value
    return changed


def _class_names(config: Any) -> list[str] | None:
    names = getattr(config, "id2label", None)
    labels = labels_of(names)
    if labels is None or all(re.fullmatch(r"LABEL_\d+", name) for name in labels):
        return None  # what a model has that nobody named the classes of
    return labels
