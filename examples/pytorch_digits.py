"""A training loop of one's own, in PyTorch, on scikit-learn's handwritten digits.

Start `livetrain-server`, open the address that it prints, and run this file.
"""

from __future__ import annotations

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import livetrain


def load(batch_size: int) -> tuple[DataLoader, DataLoader]:
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    everything = TensorDataset(images, torch.tensor(digits.target))
    train, test = random_split(everything, [0.8, 0.2])
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size)


def convolutions() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 2 * 2, 10)),
    )


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    logits, labels = zip(*[(model(images), labels) for images, labels in loader], strict=True)
    logits, labels = torch.cat(logits), torch.cat(labels)
    loss = nn.functional.cross_entropy(logits, labels)
    return loss.item(), (logits.argmax(1) == labels).float().mean().item()


def main(epochs: int) -> None:
    torch.manual_seed(0)
    train, test = load(batch_size=32)
    model = convolutions()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    with livetrain.Monitor(
        "digits-pytorch",
        config={"lr": 2e-3, "batch_size": 32},
        class_names=list("0123456789"),
        total_epochs=epochs,
    ) as monitor:
        for epoch in range(epochs):
            for images, labels in monitor.steps(train):
                logits = model(images)
                loss = nn.functional.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                monitor.log_batch(images, logits, loss, targets=labels)
            if monitor.should_stop:
                return
            val_loss, val_accuracy = evaluate(model, test)
            monitor.log_epoch(epoch, val_loss=val_loss, val_accuracy=val_accuracy)
            print(f"epoch {epoch}: test accuracy {val_accuracy:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
