"""The frame window on links that are simulated: it fills a quick one, and queues nothing on a slow one."""

from __future__ import annotations

import pytest

from livetrain._delivery.frame_window import FrameWindow


def run_link(*, seconds_per_frame: float, delay: float, duration: float) -> tuple[float, float]:
    """Send whenever the window lets us, at 60 a second; return frames a second and the worst time on the way."""
    window = FrameWindow()
    arrivals: list[tuple[float, int, float]] = []  # (acknowledged at, seq, sent at)
    free_at, seq, worst = 0.0, 0, 0.0
    for tick in range(int(duration * 60)):
        now = tick / 60
        while arrivals and arrivals[0][0] <= now:
            at, number, sent_at = arrivals.pop(0)
            window.acknowledged(number, at)
            worst = max(worst, at - sent_at)
        if window.open:
            seq += 1
            window.sent(seq, now)
            free_at = max(free_at, now) + seconds_per_frame
            arrivals.append((free_at + delay, seq, now))
    return seq / duration, worst


@pytest.mark.parametrize(
    ("seconds_per_frame", "delay", "least_fps", "worst_seconds"),
    [
        pytest.param(0.002, 0.05, 55.0, 0.1, id="loopback, commits of 50 ms"),
        pytest.param(1.4, 0.05, 0.6, 4.5, id="256 kbit: at most three queue"),
        pytest.param(0.05, 0.05, 15.0, 0.6, id="20 frames a second fit"),
        pytest.param(0.002, 0.5, 10.0, 0.6, id="half a second away"),
    ],
)
def test_it_fills_the_link_and_queues_little(
    seconds_per_frame: float, delay: float, least_fps: float, worst_seconds: float
) -> None:
    fps, worst = run_link(seconds_per_frame=seconds_per_frame, delay=delay, duration=60.0)
    assert fps >= least_fps
    assert worst <= worst_seconds


def test_a_quick_link_is_filled_within_its_first_second() -> None:
    fps, worst = run_link(seconds_per_frame=0.002, delay=0.1, duration=1.0)
    assert fps >= 40
    assert worst <= 0.15


def test_only_where_nothing_queues_may_many_be_on_their_way() -> None:
    quick, slow = FrameWindow(), FrameWindow()
    for window, seconds in ((quick, 0.12), (slow, 0.2)):
        for seq in range(1, 100):
            window.sent(seq, float(seq))
            window.acknowledged(seq, seq + seconds)
    assert (quick.limit, slow.limit) == (20, 10)
    for seq in range(100, 120):
        quick.sent(seq, float(seq))
        quick.acknowledged(seq, seq + 0.35)  # one that slowed down goes back to what a slow one may
    assert quick.limit <= 10


def test_a_lost_connection_starts_anew() -> None:
    window = FrameWindow()
    window.sent(1, 0.0)
    assert not window.open
    window.lost()
    assert window.open
    window.acknowledged(1, 9.0)  # of the connection before
    assert window.limit == 1
