"""Runs an example as it stands, and prints what its integration gave the monitor: `framework.py EXAMPLE [ARGUMENT...]`.

What is kept is read from the training's own values at the moment when they are given, before anything of livetrain's sees them.
"""

from __future__ import annotations

import json
import random
import runpy
import sys
from pathlib import Path
from typing import Any

from livetrain import Monitor

losses: dict[int, float] = {}
rounds: dict[int, float] = {}
log_batch, log_round = Monitor.log_batch, Monitor.log_round


def keep_batch(monitor: Monitor, images: Any, preds: Any, loss: Any, **more: Any) -> None:
    step = more.get("step")
    losses[len(losses) if step is None else step] = float(loss)
    log_batch(monitor, images, preds, loss, **more)


def keep_round(monitor: Monitor, number: int, total: int, metrics: Any, **more: Any) -> None:
    if not more.get("client"):
        rounds[number] = float(more["fit"]["loss"])
    log_round(monitor, number, total, metrics, **more)


if __name__ == "__main__":
    Monitor.log_batch = keep_batch  # type: ignore[method-assign,assignment]
    Monitor.log_round = keep_round  # type: ignore[method-assign,assignment]
    example = Path(sys.argv.pop(1))
    if example.name.startswith(("fastai", "ultralytics")):
        import tests.frameworks_vision.operators  # noqa: F401
    random.seed(0)
    runpy.run_path(str(example), run_name="__main__")
    print(json.dumps({"losses": losses, "rounds": rounds}))
