"""An epoch's means and a validation's result, as the fields of their records. Pure; shared by the monitor and by the relay."""

from __future__ import annotations

from collections.abc import Mapping

from livetrain import _wire
from livetrain._metric_names import epoch_names, validation_name
from livetrain.proto import telemetry_pb2 as pb

__all__ = ["fill_epoch", "fill_validation"]


def fill_epoch(data: pb.EpochData, means: Mapping[str, float]) -> None:
    """Write an epoch's means: loss, accuracy, learning_rate, val_loss and val_accuracy have fields of their own.

    What begins with ``val_`` or ``val/`` is a validation's. Fields of 32 bits hold the nearest float, for older readers.

    Args:
        data: takes them.
        means: by the names that they were given under.
    """
    own: dict[str, float] = {}
    validated: dict[str, float] = {}
    for name, known in epoch_names(means).items():
        bare = validation_name(known)
        into, key = (own, known) if bare is None else (validated, bare)
        into[key] = means[name]
    if (loss := own.pop("loss", None)) is not None:
        data.average_loss, data.has_loss, data.exact_loss = loss, True, loss
    if (accuracy := own.pop("accuracy", None)) is not None:
        data.average_accuracy, data.has_accuracy, data.exact_accuracy = accuracy, True, accuracy
    if (rate := own.pop("learning_rate", None)) is not None:
        data.learning_rate, data.has_learning_rate, data.exact_learning_rate = rate, True, rate
    if (loss := validated.pop("loss", None)) is not None:
        data.validation_loss = data.exact_validation_loss = loss
    if (accuracy := validated.pop("accuracy", None)) is not None:
        data.validation_accuracy = data.exact_validation_accuracy = accuracy
    _wire.add_scalars(data.metrics, own)
    _wire.add_scalars(data.validation_metrics, validated)


def fill_validation(data: pb.Validation, values: Mapping[str, float]) -> None:
    """Write a validation's result: loss and accuracy have fields of their own; ``val_`` before a name says nothing more.

    Args:
        data: takes it.
        values: by the names that they were given under.
    """
    others = {validation_name(name) or name: value for name, value in values.items()}
    if (loss := others.pop("loss", None)) is not None:
        data.loss = loss
    if (accuracy := others.pop("accuracy", None)) is not None:
        data.accuracy = accuracy
    _wire.add_scalars(data.metrics, others)
