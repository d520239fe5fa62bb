"""Options: what cannot work is refused with the value, the reason and the mend."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import livetrain
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


def test_mean_and_std_may_be_lists_and_arrays() -> None:
    options = ImageOptions(mean=[0.5, 0.4, 0.3], std=np.array([0.1, 0.2, 0.3], np.float32))  # type: ignore[arg-type]
    assert options.mean == (0.5, 0.4, 0.3)
    assert options.std == pytest.approx((0.1, 0.2, 0.3))


@pytest.mark.parametrize("value", [0.5, "0.5", [], ["a"], [[0.5]], [float("nan")]])
def test_what_is_no_number_a_channel_is_named(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="one number a channel"):
        ImageOptions(mean=value, std=value)


@pytest.mark.parametrize("value", [5, {1, 2}, [[1]], [], "ab", list(range(17))])
def test_what_cannot_be_followed_is_named(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="sample ids can be followed"):
        ImageOptions(watch=value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": {}}, {"images": None}, {"control": {}}, {"server": 5}, {"spool_dir": 5}, {"enabled": "no"},
        {"tags": 5}, {"class_names": 5}, {"config": 5}, {"max_overhead": "1"}, {"max_fps": 0},
    ],
)  # fmt: skip
def test_an_argument_of_the_wrong_type_names_the_value_and_the_mend(wrong: dict[str, Any]) -> None:
    ((option, value),) = wrong.items()
    with pytest.raises(ConfigurationError, match=f"^{option}=.*; give") as raised:
        livetrain.Monitor("wrong", **wrong)
    assert repr(value) in str(raised.value)


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
