from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livetrain._terminal_text import one_line, plain_lines

ESCAPES = [
    ("a\nb\r\x1b[31m\t", "a\\x0ab\\x0d\\x1b[31m\\x09"),
    ("\x00\x07\x7f\x9b2J\x85", "\\x00\\x07\\x7f\\x9b2J\\x85"),
    (
        "\u2028\u2029\u202e\u2066\u200e\u061c\ufeff",
        "\\u2028\\u2029\\u202e\\u2066\\u200e\\u061c\\ufeff",
    ),
    ("\U000e0041\ud800", "\\U000e0041\\ud800"),
    (
        "plain é 日本 \u00a0 👩\u200d🔬 क\u094d\u200dष",
        "plain é 日本 \u00a0 👩\u200d🔬 क\u094d\u200dष",
    ),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), ESCAPES)
def test_what_is_no_character_to_be_seen_is_written_out(text: str, expected: str) -> None:
    assert one_line(text) == expected


@given(st.text(st.characters(categories=None), max_size=60), st.integers(1, 40))
@example("\x1b" * 40, 40)
def test_any_text_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    line.encode()  # a terminal can be told it
    assert len(line) <= limit + 3
    assert len(line.splitlines()) <= 1
    assert not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or (unicodedata.category(character) == "Cf" and character not in "\u200c\u200d")
        for character in line
    )
    assert one_line(line, limit + 3) == line


def test_a_long_text_costs_no_more_than_what_is_kept_of_it() -> None:
    assert one_line("\x1b" * 50_000_000, 10) == "\\x1b\\x1b\\x..."
    assert plain_lines("line\x1b\n" * 5_000_000, most=2, limit=10) == ["line\\x1b", "line\\x1b"]


def test_lines_of_a_traceback_stay_lines() -> None:
    text = "Traceback:\r\n\tfile\x1b[2J\n  ValueError: a\u2028b\n\n"
    assert plain_lines(text) == ["Traceback:", "        file\\x1b[2J", "  ValueError: a\\u2028b"]
    assert plain_lines("a\nb\nc", most=2) == ["b", "c"]
    assert plain_lines("x" * 50, limit=10) == ["x" * 10 + "..."]


def test_anything_has_a_line() -> None:
    class Word(str):
        def __str__(self) -> str:
            return "its own\n"

    assert one_line(12.5) == "12.5"
    assert one_line(Word("a")) == "its own\\x0a"
