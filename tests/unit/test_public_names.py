"""The public names are a promise: a change of this list is a change of the interface."""

from __future__ import annotations

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
        "UsageError",
        "__version__",
    ]


def test_every_public_name_is_there() -> None:
    missing = [name for name in livetrain.__all__ if not hasattr(livetrain, name)]
    assert missing == []


def test_everything_else_is_private_or_a_module() -> None:
    modules = {"config", "exceptions", "lightning", "proto", "server", "testing", "cli"}
    others = {name for name in vars(livetrain) if not name.startswith("_")} - modules
    assert others <= {*livetrain.__all__, "annotations", "Any", "TYPE_CHECKING", "import_module"}
