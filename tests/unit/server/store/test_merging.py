"""Small chunks become larger ones, in order, and no point is written again too often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.store.merging import groups
from livetrain.server.store.scene import ChunkRow


def chunk(key: int, points: int, version: int = 2) -> ChunkRow:
    return ChunkRow(key, 1, 1, key, version, points, 0, 0, 0, 0, True, 0, 0, b"", None)


def grow(sizes: list[int]) -> tuple[list[int], int]:
    """Add chunks one by one and merge after each; return the sizes that are left, and how often points were written again."""
    chunks: list[ChunkRow] = []
    key, written = 0, 0
    for size in sizes:
        key += 1
        chunks.append(chunk(key, size))
        for group in groups(chunks):
            key += 1
            points = sum(one.points for one in group)
            written += points
            at = chunks.index(group[0])
            assert chunks[at : at + len(group)] == group
            chunks[at : at + len(group)] = [chunk(key, points)]
    return [one.points for one in chunks], written


def test_many_seals_of_one_point_are_few_rows() -> None:
    left, written = grow([1] * 20_000)
    assert len(left) < 40
    assert sum(left) == 20_000
    assert written < 8 * 20_000


def test_chunks_of_full_size_are_left_alone() -> None:
    assert grow([4096] * 50) == ([4096] * 50, 0)


@given(st.lists(st.integers(1, 6000), max_size=200))
def test_no_point_is_lost_and_few_rows_are_left(sizes: list[int]) -> None:
    left, written = grow(sizes)
    assert sum(left) == sum(sizes)
    assert written <= 12 * sum(sizes)
    large = sum(size >= 4096 for size in left)
    assert len(left) <= 2 * large + 24


def test_older_chunks_wait_until_they_are_made_anew() -> None:
    assert groups([chunk(key, 1, version=1) for key in range(50)]) == []
