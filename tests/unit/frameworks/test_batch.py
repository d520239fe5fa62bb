from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from livetrain._frameworks.batch import accuracy, batch_length, find_logits, read_batch

IMAGES = torch.zeros(4, 3, 8, 8)
LABELS = torch.arange(4)
LOGITS = torch.randn(4, 10)


class Pair(NamedTuple):
    picture: Any
    digit: Any


@pytest.mark.parametrize(
    "batch",
    [
        (IMAGES, LABELS),
        [IMAGES, LABELS],
        Pair(IMAGES, LABELS),
        {"image": IMAGES, "label": LABELS},
        {"pixel_values": IMAGES, "labels": LABELS},
        {"x": IMAGES, "y": LABELS, "index": torch.arange(4)},
        {"id": ["a", "b", "c", "d"], "images": IMAGES, "target": LABELS},
        SimpleNamespace(images=IMAGES, labels=LABELS),
        (IMAGES, ["a", "b", "c", "d"], LABELS),
        ((IMAGES, torch.zeros(4, 3, 8, 8)), LABELS),
        {"labelled": (IMAGES, LABELS), "unlabelled": torch.zeros(4, 3, 8, 8)},
        [{"image": IMAGES, "label": LABELS}, 0, 1],
    ],
)
def test_images_and_targets_of_usual_batches(batch: Any) -> None:
    images, targets = read_batch(batch)
    assert images is IMAGES
    assert targets is LABELS


def test_a_tensor_alone_is_images_without_targets() -> None:
    assert read_batch(IMAGES) == (IMAGES, None)


def test_images_of_unequal_sizes_are_a_list() -> None:
    pictures = [torch.zeros(3, 8, 8), torch.zeros(3, 9, 7)]
    images, targets = read_batch((pictures, [1, 0]))
    assert images is pictures
    assert targets == [1, 0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.tensor([[1], [0], [3], [2]]), [1, 0, 3, 2]),
        (torch.eye(4)[[1, 0, 3, 2]], [1, 0, 3, 2]),
        ([1, 0, 3, 2], [1, 0, 3, 2]),
    ],
    ids=["column", "one-hot", "list"],
)
def test_targets_become_one_class_index_a_sample(given: Any, expected: list[int]) -> None:
    _, targets = read_batch((IMAGES, given))
    assert list(targets) == expected


@pytest.mark.parametrize(
    "batch",
    [
        {"input_ids": torch.zeros(4, 12, dtype=torch.int64), "labels": LABELS},
        torch.zeros(4, 64),
        (torch.zeros(4, 64), LABELS),
        "text",
        None,
        7,
        [[[[IMAGES]]]],
        {},
        (),
        [torch.zeros(4, 64), torch.zeros(4, 10)],
    ],
)
def test_what_holds_no_images_is_not_taken_for_them(batch: Any) -> None:
    images, _ = read_batch(batch)
    assert images is None


def test_a_mask_for_each_image_is_no_class() -> None:
    assert read_batch((IMAGES, torch.zeros(4, 8, 8)))[1] is None


def test_length_of_a_batch() -> None:
    assert batch_length(IMAGES) == 4
    assert batch_length(None) is None


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        {"loss": torch.tensor(0.5), "logits": LOGITS},
        {"preds": LOGITS},
        (torch.zeros(4, 16, 16), LOGITS),
        SimpleNamespace(loss=None, logits=LOGITS),
    ],
)
def test_logits_in_an_output(output: Any) -> None:
    assert find_logits(output, 4) is LOGITS


@pytest.mark.parametrize(
    "output", [torch.tensor(0.5), torch.zeros(3, 10), torch.zeros(4, 3, 8, 8), None, {"loss": 1}]
)
def test_what_does_not_fit_the_batch_is_no_logits(output: Any) -> None:
    assert find_logits(output, 4) is None


def test_an_unknown_batch_size_fits_nothing() -> None:
    assert find_logits(LOGITS, None) is None


def test_a_guess_takes_class_scores_alone() -> None:
    assert find_logits(torch.zeros(4, dtype=torch.int64), 4) is not None
    assert find_logits(torch.zeros(4, dtype=torch.int64), 4, strict=True) is None
    assert find_logits(torch.zeros(4, 1), 4, strict=True) is None
    assert find_logits(LOGITS, 4, strict=True) is LOGITS


def test_accuracy_is_the_share_of_right_answers() -> None:
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 1.0], [0.0, 1.0]])
    assert float(accuracy(logits, torch.tensor([0, 1, 1, 1]))) == 0.75


@pytest.mark.parametrize("array", [torch.tensor, np.array], ids=["tensors", "arrays like JAX's"])
def test_accuracy_of_what_lives_on_a_device_is_worked_out_there(
    array: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livetrain._frameworks.batch.device_of", lambda value: object())
    logits = array([[2.0, 1.0], [0.0, 3.0], [5.0, 1.0], [0.0, 1.0]])
    share = accuracy(logits, array([0, 1, 1, 1]))
    assert not isinstance(share, float) or isinstance(share, np.floating)
    assert float(share) == 0.75


@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        (LOGITS, None),
        (None, LABELS),
        (torch.zeros(4), LABELS),
        (LOGITS, torch.zeros(4)),
        (LOGITS, LABELS[:3]),
        (LOGITS, [0, 1, 2, 3]),
        (np.zeros((4, 1)), np.arange(4)),
    ],
)
def test_no_accuracy_where_the_question_makes_no_sense(logits: Any, targets: Any) -> None:
    assert accuracy(logits, targets) is None
