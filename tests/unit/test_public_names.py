"""The public names are a promise: a change of this list is a change of the interface."""

from __future__ import annotations

import pytest

import livetrain


def test_the_public_names() -> None:
    assert livetrain.__all__ == [
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


@pytest.mark.parametrize("name", livetrain.__all__)
def test_a_public_name_is_there_and_found_by_completion(name: str) -> None:
    assert hasattr(livetrain, name)
    assert name in dir(livetrain)


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Monitr'"):
        livetrain.Monitr  # noqa: B018
