from __future__ import annotations

import logging

import pytest

from livetrain import _warnings
from livetrain._frameworks.guard import harmless
from livetrain.exceptions import ConfigurationError, LivetrainError


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warnings, "_last", {})


def failing(error: BaseException) -> None:
    raise error


def test_a_hook_that_fails_does_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "livetrain"):
        assert harmless(failing)(KeyError("logits")) is None
        assert harmless(failing)(KeyError("logits")) is None
    (said,) = [record.message for record in caplog.records]
    assert said == (
        "livetrain failed in failing (KeyError: 'logits'); the training goes on, without what was to be shown."
    )


def test_what_ends_a_program_passes() -> None:
    for error in (KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(error)):
            harmless(failing)(error)


def test_misuse_passes_where_it_is_to_be_said() -> None:
    guarded = harmless(failing, but=(LivetrainError,))
    with pytest.raises(ConfigurationError):
        guarded(ConfigurationError("server", 1, "no", "give another"))
    assert guarded(ValueError()) is None
