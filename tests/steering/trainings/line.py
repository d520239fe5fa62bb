"""The model of the rows that train with PyTorch."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Line"]


class Line(nn.Module):
    """One weight, whose gradient is 1 whatever the batch holds: a step moves it down by the rate."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.weight.sum() + 0.0 * batch.sum()
