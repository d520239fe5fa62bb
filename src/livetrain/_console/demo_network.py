"""The demo's model, written out in NumPy: a layer of rectified units, a layer of class scores, and Adam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Network", "cross_entropy"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

FORGET_MEAN, FORGET_SQUARE, TINY = 0.9, 0.999, 1e-8  # Adam's usual constants


class Network:
    """A classifier of flat vectors.

    Args:
        inputs, hidden, classes: the width of each layer.
        rng: draws the first weights.
        learning_rate: Adam's step size.

    Example:
        >>> network = Network(4, 8, 2, np.random.default_rng(0))
        >>> network.logits(np.zeros((3, 4), np.float32)).shape
        (3, 2)
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        classes: int,
        rng: np.random.Generator,
        learning_rate: float = 2e-3,
    ) -> None:
        self.param_groups = [
            {"lr": learning_rate}
        ]  # as PyTorch's optimizers have them, for `Monitor.attach`
        self._weights = [
            _first_weights(rng, inputs, hidden),
            np.zeros(hidden, np.float32),
            _first_weights(rng, hidden, classes),
            np.zeros(classes, np.float32),
        ]
        self._means = [np.zeros_like(w) for w in self._weights]
        self._squares = [np.zeros_like(w) for w in self._weights]
        self._steps = 0

    def logits(self, x: Floats) -> Floats:
        """Return the class scores, (N, classes), of inputs (N, inputs)."""
        return self._forward(x)[1]

    @property
    def learning_rate(self) -> float:
        """Adam's step size, which may be changed between two steps."""
        return self.param_groups[0]["lr"]

    def train(self, x: Floats, labels: Ints) -> tuple[Floats, float]:
        """Take one step; return the class scores and the mean loss from before it."""
        hidden, logits = self._forward(x)
        loss, pull = cross_entropy(logits, labels)
        _, _, out, _ = self._weights
        hidden_pull = (pull @ out.T) * (hidden > 0)
        self._step([x.T @ hidden_pull, hidden_pull.sum(0), hidden.T @ pull, pull.sum(0)])
        return logits, loss

    def _forward(self, x: Floats) -> tuple[Floats, Floats]:
        into, into_bias, out, out_bias = self._weights
        hidden = np.maximum(x @ into + into_bias, 0)
        return hidden, hidden @ out + out_bias

    def _step(self, gradients: list[Floats]) -> None:
        self._steps += 1
        mean_scale = 1 / (1 - FORGET_MEAN**self._steps)
        square_scale = 1 / (1 - FORGET_SQUARE**self._steps)
        for weights, mean, square, gradient in zip(
            self._weights, self._means, self._squares, gradients, strict=True
        ):
            mean += (1 - FORGET_MEAN) * (gradient - mean)
            square += (1 - FORGET_SQUARE) * (gradient**2 - square)
            weights -= (
                self.learning_rate * (mean * mean_scale) / (np.sqrt(square * square_scale) + TINY)
            )


def cross_entropy(logits: Floats, labels: Ints) -> tuple[float, Floats]:
    """Return the mean loss of (N, classes) scores, and its gradient by them."""
    shifted = logits - logits.max(1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    rows = np.arange(len(labels))
    gradient = np.exp(log_shares)
    gradient[rows, labels] -= 1
    return float(-log_shares[rows, labels].mean()), gradient / np.float32(len(labels))


def _first_weights(rng: np.random.Generator, inputs: int, outputs: int) -> Floats:
    return rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)
