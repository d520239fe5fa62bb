"""When a stream that is to end begins to, and when it gives up."""

from __future__ import annotations

from livetrain._delivery.closing import Closing


def test_it_goes_on_for_its_grace_and_no_longer_than_its_time() -> None:
    closing = Closing(10.0, timeout=2.0, away_timeout=0.4, grace=0.5)
    assert not closing.begins(10.4)
    assert closing.begins(10.5)
    assert not closing.over(10.7, present=False)
    assert closing.over(10.9, present=False)
    assert not closing.over(12.3, present=True)
    assert closing.over(12.5, present=True)


def test_whoever_waits_for_it_ends_its_grace_and_can_only_shorten_it() -> None:
    closing = Closing(10.0, timeout=2.0, away_timeout=0.4, grace=5.0)
    closing.hurry(11.0, timeout=1.0, away_timeout=0.4)
    assert closing.begins(11.0)
    assert closing.over(12.0, present=True)
    closing.hurry(11.0, timeout=60.0, away_timeout=60.0)
    assert closing.over(12.0, present=True)


def test_away_takes_no_longer_than_there() -> None:
    closing = Closing(0.0, timeout=0.1, away_timeout=5.0)
    assert closing.over(0.1, present=False)
    assert closing.seconds_left(0.0, present=False) <= 0.1
