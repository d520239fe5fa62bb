"""A server that talks without end fills no memory and takes no time of the training's."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from livetrain._delivery.reading_pace import ReadingPace
from livetrain._delivery.report_queue import ReportQueue


def test_who_writes_waits_until_there_is_room() -> None:
    queue: ReportQueue[int] = ReportQueue(most=2, most_bytes=100)
    writer = threading.Thread(
        target=lambda: [queue.put(number, 10, wanted=lambda: True) for number in range(5)]
    )
    writer.start()
    taken: list[int] = []
    while len(taken) < 5:
        assert len(queue) <= 2
        taken += queue.take(1)
    writer.join(10)
    assert taken == list(range(5))


def test_what_is_not_wanted_any_more_is_thrown_away() -> None:
    queue: ReportQueue[str] = ReportQueue(most=1)
    queue.put("first", 1, wanted=lambda: True)
    queue.put("late", 1, wanted=lambda: False)
    assert queue.take(10) == ["first"]


def test_bytes_count_too_but_one_item_is_always_taken_in() -> None:
    queue: ReportQueue[str] = ReportQueue(most_bytes=100)
    queue.put("large", 5_000, wanted=lambda: False)
    queue.put("small", 1, wanted=lambda: False)
    assert queue.take(10) == ["large"]
    queue.put("half", 60, wanted=lambda: False)
    queue.put("other half", 60, wanted=lambda: False)
    assert queue.take(10) == ["half"]


def test_what_is_one_of_few_never_waits() -> None:
    queue: ReportQueue[str] = ReportQueue(most=1)
    queue.put("full", 1, wanted=lambda: False)
    queue.put("the end", 0, wanted=None)
    assert queue.take(1) == ["full"]
    assert queue.take(1) == ["the end"]
    assert queue.take(1) == []


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5 << 20), st.booleans()), max_size=200))
def test_no_server_is_listened_to_faster_than_the_pace(said: list[tuple[float, int, bool]]) -> None:
    pace = ReadingPace((30, 60), (10, 20), (1 << 20, 4 << 20))
    now, size, heard = 0.0, 0, {False: 0, True: 0}
    for pause, bytes_, acknowledges in said:
        now += pause
        size += bytes_
        heard[acknowledges] += 1
        delay = pace.delay(now, bytes_, acknowledges=acknowledges)
        assert delay >= 0
        now += delay
        assert heard[True] <= 60 + 30 * now + 1e-6
        assert heard[False] <= 20 + 10 * now + 1e-6
        assert size <= (4 << 20) + (1 << 20) * now + 1e-3


def test_a_server_that_says_what_there_is_to_say_is_never_kept_waiting() -> None:
    pace = ReadingPace()
    now = 0.0
    for _ in range(10_000):  # of an older one, that is told of each batch
        now += 0.001
        assert pace.delay(now, 200, acknowledges=True) == 0
    # All commands that can be open, twice.
    assert all(pace.delay(now, 4_000, acknowledges=False) == 0 for _ in range(512))
