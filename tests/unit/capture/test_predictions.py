"""What a model's outputs mean, in every form they come in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.device import BFLOAT16, from_torch
from livetrain._capture.predictions import PredictionReader, read_losses, read_targets

NAMES = ["cat", "dog", "fox", "owl", "pig", "rat", "yak"]


def read(values: Any, targets: Any = None, names: list[str] | None = NAMES) -> Any:
    return PredictionReader(names).read(values, targets)


def logits(count: int = 16, classes: int = 7, scale: float = 3.0) -> np.ndarray:
    return (np.random.default_rng(1).normal(size=(count, classes)) * scale).astype(np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("form", ["logits", "probabilities", "log-probabilities"])
def test_class_scores(dtype: Any, form: str) -> None:
    raw = logits()
    right = softmax(raw)
    given_ = {"logits": raw, "probabilities": right, "log-probabilities": np.log(right)}[form]
    tolerance = 2e-2 if dtype is np.float16 else 1e-5
    for prediction, row in zip(read(given_.astype(dtype)), right, strict=True):
        best = int(row.argmax())
        assert (prediction.index, prediction.label) == (best, NAMES[best])
        assert prediction.confidence == pytest.approx(row[best], abs=tolerance)
        assert len(prediction.top) == 5
        assert [score.index for score in prediction.top] == np.argsort(-row)[:5].tolist()
        assert [score.score for score in prediction.top] == pytest.approx(
            sorted(row)[::-1][:5], abs=tolerance
        )


def test_softmax_of_bfloat16_is_worked_out_in_float32() -> None:
    raw = torch.tensor(logits(scale=20.0)).bfloat16()
    array = from_torch(torch, raw)
    assert array.dtype == BFLOAT16
    for prediction, row in zip(read(array), raw.double().softmax(dim=1), strict=True):
        assert prediction.confidence == pytest.approx(float(row.max()), abs=1e-5)


def test_float16_logits_that_overflow_when_raised() -> None:
    big = np.array([[60000, 59900, -60000, 0, 0, 0, 0]], np.float16)
    (prediction,) = read(big)
    assert prediction.index == 0
    assert prediction.confidence == pytest.approx(1.0, abs=1e-4)


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=40))
def test_the_top_five_are_in_order_and_confident_at_most_one(row: list[float]) -> None:
    (prediction,) = PredictionReader(None).read(np.array([row], np.float32), None)
    scores = [score.score for score in prediction.top]
    assert len(scores) == min(5, len(row))
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert prediction.confidence == scores[0]
    assert len({score.index for score in prediction.top}) == len(scores)


def test_of_equal_scores_the_lower_index_comes_first() -> None:
    for classes in (7, 100):
        (prediction,) = PredictionReader(None).read(np.full((1, classes), 1 / classes), None)
        assert [score.index for score in prediction.top] == [0, 1, 2, 3, 4]


def test_many_classes() -> None:
    raw = logits(16, 5000)
    for prediction, row in zip(read(raw, None, None), softmax(raw), strict=True):
        assert [score.index for score in prediction.top] == np.argsort(-row)[:5].tolist()
        assert prediction.label == str(prediction.index)


def test_one_hot_outputs_are_certain() -> None:
    for dtype in (np.float32, np.int64, np.bool_):
        (prediction,) = read(np.array([[0, 0, 1]], dtype))
        assert (prediction.index, prediction.confidence) == (2, 1.0)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int32])
def test_class_indices(dtype: Any) -> None:
    predictions = read(np.array([1, 0, 99], dtype))
    assert [(p.index, p.label, p.confidence) for p in predictions] == [
        (1, "dog", None), (0, "cat", None), (99, "99", None),
    ]  # fmt: skip
    assert {p.top for p in predictions} == {()}, "nobody said how sure"


def test_class_indices_kept_as_floats() -> None:
    predictions = read(np.array([2.0, 5.0]), np.array([2, 4]))
    assert [p.label for p in predictions] == ["fox", "rat"]


def test_binary_scores_and_binary_logits() -> None:
    for values in (np.array([0.9, 0.2]), np.array([[math.log(9)], [math.log(0.25)]])):
        predictions = read(values, np.array([1, 0]), ["bad", "good"])
        assert [p.label for p in predictions] == ["good", "bad"]
        assert [p.confidence for p in predictions] == pytest.approx([0.9, 0.8])
        assert [score.label for score in predictions[0].top] == ["good", "bad"]


def test_binary_scores_without_names_or_targets() -> None:
    assert [p.index for p in read(np.array([0.9, 0.2]), None, None)] == [1, 0]


@pytest.mark.parametrize("as_logits", [False, True])
def test_multi_label(as_logits: bool) -> None:
    scores = np.array([[0.9, 0.8, 0.1], [0.1, 0.2, 0.3]], np.float32)
    values = np.log(scores / (1 - scores)) if as_logits else scores
    targets = np.array([[1, 1, 0], [0, 0, 0]])
    first, second = read(values, targets, NAMES[:3])
    assert (first.label, first.index) == ("cat, dog", 0)
    assert first.confidence == pytest.approx(0.9)
    assert (second.label, second.index) == ("none", 2)


def test_logits_that_happen_to_lie_between_0_and_1_once_logits_were_seen() -> None:
    reader = PredictionReader(NAMES)
    reader.read(np.array([[5.0, -2.0]]), None)
    (prediction,) = reader.read(np.array([[0.9, 0.8]]), None)
    assert prediction.confidence == pytest.approx(1 / (1 + math.exp(-0.1)))


def test_regression() -> None:
    predictions = read(np.array([0.5, 3.25]), np.array([0.25, 3.5]), None)
    assert [(p.index, p.label, p.confidence) for p in predictions] == [
        (-1, "0.5", None),
        (-1, "3.25", None),
    ]
    (near,) = read(np.array([0.99996]), np.array([0.25]), None)
    assert near.label == "0.99996"


def test_label_and_confidence_pairs() -> None:
    predictions = read([("dog", 0.75), (2, 0.5), ("unicorn", 1.5)])
    assert [(p.index, p.label, p.confidence) for p in predictions] == [
        (1, "dog", 0.75), (2, "fox", 0.5), (-1, "unicorn", 1.0),
    ]  # fmt: skip
    assert predictions[0].top[0].label == "dog"
    none, zero = read([("dog", math.nan), ("cat", 0.0)])
    assert (none.confidence, none.top, zero.confidence) == (None, (), 0.0)


def test_texts() -> None:
    predictions = read(["dog", "a red bus"])
    assert [(p.index, p.label) for p in predictions] == [(1, "dog"), (-1, "a red bus")]
    assert [p.confidence for p in predictions] == [None, None]


def test_a_prediction_that_is_none_costs_itself_alone() -> None:
    for values in ([3, None, 1], [("owl", 0.5), None, ("dog", 0.5)], ["owl", None, "dog"]):
        assert [p.label for p in read(values, np.array([3, 2, 1]))] == ["owl", "", "dog"]
    rows = [np.array([0.0, 9.0]), None]
    assert [(p.index, p.label) for p in read(rows)] == [(1, "dog"), (-1, "")]


def test_lists_of_rows_and_of_numbers() -> None:
    assert [p.index for p in read([(0.1, 0.9), (0.8, 0.2)])] == [1, 0]
    assert [p.index for p in read([3, 1])] == [3, 1]
    assert [p.index for p in read([np.float32(3.0), np.float32(-1.0)], None, ["a", "b"])] == [1, 0]
    assert [p.index for p in read([np.array([0.0, 5.0]), np.array([9.0, 5.0])])] == [1, 0]


def test_a_row_with_nan_has_no_class_and_spoils_no_other() -> None:
    first, second = read(np.array([[np.nan, 1.0], [0.0, 8.0]]))
    assert (first.index, first.label, first.confidence) == (-1, "NaN", None)
    assert (second.index, second.label) == (1, "dog")
    (number,) = read(np.array([np.nan]), np.array([1]))
    assert number.confidence is None


def test_infinite_logits() -> None:
    (prediction,) = read(np.array([[np.inf, 1.0, -np.inf]]))
    assert (prediction.index, prediction.confidence) == (0, 1.0)
    (masked,) = read(np.array([[-np.inf, 0.0]]))
    assert (masked.index, masked.confidence) == (1, 1.0)


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 3, 2)), np.array(["x"]), np.zeros((2, 2), np.complex64)]
)
def test_what_cannot_be_predictions_says_why(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"shape|type"):
        read(bad)


def test_what_is_neither_a_number_nor_a_pair_says_so() -> None:
    with pytest.raises(ValueError, match="pair"):
        read([None, None])


def test_targets() -> None:
    indices = {"cat": 0, "dog": 1}
    assert read_targets(np.array([3, -100]), indices) == (3, -100)
    assert read_targets(np.array([[0, 1, 0], [0, 0, 0]]), indices) == (1, -1)
    assert read_targets(np.array([[1], [0]]), indices) == (1, 0)
    assert read_targets(np.array([[1, 1, 0], [0, 0, 1]]), indices) == (-1, 2), "several are right"
    assert read_targets(np.array([[0.5, 0.5], [0.3, 0.7]]), indices) == (-1, 1)
    assert read_targets(np.array([True, False]), indices) == (1, 0)
    assert read_targets(["dog", "cow"], indices) == (1, -1)
    assert read_targets([1, None, np.int64(5)], indices) == (1, -1, 5)
    assert read_targets(np.array([0.5, 1.0]), indices) == ()
    assert read_targets(np.array([2**40]), indices) == (-1,)
    assert read_targets(np.array([np.nan, 1.0]), indices) == ()


def test_losses() -> None:
    assert read_losses(np.array([1.0, math.inf])) == (1.0, math.inf)
    assert read_losses(np.array([[1.0, 3.0], [5.0, 5.0]])) == (2.0, 5.0)
    assert read_losses([0.5, np.float16(0.25)]) == (0.5, 0.25)


def test_a_loss_that_is_none_costs_itself_alone() -> None:
    first, second, third = read_losses([0.5, None, math.nan])
    assert (first, second) == (0.5, None)
    assert third is not None
    assert math.isnan(third), "NaN is a value"
    assert read_losses([np.array([1.0, 3.0]), None]) == (2.0, None)
    assert read_losses([None, None]) == ()
