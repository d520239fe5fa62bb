"""What the demo trains: scikit-learn's handwritten digits, in a loop written by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livetrain._console.demo_network import Floats, Ints, Network, cross_entropy
from livetrain._monitor import Monitor

__all__ = ["BATCH", "NAMES", "Digits", "Training"]

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BATCH = 16  # the page shows 16 tiles, so a viewer sees all of a batch
HIDDEN = 96
NOISE = 0.12  # in shares of a pixel's range; without it the model soon makes no mistakes, and mistakes are worth seeing
TILE = 64  # pixels; the digits have 8, which no picture format was made for


@dataclass(frozen=True, slots=True)
class Digits:
    """Handwritten digits: inputs (N, 64) from 0 to 1, and their labels (N,)."""

    train: Floats
    train_labels: Ints
    test: Floats
    test_labels: Ints

    @classmethod
    def load(cls, rng: np.random.Generator) -> Digits:
        """Load the 1,797 digits that scikit-learn brings along, and keep a fifth of them for the test."""
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        order = rng.permutation(len(labels))
        inputs, labels = (pixels[order] / 16).astype(np.float32), labels[order]
        cut = len(labels) * 4 // 5
        return cls(inputs[:cut], labels[:cut], inputs[cut:], labels[cut:])


class Training:
    """A classifier of digits on its way.

    Args:
        seed: of the weights, the noise and the order.
        steps_per_second: the pace, so that there is something to see; 0: as fast as it goes.
    """

    def __init__(self, seed: int, steps_per_second: float) -> None:
        self._rng = np.random.default_rng(seed)
        self.digits = Digits.load(self._rng)
        self._network = Network(64, HIDDEN, len(NAMES), self._rng)
        self._pace = _pace(steps_per_second)
        self.steps_per_epoch = -(-len(self.digits.train) // BATCH)
        self.config: dict[str, Any] = {
            "learning_rate": self._network.learning_rate,
            "hidden_units": HIDDEN,
            "noise": NOISE,
            "seed": seed,
        }

    def let_steer(self, monitor: Monitor) -> None:
        """Let the page change the learning rate."""
        monitor.attach(self._network)

    def run_epoch(self, monitor: Monitor, epoch: int, after_step: Callable[[float], None]) -> None:
        """Go through the digits once, or until someone asks to stop; `after_step` is told each loss."""
        losses, hits, seen = 0.0, 0, 0
        order = self._rng.permutation(len(self.digits.train))
        for batch in np.array_split(order, range(BATCH, len(order), BATCH)):
            inputs, labels = self._smudge(self.digits.train[batch]), self.digits.train_labels[batch]
            logits, loss = self._network.train(inputs, labels)
            right = int((logits.argmax(1) == labels).sum())
            monitor.log_batch(
                _pictures(inputs),
                logits,
                loss,
                targets=labels,
                accuracy=right / len(batch),
                epoch=epoch,
            )
            losses, hits, seen = losses + loss * len(batch), hits + right, seen + len(batch)
            after_step(loss)
            if monitor.should_stop:
                break
            next(self._pace)
        test_loss, test_accuracy = self.test()
        monitor.log_epoch(
            epoch,
            loss=losses / seen,
            accuracy=hits / seen,
            learning_rate=self._network.learning_rate,
            val_loss=test_loss,
            val_accuracy=test_accuracy,
        )

    def test(self) -> tuple[float, float]:
        """Return loss and accuracy (0 to 1) on the digits that were kept for the test."""
        logits, labels = self._network.logits(self.digits.test), self.digits.test_labels
        return cross_entropy(logits, labels)[0], float((logits.argmax(1) == labels).mean())

    def _smudge(self, inputs: Floats) -> Floats:
        noise = self._rng.normal(0, NOISE, inputs.shape).astype(np.float32)
        smudged: Floats = np.clip(inputs + noise, 0, 1)
        return smudged


def _pace(steps_per_second: float) -> Iterator[None]:
    """Return at the pace; a step that took too long is not caught up with, since that would be a burst."""
    due = time.monotonic()
    while True:
        if steps_per_second:
            due = max(due + 1 / steps_per_second, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        yield


def _pictures(inputs: Floats) -> NDArray[np.uint8]:
    """Return what the model is shown, enlarged: (N, 64) from 0 to 1 becomes (N, TILE, TILE)."""
    digits = (inputs * 255).astype(np.uint8).reshape(-1, 8, 8)
    size = (TILE, TILE)
    return np.stack(
        [np.asarray(Image.fromarray(d).resize(size, Image.Resampling.BICUBIC)) for d in digits]
    )
