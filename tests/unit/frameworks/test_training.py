from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from livetrain._frameworks.training import Training, class_names_of, positive
from livetrain.testing import RecordingMonitor


def test_a_batch_is_logged_with_its_share_of_right_answers_and_an_epoch_with_their_mean() -> None:
    monitor = RecordingMonitor()
    training = Training(monitor)
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    for step, (size, loss) in enumerate([(3, 1.0), (1, 5.0)]):
        training.batch(
            torch.zeros(size, 8, 8),
            logits[:size],
            torch.tensor(loss),
            targets=torch.tensor([0, 1, 1])[:size],
            epoch=0,
            step=step,
            numbers={"norm": step} if step else {},
        )
    training.end_epoch(0, {"f1": 0.5})
    training.end_epoch(1, {})
    assert [float(b.accuracy) for b in monitor.batches] == pytest.approx([1 / 3, 1.0])
    assert monitor.scalars == [(1, {"norm": 1.0})]
    assert monitor.epochs == [(0, {"loss": 2.0, "accuracy": 0.5, "f1": 0.5}), (1, {})]


def test_names_that_the_monitors_methods_take_themselves_stop_nothing() -> None:
    monitor = RecordingMonitor()
    training = Training(monitor)
    odd = {"epoch": 7.0, "step": torch.tensor(3.5), "self": 1.0, "f1": 0.5}
    training.end_epoch(2, odd)
    training.validated(2, {**odd, "val_loss": 0.25})
    training.validated(2, {"epoch": 1})
    assert monitor.epochs == [(2, {"f1": 0.5})]
    assert monitor.validations == [(2, {"f1": 0.5, "loss": 0.25})]


@pytest.mark.parametrize(
    ("value", "count"),
    [(3, 3), (2.0, 2), (0, None), (-1, None), (float("inf"), None), (None, None), ("3", None)],
)
def test_a_count_is_a_count(value: Any, count: int | None) -> None:
    assert positive(value) == count


def test_names_of_classes_are_texts() -> None:
    bad = SimpleNamespace(classes=[1, 2], names="cat", empty=[])
    good = SimpleNamespace(classes=("cat", "dog"))
    places = [(None, "classes"), (bad, "classes"), (bad, "names"), (bad, "empty")]
    assert class_names_of(*places) is None
    assert class_names_of(*places, (good, "classes")) == ["cat", "dog"]
