"""How a training ends, and how it is asked to."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest
from tests.integration.lightning_callback.world import (
    BATCHES,
    QUIET,
    loader,
    module_class,
    recorded,
    recording,
    trainer,
)

import livetrain
from livetrain._ending import by_error
from livetrain.testing import RecordingMonitor

pytestmark = QUIET


class Failing:
    """A training step that fails at the third batch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def module(self, pl: ModuleType) -> Any:
        error = self.error

        class Broken(module_class(pl)):  # type: ignore[misc]
            def training_step(self, batch: Any, batch_idx: int) -> Any:
                if batch_idx == 2:
                    raise error
                return super().training_step(batch, batch_idx)

        return Broken()


def test_an_exception_ends_the_run_as_failed(pl: ModuleType) -> None:
    error = ValueError("bad weights")
    callback, module = recording(), Failing(error).module(pl)
    with pytest.raises(ValueError, match="bad weights"):
        trainer(pl, callback).fit(module, loader())
    monitor = recorded(callback)
    assert len(monitor.batches) == 2
    assert monitor.closed
    assert monitor.ended_by is error
    assert sum(len(part._forward_hooks) for part in module.modules()) == 0


def test_ctrl_c_ends_the_run_as_interrupted(pl: ModuleType) -> None:
    callback = recording()
    with pytest.raises(SystemExit):  # Lightning's answer to KeyboardInterrupt
        trainer(pl, callback).fit(Failing(KeyboardInterrupt()).module(pl), loader())
    assert isinstance(recorded(callback).ended_by, KeyboardInterrupt)


def test_sigterm_ends_the_run_as_interrupted(pl: ModuleType) -> None:
    sigterm = importlib.import_module(f"{pl.__name__}.utilities.exceptions").SIGTERMException()
    callback = recording()
    with pytest.raises(SystemExit):
        trainer(pl, callback).fit(Failing(sigterm).module(pl), loader())
    ended_by = recorded(callback).ended_by
    assert ended_by is sigterm
    ending = by_error(ended_by)
    assert (ending.status, ending.message) == ("interrupted", "SIGTERMException")


def test_hooks_are_gone_and_the_next_fit_is_a_run_of_its_own(pl: ModuleType) -> None:
    callback, module = recording(), module_class(pl)()
    trainer(pl, callback, max_epochs=1).fit(module, loader())
    first = recorded(callback)
    assert sum(len(part._forward_hooks) for part in module.modules()) == 0
    trainer(pl, callback, max_epochs=1).fit(module, loader())
    second = recorded(callback)
    assert second is not first
    assert [b.step for b in second.batches] == list(range(BATCHES))


def test_a_request_to_stop_is_obeyed_after_the_step(pl: ModuleType) -> None:
    class Impatient(RecordingMonitor):
        def log_batch(self, *args: Any, **options: Any) -> None:
            super().log_batch(*args, **options)
            self.should_stop = len(self.batches) == 3

    callback = livetrain.LiveTrainCallback(monitor_factory=Impatient)
    trainer(pl, callback).fit(module_class(pl)(), loader())
    assert len(recorded(callback).batches) == 3
    assert recorded(callback).ended_by is None
