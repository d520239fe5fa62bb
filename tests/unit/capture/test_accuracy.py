"""The accuracy of a batch: of scores and indices, of whatever type, and of nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from livetrain._capture.accuracy import take_accuracy
from livetrain._capture.device import device_of


def accuracy(preds: Any, targets: Any) -> float | None:
    taken = take_accuracy(preds, targets, device_of)
    return None if taken is None else taken.get()


SCORES = np.array([[0.1, 2.0], [3.0, 0.2], [0.0, 1.0], [1.0, 0.0]], np.float32)
TARGETS = [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("preds", "targets"),
    [
        (SCORES, TARGETS),
        (SCORES.astype(np.float16), np.array(TARGETS)),
        (torch.tensor(SCORES), torch.tensor(TARGETS)),
        (torch.tensor(SCORES, requires_grad=True), torch.tensor(TARGETS)),
        (torch.tensor(SCORES, dtype=torch.bfloat16), torch.tensor(TARGETS, dtype=torch.uint8)),
    ],
)
def test_three_of_four(preds: Any, targets: Any) -> None:
    assert accuracy(preds, targets) == 0.75


@pytest.mark.parametrize(
    ("preds", "targets"),
    [
        (SCORES, TARGETS[:3]),
        (SCORES, [0.5, 0.1, 0.2, 0.3]),
        (SCORES[:, :1], TARGETS),
        (SCORES[0], TARGETS),
        (SCORES[:0], []),
        (np.zeros((1000, 1000), np.float32), np.zeros(1000, int)),
        (SCORES, np.eye(2)[TARGETS]),
        (["cat"] * 4, TARGETS),
    ],
)
def test_of_anything_else_nothing_is_said(preds: Any, targets: Any) -> None:
    assert accuracy(preds, targets) is None


def test_the_caller_may_change_what_it_gave_at_once() -> None:
    preds, targets = torch.tensor(SCORES), torch.tensor(TARGETS)
    taken = take_accuracy(preds, targets, device_of)
    assert taken is not None
    preds.zero_()
    targets.fill_(1)
    assert taken.get() == 0.75


@given(arrays.arrays(np.float32, (7, 3)), arrays.arrays(np.int64, 7, elements=st.integers(0, 2)))
def test_it_is_what_numpy_says(preds: Any, targets: Any) -> None:
    assume(not np.isin(preds, (0, 1)).all())  # which may be choices of several classes
    assert accuracy(preds, targets) == np.mean(preds.argmax(1) == targets)


def test_what_is_on_a_device_is_read_later() -> None:
    class Pending:
        def __init__(self, values: Any) -> None:
            self.values = values

        def read(self) -> Any:
            reads.append(1)
            return self.values

    class Device:
        def snapshot(self, tensor: Any, picks: Any) -> Pending:
            assert picks is None
            return Pending(np.array(tensor))

    reads: list[int] = []
    taken = take_accuracy(SCORES, np.array(TARGETS), lambda tensor: Device())
    assert reads == []
    assert taken is not None
    assert taken.get() == 0.75
    assert len(reads) == 2
