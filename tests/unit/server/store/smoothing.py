"""Smoothing by extent, as the page does it: what it makes of the server's stretches is held to its definition."""

from __future__ import annotations

import math

import numpy as np

from livetrain.server.store.buckets import Rows, means


def smooth(rows: Rows, width: int, extent: float) -> list[float]:
    """Return of each stretch the mean of all points up to it, each weighted by exp(-distance / extent)."""
    mean = mass = 0.0
    before = 0
    smoothed = []
    for slot, count, value in zip(
        rows["slot"].tolist(), rows["count"].tolist(), means(rows).tolist(), strict=True
    ):
        mass = mass * math.exp(-(slot - before) * width / extent) + count
        before = slot
        share = count / mass
        mean = mean * (1 - share) + value * share
        smoothed.append(mean)
    return smoothed


def smooth_points(values: np.ndarray, extent: float) -> np.ndarray:
    """Return the same by its definition, point by point, for one point a step."""
    keep = math.exp(-1 / extent)
    smoothed = np.empty(len(values))
    total = mass = 0.0
    for at, value in enumerate(values.tolist()):
        total = total * keep + value
        mass = mass * keep + 1
        smoothed[at] = total / mass
    return smoothed
