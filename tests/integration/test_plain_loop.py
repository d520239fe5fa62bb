"""A loop of one's own in PyTorch, watched: it learns what it would have learned alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from tests.faults.processes import Server, free_port
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import livetrain

EPOCHS, BATCH = 2, 32


def train(monitor: livetrain.Monitor | None) -> list[torch.Tensor]:
    """Train from one seed, with dropout and shuffling, and return the weights."""
    torch.manual_seed(3)
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)[:640]
    data = TensorDataset(images, torch.tensor(digits.target)[:640])
    loader = DataLoader(data, BATCH, shuffle=True)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    if monitor is not None:
        monitor.attach(optimizer)
    for epoch in range(EPOCHS):
        for batch, labels in loader if monitor is None else monitor.steps(loader):
            logits = model(batch)
            loss = nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if monitor is not None:
                monitor.log_batch(batch, logits, loss, targets=labels)
        if monitor is not None:
            monitor.log_epoch(epoch)
    return [weight.detach().clone() for weight in model.parameters()]


@pytest.mark.parametrize("server_there", [True, False])
def test_the_weights_are_the_same_bit_for_bit_with_and_without(
    server_there: bool, tmp_path: Path
) -> None:
    alone, again = train(None), train(None)
    assert all(torch.equal(a, b) for a, b in zip(alone, again, strict=True))
    if server_there:
        with Server(tmp_path) as server, livetrain.Monitor("plain", server=server.grpc) as monitor:
            watched = train(monitor)
            assert monitor.flush(20)
            stats = monitor.stats()
        assert stats.frames_sent > 0
    else:
        with livetrain.Monitor("plain", server=f"127.0.0.1:{free_port()}") as monitor:
            watched = train(monitor)
            stats = monitor.stats()
        assert stats.acknowledged == 0
    assert stats.steps == EPOCHS * 640 // BATCH
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))
