"""Rows of numbers that threads add to while another takes them."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator

import pytest

from livetrain._delivery.line import Gap
from livetrain._delivery.outbox import Outbox
from livetrain._delivery.rows import TABLE_BYTES, Shape, Table

SHAPE = Shape(("loss",))


def table_of(*steps: int) -> Table:
    table = Table(SHAPE, group=1, epoch=0)
    for step in steps:
        assert table.add(SHAPE.pack(step, table.clock_ns + step, 0.5))
    return table


def test_who_comes_first_has_the_rows() -> None:
    table = table_of(1, 2)
    assert table.claim()
    assert not table.claim()
    assert table.drop() == 0
    assert table.read()["step"].tolist() == [1, 2]


def test_nothing_is_added_to_a_table_that_was_taken() -> None:
    for take in (Table.claim, Table.drop):
        table = table_of(1)
        take(table)
        assert not table.add(SHAPE.pack(2, 0, 0.5))


def test_rows_that_are_left_out_leave_their_count_and_place() -> None:
    table = table_of(7, 3, 5)
    size = table.size
    assert table.drop() == size
    assert table.gap == Gap(3, 3, 7)
    assert not table.claim()


def test_a_table_is_full_some_day() -> None:
    table = Table(SHAPE, group=1, epoch=0)
    row = SHAPE.pack(1, 0, 0.5)
    count = 0
    while table.add(row):
        count += 1
    assert count == -(-TABLE_BYTES // SHAPE.row_bytes)


@pytest.fixture
def many_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("many_switches")
@pytest.mark.parametrize("max_bytes", [16 << 20, 20_000])
def test_threads_lose_no_row_between_them(max_bytes: int) -> None:
    outbox = Outbox(max_bytes=max_bytes)
    calls, threads = 5000, 3
    taken: dict[str, list[int]] = {f"m{thread}": [] for thread in range(threads)}
    left_out = 0

    def train(thread: int) -> None:
        for step in range(calls):
            values = {f"m{thread}": float(step)}
            shape = outbox.shape_of(values)
            if shape is None or not outbox.put_row(shape, step, values.values(), 0):
                outbox.put_numbers(step, values, 0)

    def take() -> None:
        nonlocal left_out
        for item in outbox.take():
            if isinstance(item, Table):
                (name,) = item.shape.names
                taken[name].extend(item.read()["step"].tolist())
            else:
                assert isinstance(item, Gap)
                left_out += item.records

    trainings = [threading.Thread(target=train, args=(thread,)) for thread in range(threads)]
    for training in trainings:
        training.start()
    while any(training.is_alive() for training in trainings):
        take()
    take()
    for steps in taken.values():
        assert steps == sorted(set(steps)), "doubled, or not in order"
    newest = max((steps[-1] for steps in taken.values() if steps), default=0)
    assert newest == calls - 1, "the newest is never left out"
    assert sum(map(len, taken.values())) + left_out == threads * calls
    assert outbox.dropped.total() == left_out
    assert (left_out == 0) or max_bytes == 20_000


def test_the_clocks_of_a_table_are_of_one_moment_whoever_takes_a_turn_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, turns = 10**15, iter([8_000_000, 3_000_000, 0, 5_000_000])

    def read(base: int, *, interrupted: bool = False) -> int:
        nonlocal now
        now += 100 + (next(turns, 0) if interrupted else 0)  # another thread runs for milliseconds
        return base + now

    clock = types.SimpleNamespace(
        perf_counter_ns=lambda: read(0),
        time_ns=lambda: read(7 * 10**17, interrupted=True),
        monotonic_ns=lambda: read(3 * 10**12),
    )
    monkeypatch.setattr("livetrain._delivery.rows.time", clock)
    first, second = (Table(Shape(("loss",)), group=1, epoch=None) for _ in range(2))
    for table in (first, second):
        assert abs(table.unix_us_at(now) - (7 * 10**17 + now) // 1000) <= 10
        assert abs(table.mono_us_at(now) - (3 * 10**12 + now) // 1000) <= 10
