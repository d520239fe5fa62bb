"""What is a classification, and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from livetrain._capture.accuracy import BatchAccuracy, Share, take_accuracy
from livetrain._capture.capture import encode
from livetrain._capture.classification import Classification, class_marks
from livetrain._capture.device import device_of
from livetrain._capture.reading import Reading
from livetrain._capture.reports import Reports
from livetrain.config import ImageOptions
from tests.unit.capture.world import sent, take

Loss = Callable[[Any, Any], Any]


class Watched:
    """A training whose batches are judged one after the other."""

    def __init__(self, names: int | None = None) -> None:
        self.reports = Reports()
        self.classification = Classification(self.reports, names)

    def batch(
        self, preds: Any, targets: Any, loss: Any = None, pixels: int | None = None
    ) -> float | None:
        taken = take_accuracy(
            preds,
            targets,
            device_of,
            self.classification,
            loss=Reading(None if loss is None else float(loss)),
            pixels=pixels,
        )
        return None if taken is None else taken.get()


def logits(count: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, columns, generator=torch.Generator().manual_seed(seed))


def labels(count: int, classes: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


def share(preds: torch.Tensor, targets: torch.Tensor) -> float:
    return float((preds.argmax(1) == targets).double().mean())


# ------------------------------------------------------------ what is ignored


@pytest.mark.parametrize("ignored", [-1, -100, 255])
@pytest.mark.parametrize("names", [None, 4])
def test_ignored_targets_are_left_out(ignored: int, names: int | None) -> None:
    preds = 10 * torch.eye(4)
    targets = torch.tensor([0, ignored, 2, ignored])
    assert Watched(names).batch(preds, targets) == 1.0
    loss = functional.cross_entropy(preds, targets, ignore_index=ignored)
    assert Watched(names).batch(preds, targets, loss) == 1.0
    assert Watched(names).batch(preds.numpy(), targets.numpy(), 0.5) == 1.0
    assert Watched(names).batch(preds, torch.tensor([1, ignored, 2, 3])) == pytest.approx(2 / 3)


def test_any_target_beyond_the_columns_is_ignored_where_the_loss_says_so() -> None:
    preds, targets = logits(64, 10), labels(64, 11)
    loss = functional.cross_entropy(preds, targets, ignore_index=10)
    inside = targets < 10
    assert Watched().batch(preds, targets, loss) == pytest.approx(
        share(preds[inside], targets[inside])
    )
    assert Watched().batch(preds, targets, 0.7) is None


def test_of_nothing_but_ignored_ones_there_is_no_accuracy() -> None:
    watched = Watched()
    assert watched.batch(torch.eye(4), torch.full((4,), -100), 0.0) is None
    assert watched.batch(torch.eye(4), torch.tensor([0, 1, 2, 3]), 0.7) == 1.0


# ------------------------------------------------------------ what only looks like classes


def ordinal_loss(preds: torch.Tensor, ranks: torch.Tensor) -> torch.Tensor:
    levels = (ranks[:, None] > torch.arange(preds.shape[1])).float()
    return functional.binary_cross_entropy_with_logits(preds, levels)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("columns", "classes", "loss"),
    [
        (784, 10, lambda preds, targets: preds.square().mean()),  # an autoencoder
        (128, 10, lambda preds, targets: torch.tensor(4.2)),  # SimCLR
        (128, 100, lambda preds, targets: torch.tensor(4.2)),
        (32, 10, lambda preds, targets: torch.tensor(4.2)),  # the mean of a VAE
        (4, 5, ordinal_loss),
        (4, 5, lambda preds, targets: ordinal_loss(preds, targets) * 4),
        (9, 10, lambda preds, targets: torch.tensor(0.5)),  # ranks, by a loss that nobody knows
    ],
)
def test_what_is_no_classification_has_no_accuracy(
    columns: int, classes: int, loss: Loss, seed: int
) -> None:
    watched = Watched()
    for batch in range(5):
        preds = logits(64, columns, 100 * seed + batch)
        targets = labels(64, classes, 100 * seed + batch)
        assert watched.batch(preds, targets, loss(preds, targets)) is None


def test_ranks_are_known_by_their_loss_before_the_highest_was_seen() -> None:
    preds, ranks = logits(8, 4), torch.tensor([0, 1, 2, 3, 3, 2, 1, 0])
    assert Watched().batch(preds, ranks, ordinal_loss(preds, ranks)) is None


def test_what_has_as_many_values_as_an_image_is_one() -> None:
    preds, targets = logits(64, 64), labels(64, 64)
    assert Watched().batch(preds, targets, 0.5, pixels=64) is None
    loss = functional.cross_entropy(preds, targets)
    assert Watched().batch(preds, targets, loss, pixels=64) == share(preds, targets)


def test_other_columns_than_names_are_no_classes_unless_the_loss_says_so() -> None:
    preds, targets = logits(64, 12), labels(64, 10)
    assert Watched(names=10).batch(preds, targets, 0.5) is None
    loss = functional.cross_entropy(preds, targets)
    assert Watched(names=10).batch(preds, targets, loss) == share(preds, targets)


def test_it_is_said_once_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    for _ in range(5):
        watched.batch(logits(64, 784), labels(64, 10), 0.5)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "Outputs of 784 columns are not shown as classes, and have no accuracy" in said
    assert "no target of 64 is higher than 9" in said
    assert "class_names= with one name a column, or accuracy=" in said


# ------------------------------------------------------------ what is one


@pytest.mark.parametrize(
    "loss",
    [
        functional.cross_entropy,
        lambda preds, targets: functional.cross_entropy(preds, targets, reduction="sum"),
        lambda preds, targets: functional.cross_entropy(preds, targets) / 8,
        lambda preds, targets: functional.cross_entropy(preds, targets, label_smoothing=0.1),
        lambda preds, targets: functional.nll_loss(preds.log_softmax(1), targets),
        lambda preds, targets: functional.binary_cross_entropy_with_logits(
            preds, functional.one_hot(targets, preds.shape[1]).float()
        ),
    ],
    ids=["mean", "sum", "accumulated", "smoothed", "nll", "one-hot"],
)
def test_a_loss_of_classes_says_so_whatever_the_targets_are(loss: Loss) -> None:
    watched = Watched()
    found = []
    for batch in range(4):  # sorted by class, and so far from the number of columns
        preds, targets = logits(64, 1000, batch), labels(64, 20, batch)
        found.append((watched.batch(preds, targets, loss(preds, targets)), share(preds, targets)))
    assert found[-1][0] == found[-1][1]
    if loss is functional.cross_entropy:
        assert all(one == other for one, other in found)


@pytest.mark.parametrize("scores", [lambda x: x.softmax(1), lambda x: x.log_softmax(1)])
def test_probabilities_are_classes_too(scores: Any) -> None:
    preds, targets = logits(64, 1000), labels(64, 20)
    loss = functional.cross_entropy(preds, targets)
    assert Watched().batch(scores(preds), targets, loss) == share(preds, targets)


def test_the_same_batch_again_proves_nothing() -> None:
    watched = Watched()
    preds, targets = logits(64, 784), labels(64, 10)
    assert {watched.batch(preds, targets, 0.5) for _ in range(10)} == {None}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_half_precision_is_near_enough(dtype: torch.dtype) -> None:
    preds, targets = logits(64, 1000).to(dtype), labels(64, 20)
    loss = functional.cross_entropy(preds.float(), targets)
    assert Watched().batch(preds, targets, loss) == share(preds.float(), targets)


@pytest.mark.parametrize("loss", [None, 0.5, float("nan"), float("inf"), 0.0])
def test_without_a_loss_that_tells_the_targets_do(loss: float | None) -> None:
    preds, targets = logits(64, 10), labels(64, 10)
    assert Watched().batch(preds, targets, loss) == share(preds, targets)


def test_zeros_and_ones_that_choose_several_classes_are_not_scored() -> None:
    targets = labels(64, 10)
    chosen = functional.one_hot(targets, 10).float()
    assert Watched().batch(chosen, targets, 0.5) == 1.0, "one class a sample"
    assert Watched().batch(torch.zeros(64, 10), targets, 0.5) is not None, (
        "a layer that begins at 0"
    )
    several = chosen.clone()
    several[3, :2] = 1.0
    several[3, 7] = 1.0
    watched = Watched()
    assert watched.batch(several, targets, 0.5) is None
    for seed in range(70):  # longer than a loss is looked at
        assert watched.batch(chosen, labels(64, 10, seed), 0.5) is None
    assert Watched(names=10).batch(several, targets, 0.5) is not None, "the user says what they are"


def test_one_class_alone_says_nothing_of_few_columns() -> None:
    assert Watched().batch(logits(64, 10), torch.zeros(64, dtype=torch.int64), 0.5) is not None
    assert Watched().batch(logits(64, 128), torch.zeros(64, dtype=torch.int64), 0.5) is None


def test_what_comes_later_is_heard() -> None:
    watched = Watched()
    assert watched.batch(logits(64, 10), torch.arange(64) % 3, 0.5) is None, "sorted by class"
    assert watched.batch(logits(64, 10), torch.arange(64) % 10, 0.5) is not None


def test_other_columns_begin_anew() -> None:
    watched = Watched()
    assert watched.batch(logits(64, 784), labels(64, 10), 0.5) is None
    assert watched.batch(logits(64, 10), labels(64, 10), 0.5) is not None


def test_names_with_one_a_column_settle_it() -> None:
    watched = Watched(names=784)
    assert watched.batch(logits(64, 784), labels(64, 10), 0.5) is not None
    assert watched.classification.settled


@given(st.integers(2, 20), st.integers(1, 64), st.integers(0, 1000), st.booleans())
def test_cross_entropy_is_always_heard(columns: int, count: int, seed: int, double: bool) -> None:
    preds, targets = logits(count, columns, seed), labels(count, columns, seed)
    preds = preds.double() if double else preds
    loss = functional.cross_entropy(preds, targets)
    assert Watched().batch(preds, targets, loss) == share(preds, targets)


# ------------------------------------------------------------ targets


@pytest.mark.parametrize(
    ("targets", "marks"),
    [
        (np.array([1, 0]), [1, 0]),
        (np.array([[1], [0]]), [1, 0]),
        (np.array([1.0, 0.0]), [1, 0]),
        (np.array([True, False]), [1, 0]),
        (np.array([[0, 1], [1, 0]]), [1, 0]),
        (np.array([[0.3, 0.7], [0.6, 0.4]]), [1, 0]),
        (np.array([0.5, 0.0]), None),
        (np.array([np.inf, np.nan]), None),
        (np.array([[1, 1], [0, 0]]), None),
        (np.array([[0.5, 3.0], [1.0, 2.0]]), None),
        (np.array([[-1.0, 2.0], [1.0, 0.0]]), None),
        (np.array(["a", "b"]), None),
        (np.zeros((2, 4, 4)), None),
    ],
)
def test_targets_that_name_a_class(targets: Any, marks: Any) -> None:
    found = class_marks(targets, 2)
    assert (None if found is None else found.tolist()) == marks


def test_several_labels_a_sample_are_shown_and_have_no_accuracy() -> None:
    classification = Classification(Reports(), None)
    assert classification.judge(3, np.array([[1, 1, 0], [0, 0, 0]]))
    assert not classification.judge(3, np.array([[0.5, 3.0, 1.0], [1.0, 2.0, 0.0]]))
    assert not classification.judge(3, np.array([0.5, 1.25]))


# ------------------------------------------------------------ on the tiles

PICTURES = np.random.default_rng(0).integers(0, 255, (16, 8, 8), dtype=np.uint8)
MARKS = np.arange(16) % 10


@pytest.mark.parametrize(
    ("preds", "more"),
    [
        (logits(16, 784), {"targets": MARKS}),
        (logits(16, 784), {"targets": MARKS.tolist()}),
        (logits(16, 128), {"targets": MARKS, "loss": 4.2}),
        (logits(16, 9), {"targets": MARKS, "loss": 0.7}),
        (logits(16, 128), {"targets": MARKS, "names": [*"abcdefghij"]}),
        (logits(16, 64), {}),  # as many as an image has
        (logits(16, 5), {"targets": logits(16, 5, 1)}),  # several numbers to be met
        (logits(16, 5), {"targets": logits(16, 1, 1)[:, 0]}),
        (np.ones((16, 9, 1, 1)), {"targets": MARKS}),
    ],
)
def test_what_is_no_classification_has_no_labels(preds: Any, more: Any) -> None:
    frame = sent(PICTURES, preds, **more)
    assert (frame.predictions, frame.targets) == ((), ())
    assert frame.count == 16


@pytest.mark.parametrize(
    ("preds", "more"),
    [
        (logits(16, 10), {"targets": MARKS}),
        (logits(16, 784), {"targets": MARKS, "accuracy": 0.5}),  # the user says so
        (logits(16, 784), {"targets": MARKS, "names": [str(n) for n in range(784)]}),
        (logits(16, 128), {}),
        (logits(16, 10), {"targets": np.eye(10)[MARKS]}),
        (
            logits(16, 10),
            {"targets": (np.random.default_rng(0).random((16, 10)) > 0.5).astype(int)},
        ),
        (logits(16, 3), {"targets": ["a", "b", "c", "a"] * 4, "names": ["a", "b", "c"]}),
    ],
)
def test_what_may_be_one_has_labels(preds: Any, more: Any) -> None:
    assert len(sent(PICTURES, preds, **more).predictions) == 16


def test_ignored_targets_are_no_truth() -> None:
    targets = MARKS.copy()
    targets[[1, 5, 9]] = -100, 255, -1
    frame = sent(PICTURES, 9 * np.eye(16, 10), targets=targets)
    assert sorted(frame.targets)[:4] == [-1, -1, -1, 0]
    assert max(frame.targets) == 8
    assert sorted(sent(PICTURES, None, targets=targets).targets)[0] == -100, "nothing says how many"


def test_a_formatter_is_given_the_target_all_the_same() -> None:
    options = ImageOptions(gather_seconds=0.0, formatter=lambda i, p, t: f"{p} {t}")
    frame = sent(PICTURES, logits(16, 784), options, targets=MARKS)
    assert frame.captions[3].startswith("None ")
    assert frame.captions[3].split()[1].isdigit()


def test_accuracy_and_labels_of_a_batch_agree() -> None:
    for columns, shown in ((784, False), (10, True)):
        captured = take(PICTURES, logits(16, columns), targets=MARKS, loss=0.7)
        assert captured.frame is not None
        frame = encode(captured.frame, quality=85, max_size=256, packing="strip")
        assert (captured.accuracy.get() is not None, len(frame.predictions) > 0) == (shown, shown)


# ------------------------------------------------------------ shares that were worked out already


def worked_out(watched: Watched, preds: Any, targets: Any, loss: Any) -> BatchAccuracy:
    taken = take_accuracy(
        preds,
        targets,
        device_of,
        watched.classification,
        loss=Reading(float(loss)),
        given=Share(1, 4),
    )
    assert taken is not None
    return taken


def test_a_share_counts_only_where_there_are_classes() -> None:
    assert worked_out(Watched(), logits(64, 10), labels(64, 10), 0.5).get() == 0.25
    assert worked_out(Watched(), logits(64, 784), labels(64, 10), 0.5).get() is None
    assert worked_out(Watched(), logits(256, 784), labels(256, 10), 0.5).get() is None, (
        "large ones too"
    )


def test_a_share_of_nothing_is_none() -> None:
    assert Share(0, 0).value is None
    taken = take_accuracy(logits(4, 3), torch.full((4,), -1), device_of, given=Share(0, 0))
    assert taken is not None
    assert taken.get() is None
    on_a_device = Share(torch.tensor(0), torch.tensor(0))
    taken = take_accuracy(logits(4, 3), labels(4, 3), device_of, given=on_a_device)
    assert taken is not None
    assert taken.get() is None


def test_once_it_is_known_nothing_is_copied_for_it() -> None:
    watched = Watched()
    preds, targets = logits(64, 10), labels(64, 10)
    first = worked_out(watched, preds, targets, functional.cross_entropy(preds, targets))
    assert first.copies.keys() == {"predictions", "targets"}
    assert first.get() == 0.25
    second = worked_out(watched, preds, targets, 0.5)
    assert second.copies == {}
    assert second.get() == 0.25


def test_a_loss_that_never_tells_is_not_asked_for_ever() -> None:
    watched = Watched()
    for seed in range(64):
        worked_out(watched, logits(16, 10, seed), labels(16, 10, seed), 0.5).get()
    assert watched.classification.settled
