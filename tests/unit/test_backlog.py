"""The backlog in memory: order, bounds, and tombstones in the place of what had to go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._backlog import MemoryBacklog


def test_reads_in_order_after_a_record() -> None:
    backlog = MemoryBacklog()
    for seq in range(1, 6):
        backlog.append(seq, b"%d" % seq, thinnable=True)
    assert backlog.read(2, max_bytes=2) == [(3, b"3"), (4, b"4")]


def test_gives_one_record_however_small_the_room() -> None:
    backlog = MemoryBacklog()
    backlog.append(1, b"x" * 100, thinnable=True)
    assert backlog.read(0, max_bytes=1) == [(1, b"x" * 100)]


def test_a_gap_is_a_bug() -> None:
    backlog = MemoryBacklog()
    with pytest.raises(AssertionError, match="record 2 appended after 0"):
        backlog.append(2, b"", thinnable=True)


def test_trim_forgets_and_counts_bytes() -> None:
    backlog = MemoryBacklog()
    for seq in range(1, 4):
        backlog.append(seq, b"xy", thinnable=True)
    backlog.trim(2)
    assert (backlog.first_seq, backlog.pending_bytes) == (3, 2)
    backlog.trim(9)  # a stream that goes on where the server already is
    assert backlog.first_seq == 10


def test_a_replaced_record_reads_as_a_tombstone() -> None:
    backlog = MemoryBacklog()
    backlog.append(1, b"poison", thinnable=False)
    backlog.append(2, b"good", thinnable=False)
    backlog.replace(1)
    backlog.replace(7)  # not there: nothing to do
    assert backlog.read(0, 100) == [(1, None), (2, b"good")]
    assert backlog.pending_bytes == 4


@given(
    st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=200),
    st.integers(50, 1000),
)
def test_thinning_keeps_the_bound_and_every_number(
    records: list[tuple[int, bool]], bound: int
) -> None:
    backlog = MemoryBacklog(max_bytes=bound)
    for seq, (size, thinnable) in enumerate(records, start=1):
        backlog.append(seq, bytes(size), thinnable=thinnable)
    kept = backlog.read(0, 1 << 30)
    assert [seq for seq, _ in kept] == list(range(1, len(records) + 1))
    gone = [seq for seq, record in kept if record is None]
    assert all(records[seq - 1][1] for seq in gone), "only thinnable records go"
    assert backlog.thinned == len(gone)
    assert backlog.pending_bytes == sum(len(record or b"") for _, record in kept)
    lasting = sum(size for size, thinnable in records if not thinnable)
    assert backlog.pending_bytes <= max(bound, lasting)
