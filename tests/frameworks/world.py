"""What the tests of the integrations ask of a server, of weights and of data."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from livetrain._console.server_process import ServerProcess
from livetrain.testing import RecordingMonitor

CLASSES = [str(digit) for digit in range(10)]


class Made(list[RecordingMonitor]):
    """Makes monitors that keep what they are told, and keeps them."""

    def __call__(self, *args: Any, **options: Any) -> RecordingMonitor:
        self.append(RecordingMonitor(*args, **options))
        return self[-1]

    @property
    def only(self) -> RecordingMonitor:
        (monitor,) = self
        return monitor


class Stopping(RecordingMonitor):
    """Asks for a stop after three batches."""

    def log_batch(self, *args: Any, **options: Any) -> None:
        super().log_batch(*args, **options)
        self.should_stop = len(self.batches) >= 3


def digits(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return handwritten digits, shape (count, 1, 8, 8), from 0 to 1, and what they are."""
    data = load_digits()
    images = torch.tensor(data.images[:count] / 16, dtype=torch.float32).unsqueeze(1)
    return images, torch.tensor(data.target[:count])


def get(server: ServerProcess, path: str) -> Any:
    with urllib.request.urlopen(server.http + path, timeout=10) as answer:
        return json.load(answer)


def only_run(server: ServerProcess) -> tuple[dict[str, Any], dict[str, dict[str, list[Any]]]]:
    """Return the only run and its curves."""
    (run,) = get(server, "/api/runs")["runs"]
    details = get(server, f"/api/runs/{run['run_id']}")
    return details, get(server, f"/api/runs/{run['run_id']}/metrics")["metrics"]


def same(left: Iterable[torch.Tensor], right: Iterable[torch.Tensor]) -> bool:
    """Whether all weights are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def series(monitor: RecordingMonitor, name: str) -> list[tuple[int, float]]:
    return [(step, values[name]) for step, values in monitor.scalars if name in values]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.message
        for record in caplog.records
        if record.name == "livetrain" and record.levelno == logging.WARNING
    ]
