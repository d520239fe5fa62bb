"""A bell: no ring is lost, none is heard twice, and who rings never waits."""

from __future__ import annotations

import threading
import time

from livetrain._bell import Bell


def test_a_ring_ends_the_next_wait_and_only_that() -> None:
    bell = Bell()
    assert not bell.wait(0.0)
    bell.ring()
    bell.ring()
    assert bell.wait(0.0)
    assert not bell.wait(0.01)


def test_a_ring_ends_a_wait_that_has_begun() -> None:
    bell = Bell()
    heard: list[bool] = []
    thread = threading.Thread(target=lambda: heard.append(bell.wait(30.0)))
    thread.start()
    bell.ring()
    thread.join(10.0)
    assert heard == [True]


def test_many_who_ring_at_once_and_one_who_listens() -> None:
    bell = Bell()
    done = [0] * 4

    def ring(number: int) -> None:
        for _ in range(5000):
            done[number] += 1
            bell.ring()

    threads = [threading.Thread(target=ring, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    seen = 0
    while seen < 20_000 and time.monotonic() < deadline:
        assert bell.wait(10.0), "the last ring is heard, whatever came between"
        seen = sum(done)
    for thread in threads:
        thread.join(10.0)
    assert seen == 20_000


def test_of_two_who_wait_one_is_woken() -> None:
    bell = Bell()
    woken = threading.Semaphore(0)
    threads = [
        threading.Thread(target=lambda: bell.wait(30.0) and woken.release()) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for left in (1, 0):
        bell.ring()
        assert woken.acquire(timeout=10.0)
        deadline = time.monotonic() + 10
        while sum(thread.is_alive() for thread in threads) > left and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sum(thread.is_alive() for thread in threads) == left
