"""Which phase of an epoch a metric of a relay's message belongs to, and what it is called there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["PhaseMetrics", "phase_of"]

_PREFIXES: Final = {
    "train_": "train",
    "train/": "train",
    "val_": "val",
    "val/": "val",
    "test_": "test",
    "test/": "test",
}
_PHASES: Final = {
    "": "train",
    "training": "train",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}
_NAMES: Final = {"acc": "accuracy"}
_REMEMBERED: Final = 256


def phase_of(told: str) -> str:
    """Return a phase by its usual name.

    Example:
        >>> phase_of("Validation"), phase_of(""), phase_of("warmup")
        ('val', 'train', 'warmup')
    """
    lower = told.strip().lower()
    return _PHASES.get(lower, lower)


def _place_of(name: str, phase: str) -> tuple[str, str]:
    """Return the phase of a metric, and its name there."""
    for prefix, of in _PREFIXES.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            bare = name[len(prefix) :]
            return of, _NAMES.get(bare, bare)
    return phase, _NAMES.get(name, name)


class PhaseMetrics:
    """Sorts the metrics of a training's epochs by phase.

    Trainers often send all that they know with each phase, so that a number comes twice: it is kept once.

    Example:
        >>> metrics = PhaseMetrics()
        >>> metrics.sort("train", 0, {"train_loss": 0.5, "val_acc": 0.25})
        {'train': {'loss': 0.5}, 'val': {'accuracy': 0.25}}
        >>> metrics.sort("val", 0, {"val_loss": 0.75, "val_acc": 0.25, "train_loss": 0.5})
        {'val': {'loss': 0.75}}
    """

    def __init__(self) -> None:
        # By phase and name: the epoch, the value, and whether another phase's message had it.
        self._told: dict[tuple[str, str], tuple[int, float, bool]] = {}

    def sort(
        self, own: str, epoch: int, metrics: Mapping[str, float]
    ) -> dict[str, dict[str, float]]:
        """Return metrics by phase and name, without those that were told of this epoch.

        Args:
            own: the phase of the message, which comes first and is there even if it has no numbers.
            epoch: the epoch that they are of.
            metrics: by the names that they came with. Where a name comes with and without its phase, the one without counts.
        """
        found: dict[str, dict[str, float]] = {own: {}}
        for name, value in metrics.items():
            phase, bare = _place_of(name, own)
            spelled_out = bare != name and bare in metrics and phase == own
            if spelled_out or self._is_known(phase, bare, epoch, value, own):
                continue
            found.setdefault(phase, {})[bare] = value
        if not found[own] and metrics:
            del found[own]
        return found

    def _is_known(self, phase: str, name: str, epoch: int, value: float, own: str) -> bool:
        key, foreign = (phase, name), phase != own
        before = self._told.get(key)
        if before is not None and before[0] == epoch:
            if foreign:
                return True
            if before[2] and before[1] == value:
                return True
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[key] = epoch, value, foreign
        return False
