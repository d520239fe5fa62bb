"""The schedulers of the rows that train with PyTorch; each is stepped once after every step of the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler

__all__ = ["RATE", "SCHEDULERS"]

RATE = 0.1

SCHEDULERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "none": lambda optimizer: None,
    "exponential": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.97),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=30),
    "lambda": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "one cycle": lambda optimizer: lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=200, cycle_momentum=False
    ),
}
