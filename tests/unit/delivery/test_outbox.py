"""The outbox: order, readiness, bounds, and a wake-up that is never lost."""

from __future__ import annotations

import threading
import time

from livetrain import _wire
from livetrain._delivery.outbox import BatchRecord, Lane, Outbox, SmallRecord
from livetrain.proto import telemetry_pb2 as pb


class Frame:
    def release(self) -> None: ...


def small(text: bytes = b"", lane: Lane = Lane.DURABLE) -> SmallRecord:
    return SmallRecord(lambda stamp: text, lane, unix_ms=0, mono_us=0)


def batch(outbox: Outbox, *, frame: bool = True, mono_us: int = 0) -> BatchRecord:
    return BatchRecord(
        lambda: _wire.Batch(0, 0, 0, 16, 0.5, None, 0),
        Frame() if frame else None,
        reason=pb.STRIP_REASON_NONE if frame else pb.STRIP_REASON_RATE,
        images=16,
        unix_ms=0,
        mono_us=mono_us,
        on_settled=outbox.wake,
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


def test_a_full_line_takes_critical_records_alone_and_counts_the_others() -> None:
    outbox = Outbox(max_records=2)
    for _ in range(5):
        outbox.put(small())
    critical = small(lane=Lane.CRITICAL)
    outbox.put(critical)
    assert outbox.dropped == {"outbox_full": 3}
    assert outbox.take()[-1] is critical


def test_of_conflated_records_the_newest_is_kept() -> None:
    outbox = Outbox()
    older, newer = small(), small()
    outbox.put_newest("performance", older)
    outbox.put_newest("performance", newer)
    assert outbox.take_newest() == [newer]
    assert outbox.take_newest() == []


def test_a_record_ends_a_deep_sleep_and_not_a_light_one() -> None:
    outbox = Outbox()

    def slept(deep: bool, seconds: float) -> float:
        started = time.monotonic()
        asleep = threading.Thread(target=outbox.sleep, args=(seconds,), kwargs={"deep": deep})
        asleep.start()
        while deep and not outbox._asleep:
            pass
        outbox.put(small())
        asleep.join()
        outbox.take()
        return time.monotonic() - started

    assert slept(deep=True, seconds=30.0) < 10.0
    assert slept(deep=False, seconds=0.05) >= 0.05


def test_a_record_put_before_the_deep_sleep_is_not_slept_over() -> None:
    outbox = Outbox()
    outbox.put(small())
    started = time.monotonic()
    outbox.sleep(30.0, deep=True)
    assert time.monotonic() - started < 10.0
