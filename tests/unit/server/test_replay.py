from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.replay import History, Recovery, Ring, plan

HERE = History(epoch="e", top=100, ring_first=81, stored_first=1)
TRIMMED = History(epoch="e", top=100, ring_first=81, stored_first=51)
EMPTY = History(epoch="e", top=0, ring_first=0, stored_first=1)
NO_RING = History(epoch="e", top=100, ring_first=0, stored_first=1)


@pytest.mark.parametrize(
    ("epoch", "offset", "history", "expected"),
    [
        # As Centrifugo's recovery cases: the same epoch or not, a gap, trimmed history, empty history, a future offset.
        ("e", 100, HERE, Recovery.NOTHING_MISSED),
        ("e", 99, HERE, Recovery.RING),
        ("e", 80, HERE, Recovery.RING),
        ("e", 79, HERE, Recovery.STORE),
        ("e", 0, HERE, Recovery.STORE),
        ("e", 101, HERE, Recovery.SNAPSHOT),
        ("other", 100, HERE, Recovery.SNAPSHOT),
        ("other", 99, HERE, Recovery.SNAPSHOT),
        ("", 0, HERE, Recovery.SNAPSHOT),
        ("e", 50, TRIMMED, Recovery.STORE),
        ("e", 49, TRIMMED, Recovery.SNAPSHOT),
        ("e", 90, TRIMMED, Recovery.RING),
        ("e", 0, EMPTY, Recovery.NOTHING_MISSED),
        ("e", 1, EMPTY, Recovery.SNAPSHOT),
        ("", 0, EMPTY, Recovery.SNAPSHOT),
        ("e", 99, NO_RING, Recovery.STORE),
        ("e", 99, History("e", 100, 0, 0), Recovery.SNAPSHOT),
        ("e", 100, History("e", 100, 0, 0), Recovery.NOTHING_MISSED),
    ],
)
def test_a_viewer_that_comes_back(
    epoch: str, offset: int, history: History, expected: Recovery
) -> None:
    assert plan(epoch, offset, history, limit=1000) is expected


def test_too_far_behind_gets_a_snapshot() -> None:
    assert plan("e", 40, HERE, limit=60) is Recovery.STORE
    assert plan("e", 39, HERE, limit=60) is Recovery.SNAPSHOT


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(0, 70))
def test_a_ring_is_bounded_and_never_has_a_hole(sizes: list[int], after: int) -> None:
    ring = Ring(limit_bytes=200)
    for offset, size in enumerate(sizes, 1):
        ring.append(offset, b"x" * size)
    kept = ring.after(0)
    assert sum(len(event) for _, event in kept) <= 200
    assert [offset for offset, _ in kept] == list(range(len(sizes) - len(kept) + 1, len(sizes) + 1))
    assert ring.first == (kept[0][0] if kept else 0)
    assert ring.after(after) == [event for event in kept if event[0] > after]


def test_a_hole_empties_the_ring() -> None:
    ring = Ring(limit_bytes=200)
    ring.append(1, b"a")
    ring.append(3, b"c")
    assert ring.after(0) == [(3, b"c")]
