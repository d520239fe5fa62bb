"""A training with telemetry and the same without, in turns: what a step takes is compared under the same fault at the same time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.faults.conditions import wait_until
from tests.faults.processes import START_SECONDS, Trainer
from tests.faults.scenes import Stage

__all__ = ["Pair"]


class Pair:
    """Two trainings that take turns of a second each.

    Args:
        folder: takes what they write.
        stage: where the one with telemetry runs.
        steps: of each.
        seed: of both.

    Attributes:
        subject: the one with telemetry.
        control: the one without.
    """

    def __init__(self, folder: Path, stage: Stage, *, steps: int, seed: int) -> None:
        fifos = [folder / "turn-control", folder / "turn-subject"]
        for fifo in fifos:
            os.mkfifo(fifo)
        mine, others = (str(fifo) for fifo in fifos)
        common: dict[str, Any] = {"steps": steps, "step_seconds": 0.050, "seed": seed}
        common |= stage.plan
        self.control = Trainer(
            folder, "", name="control", telemetry=False, turn=mine, next_turn=others, **common
        )
        self.subject = Trainer(
            folder,
            stage.address,
            name="trainer",
            prefix=stage.prefix,
            env=stage.env,
            spool_dir=stage.spool_dir,
            turn=others,
            next_turn=mine,
            flush=60.0 if stage.delivers else 0.0,
            **common,
        )
        self.subject.partner = self.control
        for trainer in (self.control, self.subject):
            wait_until(
                lambda trainer=trainer: trainer.last() or not trainer.alive,  # type: ignore[misc]
                START_SECONDS,
                "the training is ready",
            )
        with open(fifos[0], "wb", buffering=0) as first:
            first.write(b"t")
