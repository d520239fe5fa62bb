from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from livetrain import Monitor
from livetrain._frameworks import metered as module
from livetrain._frameworks.metered import metered

clock = SimpleNamespace(now=0.0)
clock.perf_counter = lambda: clock.now


def work(seconds: float) -> None:
    clock.now += seconds


class Hooks:
    """An integration of two hooks, of which one calls the other."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor

    @metered
    def inner(self, seconds: float) -> str:
        work(seconds)
        return "done"

    @metered
    def outer(self, seconds: float) -> str:
        work(seconds)
        return self.inner(seconds)

    @metered
    def paused(self, seconds: float) -> None:
        work(seconds)
        self.monitor._steering.control.stood_still += seconds

    @metered
    def fail(self, seconds: float) -> None:
        work(seconds)
        raise RuntimeError("of the hook")


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    monkeypatch.setattr(module, "time", clock)
    with Monitor("metered", spool_dir=tmp_path) as monitor:
        yield Hooks(monitor)


def test_what_a_hook_takes_counts_once(hooks: Hooks) -> None:
    assert hooks.outer(2.0) == "done"
    assert hooks.monitor.stats().training_seconds == 4.0


def test_a_pause_does_not_count(hooks: Hooks) -> None:
    hooks.paused(2.0)
    assert hooks.monitor.stats().training_seconds == 0.0


def test_a_hook_that_fails_counts_too(hooks: Hooks) -> None:
    with pytest.raises(RuntimeError, match="of the hook"):
        hooks.fail(2.0)
    assert hooks.monitor.stats().training_seconds == 2.0


def test_a_monitor_that_does_nothing_counts_nothing() -> None:
    hooks = Hooks(Monitor(enabled=False))
    assert hooks.outer(0.0) == "done"
    assert hooks.monitor.stats().training_seconds == 0.0
