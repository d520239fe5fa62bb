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


OTHER = {"lightning.pytorch": "pytorch_lightning", "pytorch_lightning": "lightning"}
LOADED = """
import importlib, inspect, logging, sys

def check(namespace, other):
    import livetrain
    from livetrain.lightning import LiveTrainLogger
    pl = importlib.import_module(namespace)
    loggers = importlib.import_module(f"{namespace}.loggers")
    from lightning_utilities.core import rank_zero
    assert issubclass(livetrain.LiveTrainCallback, pl.Callback)
    assert issubclass(LiveTrainLogger, loggers.Logger)
    assert isinstance(livetrain.LiveTrainCallback(), pl.Callback)
    assert isinstance(LiveTrainLogger(), loggers.Logger)
    assert not [name for name in sys.modules if name.partition(".")[0] == other]
    assert rank_zero.log.name.startswith(namespace), rank_zero.log.name
    assert "class Callback" in inspect.getsource(pl.Callback)
"""


@pytest.mark.parametrize("namespace", OTHER)
def test_only_the_namespace_that_is_loaded_is_used_and_before_it_none(namespace: str) -> None:
    done = in_a_new_process(
        f"""{LOADED}
from livetrain import LiveTrainCallback
from livetrain.lightning import LiveTrainLogger
assert not {{"torch", "lightning", "pytorch_lightning"}} & sys.modules.keys()
early, logger = LiveTrainCallback(), LiveTrainLogger()
import {namespace} as pl
logging.getLogger("{namespace}").setLevel(logging.ERROR)
check("{namespace}", "{OTHER[namespace]}")
assert isinstance(early, pl.Callback)
trainer = pl.Trainer(callbacks=early, logger=logger, accelerator="cpu", barebones=False)
assert early in trainer.callbacks and trainer.loggers == [logger]
"""
    )
    assert done.returncode == 0, done.stderr
    assert "GPU available" not in done.stdout + done.stderr, "a Lightning that was silenced speaks"


def test_one_namespace_is_enough_and_the_other_may_come_later() -> None:
    done = in_a_new_process(
        f"""{LOADED}
sys.modules["lightning"] = None
import pytorch_lightning as pl
check("pytorch_lightning", "lightning.pytorch")
import livetrain
early = livetrain.LiveTrainCallback()
del sys.modules["lightning"]
import lightning.pytorch as other
assert isinstance(early, (pl.Callback)) and isinstance(early, other.Callback)
assert [finder for finder in sys.meta_path if "livetrain" in type(finder).__module__] == []
"""
    )
    assert done.returncode == 0, done.stderr


def test_without_lightning_it_says_how_to_get_it() -> None:
    done = in_a_new_process(
        "import sys; sys.modules['lightning'] = sys.modules['pytorch_lightning'] = None; "
        "import livetrain; livetrain.LiveTrainCallback"
    )
    assert done.returncode == 1
    assert "pip install 'livetrain[lightning]'" in done.stderr.splitlines()[-1]
