"""Labels of classes in every form in which people keep them."""

from __future__ import annotations

import collections
import enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import livetrain
from livetrain._class_names import read_class_names
from livetrain._frameworks.training import class_names_of
from livetrain._transformers.description import _class_names
from livetrain.testing import RecordingMonitor

ANIMALS = ("cat", "dog", "eel")


class Index:
    """What a pandas Index shows of itself: its truth is an error, as that of an array."""

    def __init__(self, *labels: str) -> None:
        self._labels = labels

    def __iter__(self) -> Any:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an Index is ambiguous")

    def tolist(self) -> list[str]:
        return list(self._labels)


class Animal(enum.Enum):
    dog = 1
    cat = 0
    eel = 2


class Named(enum.Enum):
    cat = "a"
    dog = "b"
    eel = "c"


FORMS = {
    "list": list(ANIMALS),
    "array": np.array(ANIMALS),
    "array of objects": np.array(ANIMALS, dtype=object),
    "array of bytes": np.array(ANIMALS, dtype="S3"),
    "index": Index(*ANIMALS),
    "generator": lambda: (name for name in ANIMALS),
    "keys": dict.fromkeys(ANIMALS).keys(),
    "index to label": {2: "eel", 0: "cat", 1: "dog"},
    "index of NumPy to label": dict(zip(np.arange(3), ANIMALS, strict=True)),
    "text of an index to label": {"1": "dog", "0": "cat", "2": "eel"},
    "label to index": {"dog": 1, "eel": 2, "cat": 0},
    "with what is left out": {-1: "ignored", 0: "cat", 1: "dog", 2: "eel"},
    "ordered": collections.OrderedDict(enumerate(ANIMALS)),
    "enumeration of indices": Animal,
    "enumeration of texts": Named,
}


def made(form: str) -> Any:
    value = FORMS[form]
    return value() if form == "generator" else value


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_in_the_order_of_the_classes(form: str) -> None:
    assert read_class_names(made(form)) == ANIMALS


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [livetrain.Monitor, RecordingMonitor])
def test_a_monitor_takes_every_form(form: str, kind: type[livetrain.Monitor]) -> None:
    options = {"enabled": False} if kind is livetrain.Monitor else {}
    monitor = kind("animals", class_names=made(form), **options)
    assert list(monitor._config.class_names) == list(ANIMALS)
    monitor = kind("animals", **options)
    monitor.update(class_names=made(form))
    assert list(monitor._config.class_names) == list(ANIMALS)


def test_a_recording_monitor_tells_classes_from_other_columns() -> None:
    monitor = RecordingMonitor(class_names=np.array(["cat", "dog"]))
    monitor.log_batch(None, [[0.0, 2.0]], 0.5, targets=["dog"])
    assert monitor._capture._reader.predictions.indices == {"cat": 0, "dog": 1}


def test_a_class_that_a_mapping_leaves_out_is_called_by_its_index() -> None:
    assert read_class_names({0: "cat", 3: "eel"}) == ("cat", "1", "2", "eel")
    assert read_class_names({}) == ()


def test_numbers_are_labels_too() -> None:
    assert read_class_names(torch.arange(3)) == ("0", "1", "2")
    assert read_class_names([torch.tensor(7), 8, None]) == ("7", "8", "None")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cat", "one text"),
        (b"cat", "one text"),
        ({"cat", "dog"}, "no order"),
        (7, "not one label a class"),
        (np.array("cat"), "not one label a class"),
        (np.array([["cat", "dog"]]), "a table"),
        ([["cat"], ["dog"]], "a table"),
        ({"cat": "Felis", "dog": "Canis"}, "neither its keys nor its values are class indices"),
        ({0: "cat", "0": "dog"}, "two labels"),
        ({"cat": 1, "dog": 1}, "two labels"),
        ({True: "cat", False: "dog"}, "neither"),
        ({10**9: "cat"}, "above 1,000,000"),
    ],
)
@pytest.mark.parametrize("kind", [livetrain.Monitor, RecordingMonitor])
def test_what_cannot_be_read_is_said_with_the_fix(
    given: Any, said: str, kind: type[livetrain.Monitor]
) -> None:
    with pytest.raises(livetrain.ConfigurationError, match=said) as raised:
        kind(class_names=given)
    assert (raised.value.option, bool(raised.value.mend)) == ("class_names", True)


@given(st.dictionaries(st.integers(-3, 60), st.text(min_size=1).filter(lambda t: t.strip() == t)))
def test_both_ways_round_a_mapping_says_the_same(names: dict[int, str]) -> None:
    names = {index: f"label {index} {name}" for index, name in names.items()}
    labels = read_class_names(names)
    assert labels == read_class_names({name: index for index, name in names.items()})
    assert len(labels) == max(names, default=-1) + 1 if max(names, default=-1) >= 0 else not labels


@pytest.mark.parametrize("form", ["list", "array", "index", "label to index", "index to label"])
def test_an_integration_finds_them_in_every_form(form: str) -> None:
    assert class_names_of((SimpleNamespace(classes=made(form)), "classes")) == list(ANIMALS)


@pytest.mark.parametrize(
    "other", [None, "cats", 7, [], [1, 2], {"a": "b"}, np.zeros((2, 2)), object()]
)
def test_an_integration_passes_over_what_are_no_labels(other: Any) -> None:
    found = class_names_of(
        (SimpleNamespace(classes=other), "classes"), (SimpleNamespace(classes=["cat"]), "classes")
    )
    assert found == ["cat"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({0: "cat", 1: "dog"}, ["cat", "dog"]),
        ({"0": "cat", "1": "dog"}, ["cat", "dog"]),  # as a configuration that was JSON has it
        ({1: "dog"}, ["0", "dog"]),
        ({0: "LABEL_0", 1: "LABEL_1"}, None),
        ({"cat": "Felis"}, None),
        ({}, None),
        (None, None),
        (["cat", "dog"], ["cat", "dog"]),
    ],
)
def test_a_models_configuration_names_classes_and_raises_nothing(names: Any, found: Any) -> None:
    assert _class_names(SimpleNamespace(id2label=names)) == found
