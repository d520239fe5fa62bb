"""The outbox: order, readiness, bounds, and a wake-up that is never lost."""

from __future__ import annotations

import threading
import time

import pytest

from livetrain import _wire
from livetrain._delivery import outbox as outbox_module
from livetrain._delivery.line import BatchRecord, Gap, Lane, SampleRecord, SmallRecord
from livetrain._delivery.outbox import Outbox
from livetrain.proto import telemetry_pb2 as pb


class Frame:
    def release(self) -> None: ...


def small(text: bytes = b"", lane: Lane = Lane.DURABLE, size: int = 0) -> SmallRecord:
    return SmallRecord(lambda stamp: text, lane, unix_ms=0, mono_us=0, size=size)


def batch(outbox: Outbox, *, frame: bool = True, mono_us: int = 0) -> BatchRecord:
    return BatchRecord(
        lambda: _wire.Batch(0, 0, 0, 16, 0.5, None, 0),
        Frame() if frame else None,
        reason=pb.STRIP_REASON_NONE if frame else pb.STRIP_REASON_RATE,
        images=16,
        unix_ms=0,
        mono_us=mono_us,
        line=outbox,
    )


PICTURES = _wire.EncodedFrame(_wire.Strip(b"jpeg", "jpeg", 8, 8, 16, 1))


def test_records_come_out_in_order() -> None:
    outbox = Outbox()
    records = [small(), small(), small()]
    for record in records:
        outbox.put(record)
    assert outbox.take() == records
    assert outbox.take() == []


def test_what_follows_a_batch_waits_for_its_pictures() -> None:
    outbox = Outbox()
    first, pending, last = small(), batch(outbox), small()
    for record in (first, pending, last):
        outbox.put(record)
    assert outbox.take() == [first]
    pending.done(PICTURES)
    assert outbox.take() == [pending, last]
    assert pending.pictures is PICTURES


def test_a_mark_is_reached_when_all_before_it_was_taken() -> None:
    outbox = Outbox()
    pending = batch(outbox)
    outbox.put(pending)
    mark = outbox.mark()
    outbox.put(small())
    assert outbox.take() == []
    pending.done(PICTURES)
    taken = outbox.take()
    assert taken[:2] == [pending, mark]
    assert len(taken) == 3


def test_pictures_that_come_too_late_are_left_out() -> None:
    outbox = Outbox()
    late = batch(outbox, mono_us=1_000_000)
    outbox.put(late)
    assert outbox.take(now_us=2_900_000) == []
    assert outbox.take(now_us=3_000_000) == [late]
    assert late.reason == pb.STRIP_REASON_SUPERSEDED
    late.done(PICTURES)  # it settled before
    assert late.pictures is None


def test_a_batch_settles_once() -> None:
    outbox = Outbox()
    record = batch(outbox)
    record.strip(pb.STRIP_REASON_BUDGET)
    record.done(PICTURES)
    assert (record.reason, record.pictures) == (pb.STRIP_REASON_BUDGET, None)


def test_a_line_of_too_many_records_takes_critical_ones_alone_and_counts_the_others() -> None:
    outbox = Outbox(max_records=2)
    put = [small() for _ in range(5)]
    assert [outbox.put(record) for record in put] == [True, True, False, False, False]
    critical = small(lane=Lane.CRITICAL)
    assert outbox.put(critical)
    assert outbox.dropped == {"outbox_full": 3}
    assert outbox.take() == [*put[:2], Gap(3), critical], "the end of a run stays its end"


def test_where_the_bytes_are_too_many_the_oldest_make_room() -> None:
    outbox = Outbox(max_bytes=10_000)
    status = small(lane=Lane.CRITICAL, size=3000)
    records = [small(size=3000) for _ in range(6)]
    end = small(lane=Lane.CRITICAL, size=3000)
    assert all(outbox.put(record) for record in [status, *records, end])
    assert outbox.dropped == {"outbox_full": 4}
    assert outbox.take() == [status, *[Gap(1)] * 4, *records[-2:], end]
    assert [outbox.put(small(size=3000)) for _ in range(4)] == [True] * 4
    assert outbox.dropped == {"outbox_full": 5}


def test_what_can_make_no_room_for_itself_is_turned_away() -> None:
    outbox = Outbox(max_bytes=10_000)
    for _ in range(4):
        outbox.put(small(lane=Lane.CRITICAL, size=3000))
    assert not outbox.put(small(size=3000))
    assert outbox.dropped == {"outbox_full": 1}
    assert outbox.take()[0] == Gap(1), "before what is critical at the end"


def test_numbers_that_two_threads_got_wrong_are_right_again_when_the_line_is_empty() -> None:
    outbox = Outbox(max_bytes=13_000)
    outbox._bytes_in -= 1_000_000  # as when two threads add at once, for a very long time
    outbox.put(small())
    outbox.take()
    for _ in range(3):
        outbox.put(small(size=6000))
    assert outbox.dropped == {"outbox_full": 1}


def test_a_batch_that_waits_for_its_pictures_does_not_make_room() -> None:
    outbox = Outbox(max_bytes=10_000)
    pending = [batch(outbox) for _ in range(4)]
    waiting = [batch(outbox, frame=False) for _ in range(3)]
    for record in [*pending, *waiting]:
        outbox.put(record)
    for record in pending:
        record.done(PICTURES)
    assert outbox.take() == [*pending, Gap(1), Gap(1), waiting[-1]]
    assert outbox.stripped == {pb.STRIP_REASON_RATE: 32}


def test_pictures_that_find_no_room_are_left_out_and_the_numbers_stay() -> None:
    size = PICTURES.size
    outbox = Outbox(max_picture_bytes=3 * size)
    records = [batch(outbox) for _ in range(5)]
    for record in records:
        outbox.put(record)
        record.done(PICTURES)
    assert [record.pictures is not None for record in records] == [True, True, True, False, False]
    assert records[4].reason == pb.STRIP_REASON_SUPERSEDED
    assert outbox.take() == records
    again = batch(outbox)
    again.done(PICTURES)
    assert again.pictures is PICTURES


def test_of_conflated_records_the_newest_is_kept() -> None:
    outbox = Outbox()
    older, newer = small(), small()
    outbox.put_newest("performance", older)
    outbox.put_newest("performance", newer)
    assert outbox.take_newest(now=5.0, every=1.0) == [newer]
    assert outbox.take_newest(now=9.0, every=1.0) == []


def test_one_conflated_record_of_a_key_is_taken_in_so_many_seconds() -> None:
    outbox = Outbox()
    taken: dict[str, list[float]] = {"performance": [], "resources": []}
    now = 100.0
    for _ in range(600):
        now += 0.1
        for key in taken:
            outbox.put_newest(key, small(key.encode()))
        for record in outbox.take_newest(now=now, every=10.0 if now < 130.0 else 1.0):
            taken[record.write(None).decode()].append(now)  # type: ignore[arg-type]
    for moments in taken.values():
        away = [moment for moment in moments if moment < 130.0]
        here = [moment for moment in moments if moment >= 130.0]
        assert len(away) == 3
        assert (
            27 <= len(here) <= 31
        )  # a tenth more than a second apart, where the tenths do not add up
        assert here[0] < 130.2, "the server is back: nothing waits for the rest of ten seconds"


def test_a_record_ends_a_deep_sleep_and_a_light_one_only_if_it_is_critical() -> None:
    outbox = Outbox()

    def slept(deep: bool, seconds: float, lane: Lane = Lane.POINT) -> float:
        started = time.monotonic()
        asleep = threading.Thread(target=outbox.sleep, args=(seconds,), kwargs={"deep": deep})
        asleep.start()
        while deep and not outbox._asleep:
            pass
        outbox.put(small(lane=lane))
        asleep.join()
        outbox.take()
        outbox._bell.wait(0.0)  # it may have been rung for one that looked before it slept
        return time.monotonic() - started

    assert slept(deep=True, seconds=30.0) < 10.0
    assert slept(deep=False, seconds=0.05) >= 0.05
    assert slept(deep=False, seconds=30.0, lane=Lane.CRITICAL) < 10.0


def test_a_record_put_before_the_deep_sleep_is_not_slept_over() -> None:
    outbox = Outbox()
    outbox.put(small())
    started = time.monotonic()
    outbox.sleep(30.0, deep=True)
    assert time.monotonic() - started < 10.0


def sample(outbox: Outbox, mono_us: int = 0) -> SampleRecord:
    return SampleRecord(
        lambda stamp, tile: tile.data or tile.error.encode(),
        Frame(),
        unix_ms=0,
        mono_us=mono_us,
        line=outbox,
    )


STAMP = _wire.Stamp("s", 1, 0, 0)


def test_a_sample_waits_for_its_picture_and_goes_with_it() -> None:
    outbox = Outbox()
    record = sample(outbox)
    outbox.put(record)
    assert outbox.take() == []
    record.done(_wire.EncodedFrame((_wire.Tile(b"png", "png", 8, 8, 1),)))
    assert outbox.take() == [record]
    assert record.write(STAMP) == b"png"


def test_a_sample_without_a_picture_says_why() -> None:
    outbox = Outbox()
    late, broken = sample(outbox, mono_us=1_000_000), sample(outbox)
    broken.strip(pb.STRIP_REASON_UNREADABLE)
    outbox.put(late)
    outbox.put(broken)
    assert outbox.take(now_us=2_900_000) == []
    assert outbox.take(now_us=3_000_000) == [late, broken]
    assert late.write(STAMP) == b"There is no picture: more came than could be encoded in time."
    assert broken.write(STAMP) == b"There is no picture: it cannot be encoded."


def test_what_is_taken_at_once_is_bounded() -> None:
    outbox = Outbox()
    records = [small() for _ in range(5)]
    for record in records:
        outbox.put(record)
    assert (outbox.take(most=3), outbox.has_more) == (records[:3], True)
    assert (outbox.take(most=3), outbox.has_more) == (records[3:], False)


@pytest.mark.parametrize("at_work", [True, False])
def test_a_loop_is_held_up_only_by_a_thread_that_takes_something(
    at_work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that waits for a disk would hold up the training."""
    outbox = Outbox(max_bytes=100_000)
    naps: list[float] = []
    monkeypatch.setattr(outbox_module.time, "sleep", naps.append)
    outbox.take()
    if not at_work:
        outbox._took_at -= 10.0
    for _ in range(30):
        outbox.put(small(size=2_000))
    assert not naps or at_work
    assert len(naps) == (5 if at_work else 0)
    for step in range(10_000):
        outbox.put_numbers(step, {"a": 1.0}, 0)
    assert len(naps) <= (20 if at_work else 0), "rows are small: a table of them counts once"


def test_crowded_is_a_quarter_full() -> None:
    outbox = Outbox(max_bytes=8_000)
    seen = []
    for _ in range(3):
        seen.append(outbox.crowded)
        outbox.put(small(size=1_500))
    assert seen == [False, False, True]
