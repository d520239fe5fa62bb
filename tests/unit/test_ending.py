"""From errors and exit codes to what a run is called, and the text of tracebacks."""

from __future__ import annotations

import signal

import pytest

from livetrain._ending import Unfinished, by_error, by_exit, error_under_way, exit_code_of
from livetrain._tracebacks import traceback_text


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return an error with a traceback, from another one."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "status", "message", "code"),
    [
        (None, "completed", "", None),
        (ValueError("bad"), "failed", "ValueError: bad", None),
        (ValueError(), "failed", "ValueError", None),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt", None),
        (SystemExit(), "completed", "", 0),
        (SystemExit(0), "completed", "", 0),
        (SystemExit(2), "failed", "SystemExit: 2", 2),
        (SystemExit("no data"), "failed", "SystemExit: no data", 1),
        (SystemExit(128 + signal.SIGTERM), "interrupted", "SystemExit: 143", 143),
        (raised(SystemExit(1), ValueError("bad")), "failed", "ValueError: bad", 1),
        (raised(SystemExit(1), KeyboardInterrupt()), "interrupted", "KeyboardInterrupt", 1),
        (raised(SystemExit(0), ValueError("bad")), "completed", "", 0),
        (raised(RuntimeError("x"), KeyboardInterrupt()), "interrupted", "RuntimeError: x", None),
        (Unfinished("left"), "failed", "left", None),
    ],
)
def test_an_error(error: BaseException | None, status: str, message: str, code: int | None) -> None:
    ending = by_error(error)
    assert (ending.status, ending.message, ending.exit_code) == (status, message, code)


def test_errors_that_come_from_each_other_in_a_circle_have_an_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert by_error(first).status == "failed"


def test_a_handler_of_a_signal_that_exits_is_an_interruption() -> None:
    assert by_exit(3, signalled=True).status == "interrupted"
    assert by_exit(0, signalled=True).status == "completed"


@pytest.mark.parametrize(
    ("code", "number"), [(None, 0), (0, 0), (257, 1), (-1, 255), ("", 1), ((1, 2), 1), (10**30, 0)]
)
def test_exit_codes(code: object, number: int) -> None:
    assert exit_code_of(code) == number


def test_only_errors_that_end_a_training_are_under_way() -> None:
    assert error_under_way() is None
    for error in (StopIteration(), GeneratorExit()):
        try:
            raise error
        except BaseException:
            assert error_under_way() is None
    found: list[BaseException | None] = []
    missing = KeyError("k")
    try:
        raise missing
    except KeyError:
        found += [error_under_way(), error_under_way(known=id(missing))]
    assert found == [missing, None]


def test_a_traceback_is_bounded_and_keeps_its_end() -> None:
    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        raise ValueError("x" * 1_000_000 + "the end is cut")

    try:
        deep(300)
    except ValueError as error:
        text = traceback_text(error)
    assert len(text) <= 12_000
    assert text.count("in deep") <= 20
    assert text.splitlines()[-1].startswith("ValueError: xxx")


def test_many_errors_that_came_from_each_other_are_bounded() -> None:
    error: BaseException = ValueError("0")
    for number in range(1, 200):
        error = raised(ValueError(f"number {number} " + "y" * 200), error)
    text = traceback_text(error)
    assert len(text) <= 12_000
    assert "number 199" in text


def test_an_error_whose_text_fails_has_its_name() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "OddError" in traceback_text(raised(OddError()))
    assert by_error(OddError()).message == "OddError"
