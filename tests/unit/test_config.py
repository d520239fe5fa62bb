"""Options: what cannot work is refused with the value, the reason and the mend."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from livetrain.config import ControlOptions, ImageOptions, from_environment
from livetrain.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_size", 4),
        ("max_size", "256"),
        ("quality", 0),
        ("quality", 101),
        ("format", "webp"),
        ("packing", "mosaic"),
        ("layout", "CWH"),
        ("value_range", (1.0, 0.0)),
        ("value_range", (0.0, float("nan"))),
        ("value_range", 255),
        ("mean", (0.5,)),
        ("gather_seconds", -1.0),
        ("formatter", "label"),
        ("watch", []),
        ("watch", "abc"),
        ("watch", list(range(17))),
    ],
)
def test_image_options_name_the_value_and_the_mend(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ImageOptions(**{option: value})
    assert raised.value.option == option
    assert str(raised.value).startswith(f"{option}={value!r}: ")
    assert raised.value.mend in str(raised.value)


def test_mean_and_std_need_one_number_a_channel() -> None:
    with pytest.raises(ConfigurationError, match="one positive number a channel"):
        ImageOptions(mean=(0.5, 0.5), std=(0.5,))
    with pytest.raises(ConfigurationError, match="one positive number a channel"):
        ImageOptions(mean=(0.5,), std=(0.0,))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("allow", "pause"),
        ("allow", (1,)),
        ("pause_lease_seconds", 0.0),
        ("lost_contact_seconds", "60"),
    ],
)
def test_control_options_name_the_value(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ControlOptions(**{option: value})
    assert raised.value.value == value


def test_the_environment_is_read_in_one_place() -> None:
    env = from_environment(
        {
            "LIVETRAIN_SERVER": "10.0.0.1:50051",
            "LIVETRAIN_MODE": "offline",
            "LIVETRAIN_MAX_OVERHEAD": "0.05",
            "LIVETRAIN_PROJECT": "",
        }
    )
    assert (env.server, env.mode, env.max_overhead, env.project) == (
        "10.0.0.1:50051",
        "offline",
        0.05,
        None,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVETRAIN_MODE", "on"),
        ("LIVETRAIN_MAX_FPS", "fast"),
        ("LIVETRAIN_MAX_OVERHEAD", "-1"),
        ("LIVETRAIN_MAX_FPS", "nan"),
    ],
)
def test_a_variable_that_cannot_work_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        from_environment({name: value})


def test_errors_survive_pickling() -> None:
    error = ConfigurationError("quality", 0, "too low", "give 85")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.option, copy.value) == (str(error), "quality", 0)
