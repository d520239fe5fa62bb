"""Numbers that Lightning holds: what was logged, by step, epoch and validation. Tensors stay on their device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "FreshMetrics",
    "epoch_metrics",
    "evaluation_metrics",
    "step_loss",
    "step_metrics",
    "validation_metrics",
]

ARGUMENTS = frozenset({"epoch", "self", "step"})
"""Names that the monitor's methods take for themselves; an epoch or a step logged as a metric is known anyway."""
OWN_NAMES = ARGUMENTS | {"loss", "accuracy", "learning_rate"}
"""Names that the callback itself gives to a step or an epoch: a second point there would be drawn twice."""
LOSS_NAMES = ("loss", "train_loss", "train/loss", "training_loss", "loss_step")
VALIDATION_PREFIXES = ("val_", "val/", "valid_", "valid/", "validation_", "validation/")


class FreshMetrics:
    """Tells what was logged since the last look at ``trainer.callback_metrics``, which never forgets.

    A logged value is a new tensor every time, and the last one of each name is held here, so that its memory cannot be given to the
    next: the address of its memory says whether it is new, and no value has to be fetched from a device.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def take(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is new, without a value's second name (``acc_step`` beside ``acc``)."""
        fresh: dict[str, Any] = {}
        addresses = set()
        for name, value in metrics.items():
            if name in self._seen and _address(self._seen[name]) == _address(value):
                continue
            self._seen[name] = value
            if _address(value) not in addresses:
                addresses.add(_address(value))
                fresh[name] = value
        return fresh


def step_loss(outputs: Any, logged: Mapping[str, Any], divided_by: int = 1) -> Any:
    """Return the loss of a step: what ``training_step`` returned, else what it logged as its loss, else None.

    Args:
        outputs: what Lightning made of the return value.
        logged: what was logged on this step, by name.
        divided_by: what the returned loss was divided by on the way.
    """
    returned = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if returned is not None and hasattr(returned, "detach"):
        returned = returned.detach()
        returned = returned.mean() if returned.ndim else returned
    if returned is not None:
        return returned * divided_by if divided_by != 1 else returned
    return next((logged[name] for name in LOSS_NAMES if name in logged), None)


def step_metrics(fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a step that the callback does not give itself."""
    return {name: value for name, value in fresh.items() if name not in OWN_NAMES}


def epoch_metrics(fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Return the epoch's values by the names that the user gave: ``acc_epoch`` stands for ``acc`` of a whole epoch."""
    named = {name.removesuffix("_epoch"): value for name, value in fresh.items()}
    return {name: value for name, value in named.items() if name not in OWN_NAMES}


def validation_metrics(fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Return the validation's values, their names without ``val_``; what stands for the accuracy is called so."""
    named = {_without_prefix(name.removesuffix("_epoch")): value for name, value in fresh.items()}
    if "acc" in named:
        named.setdefault("accuracy", named.pop("acc"))
    return {name: value for name, value in named.items() if name not in ARGUMENTS}


def evaluation_metrics(fresh: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Return values as ``STAGE/NAME``, whether the module called them ``STAGE_NAME``, ``STAGE/NAME`` or ``NAME``."""
    values: dict[str, Any] = {}
    for name, value in fresh.items():
        bare = name.removesuffix("_epoch").removeprefix(f"{stage}_").removeprefix(f"{stage}/")
        if bare not in ARGUMENTS:
            values[f"{stage}/{'accuracy' if bare == 'acc' else bare}"] = value
    return values


def _without_prefix(name: str) -> str:
    return next(
        (name.removeprefix(prefix) for prefix in VALIDATION_PREFIXES if name.startswith(prefix)),
        name,
    )


def _address(value: Any) -> object:
    return value.data_ptr() if hasattr(value, "data_ptr") else id(value)
