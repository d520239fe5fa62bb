"""Named numbers: each is kept exactly, and one that is none costs itself alone and is named."""

from __future__ import annotations

import decimal
import enum
import fractions
import math
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.device import device_of
from livetrain._capture.reading import Reading, take_reading
from livetrain._capture.reports import Reports
from livetrain._monitor.numbers import NumberReader


class Desk:
    def __init__(self) -> None:
        self.reports = Reports()
        self.reader = NumberReader(
            lambda value, name: take_reading(value, name, self.reports, device_of), self.reports
        )

    def read(self, values: Any) -> dict[str, Any]:
        numbers, _ = self.reader.read(values)
        return {n: v.get() if isinstance(v, Reading) else v for n, v in numbers.items()}


EXACT = [0.1, 16777217.0, 1e39, -1e308, 5e-324, 0.0, float(2**53)]


@pytest.mark.parametrize("value", EXACT)
@pytest.mark.parametrize(
    "kind",
    [
        *(float, np.float64, np.array, np.longdouble, decimal.Decimal, fractions.Fraction),
        lambda value: np.array([[value]]),
        lambda value: torch.tensor(value, dtype=torch.float64),
        lambda value: torch.tensor([value], dtype=torch.float64, requires_grad=True),
    ],
)
def test_a_number_of_any_type_is_kept_as_it_is(value: float, kind: Any) -> None:
    assert Desk().read({"x": kind(value)}) == {"x": value}


@given(st.floats(width=32), st.sampled_from([np.float32, torch.tensor]))
def test_a_number_of_32_bits_is_the_very_one(value: float, kind: Any) -> None:
    (read,) = Desk().read({"x": kind(value)}).values()
    assert read == value or (math.isnan(read) and math.isnan(value))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (16777217, 16777217.0),
        (2**53 + 2, 2.0**53 + 2),
        (np.int64(2**60), 2.0**60),
        (np.uint64(2**64 - 1), 2.0**64),
        (torch.tensor(16777217), 16777217.0),
        (torch.tensor(1.5, dtype=torch.bfloat16), 1.5),
        (np.float16(0.5), 0.5),
        (True, 1.0),
        (np.False_, 0.0),
        (np.ma.array(2.5), 2.5),
        (math.inf, math.inf),
        (decimal.Decimal("-Infinity"), -math.inf),
        (np.array(decimal.Decimal("0.1"), dtype=object), 0.1),
    ],
)
def test_numbers_of_many_types(value: Any, number: float) -> None:
    assert Desk().read({"x": value}) == {"x": number}


UNREADABLE: list[tuple[Any, str]] = [
    (10**400, "too large for a double"),
    (-(10**400), "too large for a double"),
    (decimal.Decimal("1e400"), "too large for a double"),
    (fractions.Fraction(10**400, 3), "too large for a double"),
    (np.longdouble("1e4000"), "too large for a double"),
    (np.ma.masked, "masked"),
    (np.ma.array([1.0], mask=[True]), "masked"),
    ("0.5", "text; give a number"),
    (b"0.5", "text; give a number"),
    (np.array("0.5"), "text; give a number"),
    (np.str_("0.5"), "text; give a number"),
    (1 + 2j, "complex"),
    (np.complex64(1), "complex"),
    ([], "it is a list; give a number, or a name for each"),
    ([1.0], "it is a list"),
    ((1.0, 2.0), "it is a tuple"),
    (np.zeros(3), "3 numbers where one is needed; give its mean()"),
    (torch.zeros(0), "0 numbers where one is needed"),
    (np.timedelta64(5, "ns"), "it is a time"),
    (np.datetime64("2020-01-01"), "it is a time"),
    (object(), "object is no number"),
    ({1.0}, "set is no number"),
    (lambda: 1.0, "function is no number"),
]


@pytest.mark.parametrize(("value", "why"), UNREADABLE)
def test_what_is_no_number_costs_itself_alone_and_is_named(
    value: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.read({"ok": 1.5, "huge": value, "after": 2}) == {"ok": 1.5, "after": 2.0}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("'huge' cannot be read: ")
    assert why in said
    assert desk.reports.problems == 3


def test_each_name_has_its_own_warning(caplog: pytest.LogCaptureFixture) -> None:
    Desk().read({"a": "x", "b": 10**400, "c": 1.0})
    assert [r.getMessage().partition(":")[0] for r in caplog.records] == [
        "'a' cannot be read",
        "'b' cannot be read",
    ]


def test_a_name_without_a_number_is_told_apart_from_none_at_all() -> None:
    numbers, without = Desk().reader.read({"a": None, "b": "text", "c": 1.0})
    assert (numbers, list(without)) == ({"c": 1.0}, ["a", "b"])


def test_long_names_that_begin_alike_stay_two_and_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    alike = "x" * 300
    first = desk.read({alike + "a": 1.0, alike + "b": 2.0, "x" * 256: 3.0})
    assert sorted(first.values()) == [1.0, 2.0, 3.0]
    assert all(len(name) == 256 for name in first)
    assert desk.read({alike + "b": 2.0, alike + "a": 1.0}).items() <= first.items()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "256 are stored" in said


class Kind(enum.Enum):
    LOSS = "loss"


class Word(enum.StrEnum):
    LOSS = "loss"


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("val/loss", "val/loss"),
        ("a,b|c", "a,b|c"),
        ("__proto__", "__proto__"),
        ("Verlust ü", "Verlust ü"),
        (7, "7"),
        (None, "None"),
        (("a", 1), "('a', 1)"),
        (b"loss", "loss"),
        (Kind.LOSS, "Kind.LOSS"),
        (Word.LOSS, "loss"),
        (np.str_("loss"), "loss"),
        ("a\ud800", "a\\ud800"),
        ("caf\udce9", "caf\\xe9"),
        ("nul\0", "nul\\0"),
    ],
)
def test_a_name_is_text_that_every_reader_can_hold(name: Any, stored: str) -> None:
    assert Desk().read({name: 1.0}) == {stored: 1.0}
    stored.encode()


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_a_number_without_a_name_is_left_out_and_told(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Desk().read({name: 1.0, "ok": 2.0}) == {"ok": 2.0}
    assert "empty name" in caplog.text


def test_mappings_within_are_flattened() -> None:
    nested = {
        "loss": {"box": 1, "cls": {"a": np.float32(0.5), 3: 2.0}},
        "ok": MappingProxyType({"x": 4}),
    }
    assert Desk().read(nested) == {
        "loss/box": 1.0,
        "loss/cls/a": 0.5,
        "loss/cls/3": 2.0,
        "ok/x": 4.0,
    }
    assert Desk().read({"a": {}, "b": {"": 1.0}, "": {"c": 2.0}}) == {"b": 1.0, "c": 2.0}


def test_a_mapping_that_holds_itself_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    loop: dict[str, Any] = {"x": 1.0}
    loop["again"] = loop
    assert Desk().read({"loop": loop, "ok": 2.0}) == {"loop/x": 1.0, "ok": 2.0}
    deep: dict[str, Any] = {"x": 1.0}
    for _ in range(100):
        deep = {"in": deep}
    assert Desk().read({"deep": deep, "ok": 2.0}) == {"ok": 2.0}
    assert "'loop/again' holds mappings" in caplog.text


def test_two_numbers_of_one_name_are_told(caplog: pytest.LogCaptureFixture) -> None:
    assert Desk().read({"a": {"b": 1.0}, "a/b": 2.0}) == {"a/b": 2.0}
    assert "two numbers of one call are called 'a/b'" in caplog.text
    assert Desk().read({1: 1.0, "1": 2.0}) == {"1": 2.0}


def test_the_quick_way_and_the_careful_one_agree() -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.read({"a": 1.0, "b": 2, "c": 2**60}) == {"a": 1.0, "b": 2.0, "c": 2.0**60}
        assert desk.read({"b": True, "a": 10**400, 1: 1.0}) == {"b": 1.0, "1": 1.0}


def test_any_number_of_names_is_bounded_in_what_is_kept() -> None:
    desk = Desk()
    for n in range(2000):
        desk.read({f"name{n}": "text"})
    assert len(desk.reports.counts) <= 513
    assert desk.reports.problems == 2000
