from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.metric_names import MetricNames, is_own


@pytest.mark.parametrize(
    ("curve", "own"),
    [
        ("loss", True),
        ("accuracy", True),
        ("learning_rate", True),
        ("val/anything", True),
        ("epoch/loss", True),
        ("perf/fps", True),
        ("system/cpu_percent", True),
        ("livetrain/left_out", True),
        ("rank12/loss", True),
        ("rank12/val/loss", True),
        ("rank/loss", False),
        ("rankx/loss", False),
        ("losses", False),
        ("value", False),
        ("round/loss", False),
        ("", False),
    ],
)
def test_the_librarys_own_curves_are_known_by_their_names(curve: str, own: bool) -> None:
    assert is_own(curve) is own


def test_names_beyond_the_limit_are_refused_and_own_curves_are_not() -> None:
    names = MetricNames(limit=3)
    assert names.admit(["a", "b", "a", "loss"]) == []
    assert names.admit(["c", "a", "val/loss", "rank1/loss", "d"]) == [4]
    assert names.admit(["d", "b"]) == [0]
    assert len(names) == 6


def test_names_that_look_like_own_ones_have_an_end_too() -> None:
    names = MetricNames(limit=10)
    assert names.admit([f"val/{n}" for n in range(15)]) == list(range(10, 15))
    assert names.admit(["val/9", "val/10", "a"]) == [1]


def test_names_from_the_store_count() -> None:
    names = MetricNames(3, ["a", "b", "a"])
    assert len(names) == 2
    assert names.admit(["a", "b", "c", "d"]) == [3]


@given(
    st.lists(st.lists(st.sampled_from([f"m{n}" for n in range(30)] + ["loss"]), max_size=12)),
    st.integers(1, 20),
    st.sets(st.sampled_from([f"m{n}" for n in range(30)])),
)
def test_it_is_a_bounded_set(groups: list[list[str]], limit: int, known: set[str]) -> None:
    names, model = MetricNames(limit, known), set(known)
    for group in groups:
        expected = []
        for place, name in enumerate(group):
            alike = [other for other in model if is_own(other) is is_own(name)]
            if name not in model and len(alike) >= limit:
                expected.append(place)
            else:
                model.add(name)
        assert names.admit(group) == expected
        assert len(names) == len(model)


def test_200_000_names_take_about_eight_bytes_each() -> None:
    names = MetricNames(limit=200_000)
    tracemalloc.start()
    for start in range(0, 200_000, 1000):
        assert names.admit([f"layer{n}/weight" for n in range(start, start + 1000)]) == []
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3_000_000
    assert len(names) == 200_000
    assert names.admit(["one more", "layer7/weight", "layer199999/weight"]) == [0]


def test_a_run_that_is_read_from_the_store_has_room_for_as_many_names_as_before() -> None:
    names = MetricNames(3, known=["loss", "val/loss", "a", "a"])
    assert names.admit(["b", "c", "d", "accuracy"]) == [2]


def test_names_are_bounded_by_their_characters_too() -> None:
    names = MetricNames(limit=100, known=["a" * 10], chars=35)
    assert names.admit(["b" * 10, "c" * 10, "d" * 10, "loss", "e" * 5]) == [2, 4]
    assert names.admit(["a" * 10, "b" * 10, "f"]) == []  # there was room for one character
    assert names.admit(["g"]) == [0]
    assert names.admit(["val/" + "h" * 99]) == []  # the library's own are let in
