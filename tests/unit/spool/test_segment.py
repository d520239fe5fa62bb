from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain._spool.segment import (
    CRITICAL,
    HEADER_BYTES,
    REMAINDER,
    THINNABLE,
    Record,
    encode,
    find,
    scan,
    thin,
)

payloads = st.lists(st.binary(max_size=40), min_size=1, max_size=8)


def records_of(payloads: list[bytes]) -> list[Record]:
    return [Record(seq, payload, seq % 4) for seq, payload in enumerate(payloads, start=1)]


@given(payloads)
def test_what_is_encoded_is_found_again(payloads: list[bytes]) -> None:
    records = records_of(payloads)
    data = b"".join(map(encode, records))
    founds = list(scan(data))
    assert [found.record for found in founds] == records
    assert founds[-1].end == len(data)
    assert len(data) == sum(HEADER_BYTES + len(payload) for payload in payloads)


@given(payloads)
def test_a_cut_at_any_byte_costs_only_what_is_not_whole(payloads: list[bytes]) -> None:
    records = records_of(payloads)
    data = b"".join(map(encode, records))
    ends = [found.end for found in scan(data)]
    for cut in range(len(data) + 1):
        whole = sum(end <= cut for end in ends)
        assert [found.record for found in scan(data[:cut])] == records[:whole]


@given(payloads, st.integers(1, 255))
def test_any_damaged_byte_costs_only_its_record(payloads: list[bytes], flip: int) -> None:
    records = records_of(payloads)
    data = b"".join(map(encode, records))
    founds = list(scan(data))
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= flip
        hit = next(i for i, found in enumerate(founds) if position < found.end)
        survivors = [found.record for found in scan(bytes(damaged))]
        assert survivors == records[:hit] + records[hit + 1 :]


@given(st.binary(max_size=300))
def test_junk_is_never_a_record(junk: bytes) -> None:
    assert list(scan(junk)) == []


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_junk_between_records_is_passed_over(before: bytes, between: bytes) -> None:
    first, second = Record(3, b"first", 0), Record(9, b"second", CRITICAL)
    data = before + encode(first) + between + encode(second)
    assert [found.record for found in scan(data)] == [first, second]


def test_a_record_inside_a_damaged_payload_cannot_come_before_its_predecessor() -> None:
    old = encode(Record(1, b"old", 0))
    data = bytearray(encode(Record(5, b"five", 0)) + encode(Record(6, old, 0)))
    data[-len(old) - 1] ^= 1  # damages the header of 6: what is inside now looks like a record
    assert [found.record.seq for found in scan(bytes(data))] == [5]


def test_find_passes_over_what_is_known() -> None:
    data = b"".join(encode(Record(seq, b"x", 0)) for seq in (1, 2, 3))
    found = find(data, 0, after=2)
    assert found is not None
    assert found.record.seq == 3


def test_find_returns_none_at_the_end() -> None:
    data = encode(Record(1, b"x", 0))
    assert find(data, len(data), after=1) is None


@given(st.lists(st.sampled_from([0, CRITICAL, THINNABLE]), max_size=40))
def test_thinning_halves_the_thinnable_and_touches_nothing_else(flags: list[int]) -> None:
    records = [Record(seq, b"", flag) for seq, flag in enumerate(flags, start=1)]
    kept, left_out = thin(records)
    left = [seq for seq, points in left_out]
    assert sorted([*left, *(record.seq for record in kept)]) == [r.seq for r in records]
    thinnable = [record for record in records if record.flags & THINNABLE]
    stay = thinnable[::2] + [r for r in thinnable[1::2] if r is records[-1]]
    assert [record for record in kept if record.flags & THINNABLE] == stay
    assert [r for r in kept if not r.flags & THINNABLE] == [
        r for r in records if not r.flags & THINNABLE
    ]
    assert kept == sorted(kept)
    assert kept[-1:] == records[-1:], "a file must say how far it goes"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_thinning_ends(count: int) -> None:
    records = [Record(seq, b"", THINNABLE) for seq in range(1, count + 1)]
    assert thin(records) == (records, [])


class Counted:
    """Takes a record for as many points as it has bytes, of which a number stays."""

    def remainder(self, record: bytes) -> tuple[int, bytes]:
        return (len(record), b"%d" % len(record)) if len(record) > 3 else (1, b"")

    def joined(self, remainders: Sequence[bytes]) -> bytes:
        return b"%d" % (sum(map(int, remainders)) - len(remainders) + 1)


def told(record: Record) -> int:
    """How many points a record says that it is, or was."""
    if record.flags & REMAINDER:
        return int(record.payload)
    return len(record.payload) if len(record.payload) > 3 else 1


@given(
    st.lists(st.tuples(st.sampled_from([CRITICAL, THINNABLE]), st.integers(0, 30)), min_size=1),
    st.integers(0, 10),
)
def test_what_stays_of_the_thinned_tells_every_point_however_often(
    made: list[tuple[int, int]], sent_seq: int
) -> None:
    records = [Record(seq, b"x" * size, flags) for seq, (flags, size) in enumerate(made, 1)]
    points = sum(map(told, records))
    left_out = 0
    kept = records
    while True:
        before = kept
        kept, gone = thin(before, Counted(), sent_seq)
        left_out += sum(count for _, count in gone)
        if kept == before:
            break
        holes = len(records) - len(kept)
        assert sum(map(told, kept)) + holes == points
        assert kept[-1].seq == len(records), "a file must say how far it goes"
        assert sorted(record.seq for record in kept) == [record.seq for record in kept]
    assert [r for r in kept if r.flags == CRITICAL] == [r for r in records if r.flags == CRITICAL]
    assert sum(len(r.payload) > 3 for r in kept if r.flags & THINNABLE) == 0
    whole = [told(r) for r in kept if not r.flags & REMAINDER]
    assert left_out == points - sum(whole)
    for first, second in pairwise(kept):
        joinable = first.flags & second.flags & REMAINDER and first.seq > sent_seq
        assert not joinable, "neighbours that could be one"
