"""See what a model sees, while it trains, and steer it.

    >>> import livetrain
    >>> with livetrain.Monitor("digits", enabled=False) as monitor:
    ...     monitor.log_batch([[[0, 255], [255, 0]]], [[0.1, 2.0]], loss=0.7)

`Monitor` goes into a loop of one's own, `LiveTrainCallback` into a Lightning ``Trainer``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livetrain._monitor import Monitor
    from livetrain._stats import Stats
    from livetrain.config import ControlOptions, ImageOptions, Parameter
    from livetrain.exceptions import (
        ConfigurationError,
        LivetrainError,
        TrainingStopped,
        UsageError,
    )
    from livetrain.lightning import LiveTrainCallback

__all__ = [
    "ConfigurationError",
    "ControlOptions",
    "ImageOptions",
    "LiveTrainCallback",
    "LivetrainError",
    "Monitor",
    "Parameter",
    "Stats",
    "TrainingStopped",
    "UsageError",
    "__version__",
]

__version__ = "0.1.0"

_HOMES = {
    "ConfigurationError": "livetrain.exceptions",
    "ControlOptions": "livetrain.config",
    "ImageOptions": "livetrain.config",
    "LiveTrainCallback": "livetrain.lightning",
    "LivetrainError": "livetrain.exceptions",
    "Monitor": "livetrain._monitor",
    "Parameter": "livetrain.config",
    "Stats": "livetrain._stats",
    "TrainingStopped": "livetrain.exceptions",
    "UsageError": "livetrain.exceptions",
}


def __getattr__(name: str) -> Any:
    # Each name is imported when it is asked for: gRPC and NumPy take longer to load than an import should,
    # and Lightning is nobody's business but its callback's.
    if name not in _HOMES:
        raise AttributeError(f"module 'livetrain' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
