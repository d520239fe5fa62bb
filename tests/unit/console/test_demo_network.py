from __future__ import annotations

import numpy as np
import pytest

from livetrain._console.demo_network import Network, cross_entropy


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_the_loss_of_equal_scores_is_that_of_guessing() -> None:
    loss, _ = cross_entropy(np.zeros((4, 10), np.float32), np.arange(4))
    assert loss == pytest.approx(np.log(10))


def test_the_gradient_is_the_slope_of_the_loss(rng: np.random.Generator) -> None:
    logits, labels = rng.normal(size=(3, 4)), np.array([0, 3, 1])
    _, gradient = cross_entropy(logits, labels)
    for place in np.ndindex(logits.shape):
        nudge = np.zeros_like(logits)
        nudge[place] = 1e-5
        slope = cross_entropy(logits + nudge, labels)[0] - cross_entropy(logits - nudge, labels)[0]
        assert gradient[place] == pytest.approx(slope / 2e-5, abs=1e-6)


def test_a_step_returns_the_scores_from_before_it(rng: np.random.Generator) -> None:
    network = Network(5, 8, 3, rng)
    x, labels = rng.normal(size=(6, 5)).astype(np.float32), np.array([0, 1, 2, 0, 1, 2])
    before = network.logits(x)
    scores, loss = network.train(x, labels)
    assert np.array_equal(scores, before)
    assert loss == cross_entropy(before, labels)[0]
    assert not np.array_equal(network.logits(x), before)


def test_it_learns(rng: np.random.Generator) -> None:
    network = Network(2, 16, 2, rng, learning_rate=0.02)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)  # no straight line parts these
    for _ in range(300):
        network.train(x, labels)
    assert (network.logits(x).argmax(1) == labels).mean() > 0.95
