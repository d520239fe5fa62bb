"""Said once in the log, and kept until somebody asks."""

from __future__ import annotations

import pytest

from livetrain._capture.reports import Reports


def test_a_problem_is_logged_once_and_drained_every_time(caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports()
    for n in range(3):
        reports.problem("loss", f"loss {n}")
    reports.problem("ids", "ids")
    assert reports.drain() == ("loss 0", "loss 1", "loss 2", "ids")
    assert reports.drain() == ()
    assert reports.counts == {"loss": 3, "ids": 1}
    assert [r.getMessage() for r in caplog.records] == ["loss 0 (said once)", "ids (said once)"]
    assert {r.name for r in caplog.records} == {"livetrain"}


def test_a_guess_is_said_once() -> None:
    reports = Reports()
    reports.guess("layout", "first")
    assert reports.drain() == ("first",)
    reports.guess("layout", "second")
    assert reports.drain() == ()


def test_what_nobody_asks_for_is_bounded() -> None:
    reports = Reports()
    for n in range(1000):
        reports.problem("x", str(n))
    waiting = reports.drain()
    assert len(waiting) == 64
    assert waiting[-1] == "999"
