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


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5 << 20)), max_size=200))
def test_no_server_is_listened_to_faster_than_the_pace(said: list[tuple[float, int]]) -> None:
    pace = ReadingPace(messages=10, messages_at_once=20, bytes_=1 << 20, bytes_at_once=4 << 20)
    now, messages, size = 0.0, 0, 0
    for pause, bytes_ in said:
        now += pause
        messages, size = messages + 1, size + bytes_
        delay = pace.delay(now, bytes_)
        assert delay >= 0
        now += delay
        assert messages <= 20 + 10 * now + 1e-6
        assert size <= (4 << 20) + (1 << 20) * now + 1e-3


def test_a_server_that_says_what_there_is_to_say_is_never_kept_waiting() -> None:
    pace = ReadingPace()
    now = 0.0
    for _ in range(10_000):
        now += 0.01
        assert pace.delay(now, 200) == 0
    # All commands that can be open, and their answers, at once.
    assert all(pace.delay(now, 4_000) == 0 for _ in range(500))
