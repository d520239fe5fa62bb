"""Which numbers of a batch can go into columns at once."""

from __future__ import annotations

import numpy as np
import pytest

from livetrain._capture.accuracy import BatchAccuracy
from livetrain._capture.classification import Classification
from livetrain._capture.reading import Reading
from livetrain._capture.reports import Reports
from livetrain._capture.settled import settled_numbers

NOTHING: tuple[tuple[str, ...], tuple[float, ...]] = ((), ())


class OnItsWay:
    """A copy of a number, or of scores, that a device has yet to finish."""

    def read(self) -> np.ndarray:
        raise AssertionError("it was waited for")


def on_its_way() -> Reading:
    return Reading(None, OnItsWay())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loss", "accuracy", "names", "values"),
    [
        (0.5, 0.25, ("loss", "accuracy"), (0.5, 0.25)),
        (0.5, None, ("loss",), (0.5,)),
        (0.0, 0.0, ("loss", "accuracy"), (0.0, 0.0)),
        (None, 0.25, ("accuracy",), (0.25,)),
        (None, None, (), ()),
    ],
)
def test_only_numbers_that_there_are_have_names(
    loss: float | None, accuracy: float | None, names: tuple[str, ...], values: tuple[float, ...]
) -> None:
    found = settled_numbers(Reading(loss), Reading(accuracy), at_once=False)
    assert found == (names, values)


@pytest.mark.parametrize("at_once", [False, True])
def test_nothing_is_waited_for(at_once: bool) -> None:
    assert settled_numbers(on_its_way(), Reading(0.25), at_once=at_once) == NOTHING
    assert settled_numbers(Reading(0.5), on_its_way(), at_once=at_once) == NOTHING
    scores = BatchAccuracy(
        Classification(Reports(), None),
        2,
        OnItsWay(),  # type: ignore[arg-type]
        np.array([0, 1]),
        Reading(0.5),
    )
    assert settled_numbers(Reading(0.5), scores, at_once=at_once) == NOTHING


def test_scores_that_are_here_are_worked_out_only_where_that_cannot_wait() -> None:
    loss = Reading(0.5)
    scores = np.array([[9.0, -9.0], [9.0, -9.0]], np.float32)
    accuracy = BatchAccuracy(Classification(Reports(), None), 2, scores, np.array([0, 1]), loss)
    assert settled_numbers(loss, accuracy, at_once=False) == NOTHING
    names, values = settled_numbers(loss, accuracy, at_once=True)
    assert names == ("loss", "accuracy")
    assert values == (0.5, 0.5)
