from __future__ import annotations

import subprocess
import sys

import pytest

import livetrain


def in_a_new_process(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100
    )


def test_it_needs_no_argument_and_opens_nothing() -> None:
    callback = livetrain.LiveTrainCallback()
    assert callback.monitor is None


def test_arguments_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        livetrain.LiveTrainCallback("digits")


def test_an_option_that_no_monitor_has_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"no argument 'max_fsp'; give one of .*max_fps"):
        livetrain.LiveTrainCallback(max_fsp=30)


def test_a_subclass_of_the_users_is_a_callback_too() -> None:
    class Mine(livetrain.LiveTrainCallback):
        pass

    import lightning.pytorch as pl

    assert isinstance(Mine(), pl.Callback)


@pytest.mark.parametrize("namespace", ["lightning.pytorch", "pytorch_lightning"])
def test_it_may_be_imported_before_lightning(namespace: str) -> None:
    done = in_a_new_process(
        f"from livetrain import LiveTrainCallback; import {namespace} as pl; "
        "assert issubclass(LiveTrainCallback, pl.Callback)"
    )
    assert done.returncode == 0, done.stderr


def test_one_namespace_is_enough() -> None:
    done = in_a_new_process(
        "import sys; sys.modules['lightning'] = None; import livetrain, pytorch_lightning as pl; "
        "assert isinstance(livetrain.LiveTrainCallback(), pl.Callback)"
    )
    assert done.returncode == 0, done.stderr


def test_without_lightning_it_says_how_to_get_it() -> None:
    done = in_a_new_process(
        "import sys; sys.modules['lightning'] = sys.modules['pytorch_lightning'] = None; "
        "import livetrain; livetrain.LiveTrainCallback"
    )
    assert done.returncode == 1
    assert "pip install 'livetrain[lightning]'" in done.stderr.splitlines()[-1]
