"""Settings as JSON: numbers stay numbers, and whatever a script holds can be sent, stored and read back."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import json
import logging
import math
import pathlib
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import livetrain
from livetrain import _launch
from livetrain._class_names import read_class_names
from livetrain._config_json import are_settings, config_json, plain_settings


def shown(value: Any) -> Any:
    """Return what a reader finds under a name."""
    text = config_json({"x": value})
    text.encode()
    return json.loads(text, parse_constant=pytest.fail)["x"]


class Kind(enum.Enum):
    FAST = 1
    SLOW = "slow and steady"


@dataclasses.dataclass
class Options:
    lr: float = 0.1
    where: Any = b"/data"


class Pair(NamedTuple):
    first: int
    second: str


class Odd:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class LikeOmegaConf:
    """Has keys and values, one of which is still missing, and is no Mapping."""

    def keys(self) -> list[str]:
        return ["lr", "missing"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __getitem__(self, name: str) -> Any:
        if name == "missing":
            raise ValueError("Missing mandatory value")
        return 0.1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array(3.5), 3.5),
        (np.longdouble(0.5), 0.5),
        (torch.tensor(0.5), 0.5),
        (torch.tensor(3), 3),
        (torch.tensor(True), True),
        (torch.tensor(1.5, dtype=torch.bfloat16), 1.5),
        (torch.tensor([1.0, 2.0], requires_grad=True), [1.0, 2.0]),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([math.nan, 1.0]), ["nan", 1.0]),
        (np.zeros((100, 3)), "array of shape (100, 3), float64"),
        (torch.zeros(65), "array of shape (65,), torch.float32"),
        (torch.float16, "torch.float16"),
        (torch.Size([3, 4]), [3, 4]),
        (Decimal("0.1"), 0.1),
        (True, True),
        (None, None),
        (2**53, 2**53),
        (2**60 + 1, str(2**60 + 1)),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (1 + 2j, "(1+2j)"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("nul\0", "nul\\0"),
        (b"bytes\xff", "bytes\\xff"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (pathlib.Path("/caf\udce9"), "/caf\\xe9"),
        (Kind.FAST, "FAST"),
        (Kind.SLOW, "slow and steady"),
        (torch.nn.ReLU, "torch.nn.modules.activation.ReLU"),
        (math.sqrt, "math.sqrt"),
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (collections.deque([1]), [1]),
        (range(10**9), "range(0, 1000000000)"),
        (Pair(1, "a"), {"first": 1, "second": "a"}),
        (Options(), {"lr": 0.1, "where": "/data"}),
        (argparse.Namespace(a=1), {"a": 1}),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ({5: 1, "5": 2, None: 3, ("a",): 4}, {"5": 1, "5 (2)": 2, "None": 3, "('a',)": 4}),
        ({"\udcff": 1}, {"\\xff": 1}),
        (Odd(), "<Odd: its text failed with RuntimeError>"),
    ],
)
def test_what_a_script_holds_is_what_a_reader_finds(value: Any, expected: Any) -> None:
    assert shown(value) == expected
    assert type(shown(value)) is type(expected)


def test_a_number_of_thousands_of_digits_is_told_by_its_size() -> None:
    assert shown(10**5000) == "a whole number of 16,610 bits"


def test_a_value_that_cannot_be_read_costs_itself_alone() -> None:
    assert shown(LikeOmegaConf()) == {
        "lr": 0.1,
        "missing": "(cannot be read: ValueError: Missing mandatory value)",
    }


def test_deep_nesting_ends_in_a_text() -> None:
    deep: Any = "bottom"
    for _ in range(400):
        deep = {"in": [deep]}
    text = config_json({"deep": deep})
    assert "(nested deeper than 32)" in text
    assert plain_settings({"deep": deep})[1] == ("what is nested deeper than 32 is left out",)


def test_what_holds_itself_ends_in_a_text() -> None:
    loop: dict[str, Any] = {"lr": 0.1}
    loop["again"] = loop
    ring: list[Any] = [1]
    ring.append(ring)
    loop["ring"] = ring
    assert plain_settings(loop) == (
        {"lr": 0.1, "again": "(holds itself)", "ring": [1, "(holds itself)"]},
        ("something that holds itself is left out",),
    )
    twice = [1]
    assert shown([twice, twice]) == [[1], [1]]


def test_huge_values_are_cut_and_said() -> None:
    plain, cut = plain_settings({"text": "x" * 10**6, "list": list(range(5000)), "after": 1})
    assert len(plain["text"]) == 10_000
    assert plain["text"].endswith("… (cut; 1,000,000 characters)")
    assert (len(plain["list"]), plain["list"][-1]) == (1000, "… 4,001 more")
    assert plain["after"] == 1
    assert cut == ("texts are cut at 10,000 characters", "lists are cut at 1,000 entries")


def test_very_many_settings_stay_within_what_a_record_may_have() -> None:
    for many in (
        {f"name{n}": n for n in range(100_000)},
        {f"name{n}": "ü" * 5000 for n in range(1000)},
        {f"name{n}": "😀" * 10_000 for n in range(10)} | {str(n): n for n in range(20_000)},
        {f"\x01{n}" * 100: 10**300 for n in range(20_000)},
        {f"{n}" + "k" * 1000: {"a": [[0.1] * 900] * 900} for n in range(100)},
    ):
        plain, cut = plain_settings(many)
        assert "20,000 settings of 250 KiB are taken at most" in cut
        assert "…" in plain or "…" in plain.values()
        assert len(config_json(many)) <= 256 << 10, "what a server takes"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=30,
)


@given(st.dictionaries(st.text(st.characters()), JSON_VALUES))
def test_any_settings_can_be_sent_and_plain_ones_stay_as_they_are(settings: Any) -> None:
    plain, _ = plain_settings(settings)
    again = json.loads(json.dumps(plain, allow_nan=False).encode())
    assert again == plain
    assert plain_settings(plain)[0] == plain


@pytest.mark.parametrize("value", [5, "text", None, [1], Options, b"x", object()])
def test_what_has_no_names_is_no_settings(value: Any) -> None:
    assert not are_settings(value)
    assert plain_settings(value) == ({}, ())


# ------------------------------------------------------------ where they enter


@pytest.mark.parametrize("config", [{"lr": 0.1}, argparse.Namespace(lr=0.1), Options()])
def test_a_monitor_takes_all_that_has_names(config: Any) -> None:
    monitor = livetrain.Monitor(config=config, enabled=False)
    assert json.loads(monitor._config.config_json)["lr"] == 0.1
    monitor.update(config=types.SimpleNamespace(seed=np.int64(3)))
    assert json.loads(monitor._config.config_json) == {**monitor._settings, "lr": 0.1, "seed": 3}


@pytest.mark.parametrize("config", [5, "lr=0.1", ["lr"], Options])
def test_a_monitor_refuses_what_has_none(config: Any) -> None:
    for take in (
        lambda: livetrain.Monitor(config=config, enabled=False),
        lambda: livetrain.Monitor(enabled=False).update(config=config),
    ):
        with pytest.raises(livetrain.ConfigurationError, match=r"config=.*: not a mapping; give"):
            take()


def test_a_config_that_holds_itself_is_no_error_and_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livetrain._warnings._last", {})
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    with caplog.at_level(logging.WARNING, "livetrain"):
        livetrain.Monitor(config=loop, enabled=False)
    assert "Of config, something that holds itself is left out." in caplog.text


def test_settings_are_those_of_the_moment_they_were_given() -> None:
    config = {"lr": 0.1, "layers": [1]}
    monitor = livetrain.Monitor(config=config, enabled=False)
    config["lr"], config["layers"] = 0.5, [2]
    monitor.update(config={"seed": 1})
    assert json.loads(monitor._config.config_json) == {"lr": 0.1, "layers": [1], "seed": 1}


def test_names_and_tags_and_labels_are_text_that_can_be_sent() -> None:
    described = _launch.describe_run(
        _launch.Environment(),
        {},
        run="caf\udce9\0",
        project="\ud800",
        tags=["\udcff", 7, *map(str, range(100))],
        config=None,
        class_names=["\ud800", 3, "x" * 1000],
        total_epochs=None,
        batches_per_epoch=None,
        batch_size=None,
        rank=None,
        world_size=None,
    )
    assert (described.name, described.project) == ("caf\\xe9\\0", "\\ud800")
    assert described.tags[:2] == ("\\xff", "7")
    assert len(described.tags) == 32
    assert described.class_names == ("\\ud800", "3", "x" * 256)


def test_more_labels_than_a_server_takes_are_told_in_part_and_known_in_full(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livetrain._warnings._last", {})
    names = [f"class {n}" for n in range(21_841)]
    config = _launch.training_config(class_names=names)
    assert len(config.class_names) == 10_000
    assert len(read_class_names(names)) == 21_841
    assert "Of 21,841 class names the page is told the first 10,000" in caplog.text


class Broken(Mapping[str, Any]):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys today")

    def __len__(self) -> int:
        return 1

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)


def test_a_mapping_that_fails_is_refused_with_words() -> None:
    with pytest.raises(livetrain.ConfigurationError, match="not a mapping"):
        livetrain.Monitor(config=Broken(), enabled=False)
