"""A fastai learner on scikit-learn's handwritten digits, with one callback and no other change.

Start `livetrain-server`, open the address that it prints, and run this file.
"""

from __future__ import annotations

import argparse

import torch
from fastai.callback.schedule import Learner  # with `fit_one_cycle`
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.metrics import accuracy
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset, random_split

from livetrain.fastai import LiveTrainCallback


def convolutions() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 4 * 4, 10)),
    )


def main(epochs: int) -> None:
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    everything = TensorDataset(images, torch.tensor(digits.target))
    train, test = random_split(everything, [0.8, 0.2])
    loaders = DataLoaders(
        DataLoader(train, bs=32, shuffle=True, num_workers=0),
        DataLoader(test, bs=32, num_workers=0),
    )
    learner = Learner(
        loaders,
        convolutions(),
        loss_func=nn.CrossEntropyLoss(),
        metrics=accuracy,
        cbs=[LiveTrainCallback(run="digits-fastai", class_names=list("0123456789"))],
    )
    learner.fit_one_cycle(epochs, 1e-2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
