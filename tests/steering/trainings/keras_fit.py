"""Keras' ``fit`` with the callback, on its PyTorch back end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")  # before Keras is imported

import keras
import numpy as np

from livetrain.keras import LiveTrainCallback
from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.schedulers import RATE

__all__ = ["SCHEDULERS", "train"]

SCHEDULERS: dict[str, Callable[[], list[Any]]] = {
    "none": list,
    "from what is there": lambda: [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    ],
    "from the epoch": lambda: [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: RATE * 0.8**epoch)
    ],
    "built in": list,
}


class Watch(keras.callbacks.Callback):
    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace, self._step = trace, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._trace.moved(self._step, float(self.model.layers[0].get_weights()[0][0, 0]))
        self._step += 1


class BetweenEpochs(keras.callbacks.Callback):
    def __init__(self, make: Maker) -> None:
        super().__init__()
        self._make = make

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._make.newest.between_epochs(epoch)


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        return _train(case, make)
    finally:
        keras.config.set_floatx(before)


def _train(case: Case, make: Maker) -> Trace:
    trace = Trace()
    rate: Any = RATE
    if case.scheduler == "built in":
        rate = keras.optimizers.schedules.ExponentialDecay(RATE, 5, 0.9)
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), dense])
    model.compile(
        optimizer=keras.optimizers.SGD(rate),
        loss=lambda truth, told: keras.ops.mean(told),  # whose gradient is 1
    )
    ones = np.ones((2 * case.batches, 1))
    callbacks = [
        Watch(trace),
        LiveTrainCallback(monitor_factory=make),
        *SCHEDULERS[case.scheduler](),
        *([BetweenEpochs(make)] if case.event == "validation" else []),
    ]
    model.fit(ones, ones, 2, case.epochs, verbose=0, callbacks=callbacks)
    return trace
