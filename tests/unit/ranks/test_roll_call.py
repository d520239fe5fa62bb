"""All ranks come to the same place, or none waits for one that does not."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch.distributed as dist

from livetrain._ranks import roll_call
from livetrain._ranks.roll_call import RollCall


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_call, "FIRST", (0.1, 5.0))


def ranks(size: int, store: Any = None) -> list[RollCall]:
    shared = dist.HashStore() if store is None else store
    return [RollCall(rank, size, lambda: shared, number=0) for rank in range(size)]


def call(those: list[RollCall], *batches: int | None) -> list[float]:
    with ThreadPoolExecutor(len(those)) as pool:
        return list(
            pool.map(lambda pair: pair[0].answer(pair[1]), zip(those, batches, strict=True))
        )


def test_all_are_told_how_many_batches_every_one_of_them_has() -> None:
    several = ranks(3)
    assert call(several, 9, 7, 8) == [7, 7, 7]
    assert call(several, None, 5, None) == [5, 5, 5]
    assert call(several, None, None, None) == [math.inf] * 3
    assert [one.missing for one in several] == [None] * 3


@pytest.mark.usefixtures("impatient")
def test_one_that_does_not_come_is_named_and_nobody_waits_again() -> None:
    first, _, third = ranks(3)
    assert call([first, third], 9, 9) == [0, 0]
    assert first.missing == third.missing == [1]
    first._store = None  # type: ignore[assignment]  # which is not asked any more
    assert first.answer(9) == 0


@pytest.mark.usefixtures("impatient")
def test_one_that_comes_too_late_is_told_that_the_others_went_on() -> None:
    first, second = ranks(2)
    assert first.answer(9) == 0
    assert second.answer(9) == 0, "at once"
    assert call([first, second], 9, 9) == [0, 0]


def test_without_a_store_or_with_one_that_fails_nobody_agrees() -> None:
    class Broken:
        def set(self, key: str, value: str) -> None:
            raise ConnectionError("gone")

    for store in (lambda: None, Broken):
        one = RollCall(1, 3, store, number=0)
        assert one.answer(9) == 0
        assert one.missing == [0, 2]


def test_what_is_left_in_the_store_is_removed() -> None:
    store = dist.HashStore()
    several = ranks(2, store)
    for _ in range(5):
        call(several, 4, 4)
    assert store.num_keys() <= 3 * 4
