"""Draws and followed samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.sampling import Draw, Watch


@given(count=st.integers(0, 5000), wanted=st.integers(0, 16), seed=st.integers(0, 99))
def test_a_draw_is_without_replacement_ascending_and_inside(
    count: int, wanted: int, seed: int
) -> None:
    picks = Draw(seed).pick(count, wanted)
    assert len(picks) == min(count, wanted)
    assert picks == sorted(set(picks))
    assert all(0 <= pick < count for pick in picks)


def test_every_subset_is_as_likely_as_another() -> None:
    draw, seen = Draw(5), {}
    for _ in range(12_000):
        subset = tuple(draw.pick(5, 2))
        seen[subset] = seen.get(subset, 0) + 1
    assert len(seen) == 10
    assert all(
        1030 < times < 1370 for times in seen.values()
    )  # 1200, give or take 5 standard deviations


def test_a_seed_repeats_and_none_does_not() -> None:
    def first(seed: int | None) -> list[list[int]]:
        draw = Draw(seed)
        return [draw.pick(1000, 16) for _ in range(3)]

    assert first(7) == first(7)
    assert first(7) != first(8)
    assert first(None) != first(None)


def test_following() -> None:
    watch = Watch(["a", 2, "c", "a"])
    assert len(watch) == 3
    assert watch.find(["c", "x", 2, "c", "a"], set()) == [4, 2, 0]
    assert watch.find(["c", "x", 2, "c", "a"], {2}) == [4, 0]
    assert watch.find([], set()) == []
