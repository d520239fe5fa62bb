"""Which records turned out to be damaged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain._spool.damage import Damage


def test_damage_that_is_found_again_is_not_new() -> None:
    damage = Damage()
    assert damage.find(2, 4)
    assert not damage.find(2, 4)
    assert not damage.find(3, 4)
    assert damage.find(3, 6)
    assert damage.count == 4
    assert [seq for seq in range(10) if seq in damage] == [2, 3, 4, 5]


def test_an_empty_range_is_no_damage() -> None:
    damage = Damage()
    assert not damage.find(3, 3)
    damage.forget_through(10)
    assert damage.count == 0


def test_damage_stays_known_until_all_of_it_is_acknowledged() -> None:
    damage = Damage()
    damage.find(2, 5)
    damage.find(8, 9)
    damage.forget_through(3)
    assert 4 in damage
    damage.forget_through(4)
    assert 4 not in damage
    assert 8 in damage
    assert not damage.find(2, 5)
    assert damage.count == 4


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=20), st.integers(1, 4))
def test_each_record_counts_once_however_often_it_is_read(
    gaps: list[tuple[int, int]], times: int
) -> None:
    damage, damaged, at = Damage(), set[int](), 0
    for sound, bad in gaps:
        first = at + sound
        at = first + bad
        damaged |= set(range(first, at))
        found = [damage.find(first, at) for _ in range(times)]
        assert found == [bad > 0] + [False] * (times - 1)
    assert damage.count == len(damaged)
    assert {seq for seq in range(at + 1) if seq in damage} == damaged
