from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.settings_json import SETTINGS_CHARS, clean_settings, read_settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    "text", ["", "{}", '{"lr": 0.1, "layers": [1, 2], "name": "é"}', nested(32), '{"n": 1e308}']
)
def test_what_is_right_stays_as_it_is(text: str) -> None:
    assert clean_settings(text) == text
    assert read_settings(text) == (json.loads(text) if text else {})


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ('{"a": NaN, "b": -Infinity}', {"a": "NaN", "b": "-Infinity"}),
        ('{"a": 1e999, "b": [-1e999]}', {"a": "Infinity", "b": ["-Infinity"]}),
        (r'{"path": "/data/\udc80", "\ud800": 1}', {"path": r"/data/\udc80", r"\ud800": 1}),
        ("[1, 2]", {"value": [1, 2]}),
        ('"text"', {"value": "text"}),
        ("not JSON", {"unreadable": "not JSON"}),
        ('{"n": ' + "1" * 5000 + "}", {"n": "1" * 5000}),
        (nested(33), json.loads(nested(31).replace("1", '{"a":"(nested deeper than 32 levels)"}'))),
    ],
)
def test_what_is_not_is_made_so(text: str, settings: Any) -> None:
    assert read_settings(text) == settings
    assert json.loads(clean_settings(text)) == settings


@pytest.mark.parametrize("text", [nested(400), nested(100_000)[:SETTINGS_CHARS], "[" * 200_000])
def test_nothing_is_nested_too_deeply(text: str) -> None:
    json.dumps(read_settings(text))
    cleaned = clean_settings(text)
    assert clean_settings(cleaned) == cleaned


def test_a_text_without_end_is_left_out_in_words() -> None:
    found = read_settings(json.dumps({"weights": "x" * SETTINGS_CHARS}))
    assert found["left_out"].startswith(f"{SETTINGS_CHARS + 15} characters")
    assert len(found["unreadable"]) == 1000


@given(st.text() | JSON.map(json.dumps))
def test_whatever_comes_can_be_shown(text: str) -> None:
    settings = read_settings(text)
    shown = json.dumps(settings, allow_nan=False, ensure_ascii=False).encode()
    cleaned = clean_settings(text)
    assert json.loads(shown) == settings
    assert clean_settings(cleaned) == cleaned
    assert read_settings(cleaned) == settings or not text


def test_the_largest_takes_a_moment() -> None:
    text = json.dumps({f"name{n}": n / 3 for n in range(8000)})
    assert len(text) > 200_000
    began = time.perf_counter()
    clean_settings(text)
    assert time.perf_counter() - began < 1.0
