"""See what a model sees, while it trains, and steer it.

    >>> import livetrain
    >>> with livetrain.Monitor("digits", enabled=False) as monitor:
    ...     monitor.log_batch([[[0, 255], [255, 0]]], [[0.1, 2.0]], loss=0.7)

`Monitor` goes into a loop of one's own, `LiveTrainCallback` into a Lightning ``Trainer``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from livetrain._monitor import Monitor
from livetrain._stats import Stats
from livetrain.config import ControlOptions, ImageOptions, Parameter
from livetrain.exceptions import ConfigurationError, LivetrainError, UsageError

if TYPE_CHECKING:
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
    "UsageError",
    "__version__",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Lightning is imported when its callback is asked for, and not before: `import livetrain` stays light.
    if name == "LiveTrainCallback":
        from livetrain.lightning import LiveTrainCallback

        return LiveTrainCallback
    raise AttributeError(f"module 'livetrain' has no attribute {name!r}")
