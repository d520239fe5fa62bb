"""What is needed to read a monitor's frames: its options, and what was learned from the frames before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from livetrain._capture.classification import Classification
from livetrain._capture.delta import Delta
from livetrain._capture.images import Converter
from livetrain._capture.predictions import PredictionReader
from livetrain._capture.reports import Reports
from livetrain._wire import ValueRange
from livetrain.config import ImageOptions

__all__ = ["FrameReader"]

T = TypeVar("T")


class FrameReader:
    """Reads the frames of one monitor.

    Args:
        options: how images are read.
        class_names: the label of each class index; None: the index is the label.
        reports: where problems and guesses are told.

    Attributes:
        last_range: which numbers the last frame's pictures show how; None: it was not told.
    """

    def __init__(
        self, options: ImageOptions, class_names: Sequence[str] | None, reports: Reports
    ) -> None:
        self.options = options
        self.reports = reports
        self.converter = Converter(options, reports)
        self.predictions = PredictionReader(class_names)
        self.classification = Classification(reports, _count(class_names))
        self.delta = Delta()
        self.last_range: ValueRange | None = None

    def name_classes(self, names: Sequence[str]) -> None:
        """Take other labels for the classes."""
        self.predictions = PredictionReader(names)
        self.classification.names = _count(names)

    def attempt(self, what: str, read: Callable[[], T], instead: T) -> T:
        """Return what `read` returns, or `instead` if it fails: one bad thing costs no other."""
        try:
            return read()
        except Exception as error:
            self.problem(what, error)
            return instead

    def problem(self, what: str, error: Exception) -> None:
        """Tell what cannot be read, and why."""
        self.reports.problem(what, f"{what} cannot be read: {str(error) or type(error).__name__}")


def _count(names: Sequence[str] | None) -> int | None:
    return len(names) if names else None
