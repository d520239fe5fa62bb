"""A training of OneTrainer's: `onetrainer_trainer.py SERVER`. Calls its callbacks in that program's order and by its names.

Two epochs of twelve steps, with a sample and a backup in each. The only line about livetrain is the one that makes the callbacks.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from PIL import Image

from livetrain.onetrainer import LiveTrainCallbacks

EPOCHS, LENGTH, SECONDS = 2, 12, 0.03


class TrainProgress:
    """As in releases that say nothing of the loss."""

    def __init__(self) -> None:
        self.epoch = self.epoch_step = self.epoch_sample = self.global_step = 0

    def next_step(self, batch_size: int) -> None:
        self.epoch_step += 1
        self.epoch_sample += batch_size
        self.global_step += 1

    def next_epoch(self) -> None:
        self.epoch_step = self.epoch_sample = 0
        self.epoch += 1


class ModelSamplerOutput:
    def __init__(self, data: Image.Image) -> None:
        self.file_type, self.data = "IMAGE", data


def train(callbacks: Any) -> None:
    progress = TrainProgress()
    callbacks.on_update_status("starting the training")
    time.sleep(0.2)
    callbacks.on_update_status("loading the model")
    for _ in range(EPOCHS):
        for step in range(LENGTH):
            if step == 4:
                callbacks.on_update_status("Sampling ...")
                for done in range(1, 11):
                    callbacks.on_update_sample_default_progress(done, 10)
                picture = Image.new("RGB", (48, 32), (200, 30, 30))
                callbacks.on_sample_default(sampler_output=ModelSamplerOutput(picture))
            if step == 8:
                callbacks.on_update_status("Saving ...")
            callbacks.on_update_status("Training ...")
            time.sleep(SECONDS)
            progress.next_step(4)
            callbacks.on_update_train_progress(progress, LENGTH, EPOCHS)
        progress.next_epoch()
        callbacks.on_update_train_progress(progress, LENGTH, EPOCHS)
    callbacks.on_update_status("completed")


shown = LiveTrainCallbacks("onetrainer", server=sys.argv[1])
train(shown)
print(json.dumps({"committed": shown.close(30)}), flush=True)
