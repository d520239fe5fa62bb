from __future__ import annotations

import json
import logging

import pytest

from livetrain.server.logs import Complaints, _Json, _Text, clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 日本", "plain é 日本"),
        ("a\nb\r\x1b[31m", "a\\x0ab\\x0d\\x1b[31m"),
        ("\u2028\u202e", "\\u2028\\u202e"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
    ],
)
def test_nothing_that_a_stranger_sent_breaks_a_line(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_long_text_is_cut() -> None:
    assert len(clean("x" * 10_000)) < 600


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
    trace = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("livetrain.x", logging.WARNING, "file", 1, message, (), trace)


def test_a_record_is_one_line_as_text_and_as_json() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        entry = record("run\nends", error)
    text = _Text().format(entry)
    assert "\n" not in text
    assert "ValueError: first\\x0asecond" in text
    parsed = json.loads(_Json().format(entry))
    assert (parsed["level"], parsed["message"]) == ("warning", "run\\x0aends")
    assert "test_logs.py" in parsed["error"]


def test_one_warning_a_cause_and_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("livetrain.server.logs.time.monotonic", lambda: now)
    complaints = Complaints(logging.getLogger("test"))
    for _ in range(5):
        complaints.warn("a", "a from %s", "x\n")
    complaints.warn("b", "b")
    now += 61
    complaints.warn("a", "a from %s", "y")
    assert [r.getMessage() for r in caplog.records] == [
        "a from x\\x0a",
        "b",
        "a from y (and 4 more like it before)",
    ]


def test_what_is_usual_is_logged_some_times_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("livetrain.server.logs.time.monotonic", lambda: now)
    complaints = Complaints(logging.getLogger("usual"))
    with caplog.at_level(logging.INFO, "usual"):
        for number in range(1000):
            complaints.note("open", "stream %s is open", f"{number}\n")
        complaints.note("other", "another cause")
        assert len(caplog.messages) == 31
        assert caplog.messages[0] == "stream 0\\x0a is open"
        now += 60.0
        complaints.note("open", "stream %s is open", "last")
    assert caplog.messages[-1] == "stream last is open (and 970 more like it before)"
