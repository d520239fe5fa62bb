"""What was sent is known by its content."""

from __future__ import annotations

import threading

import numpy as np

from livetrain._capture.delta import REMEMBERED, Delta, content_hash


def test_a_hash_stands_for_pixels_and_type() -> None:
    image = np.arange(100, dtype=np.uint8)
    same = content_hash(image.copy(), "(10, 10)uint8")
    assert content_hash(image, "(10, 10)uint8") == same
    assert content_hash(image, "(5, 20)uint8") != same
    image[57] += 1
    assert content_hash(image, "(10, 10)uint8") != same
    assert 0 < same < 2**64


def test_a_glance_knows_what_it_saw_the_last_time() -> None:
    delta = Delta()
    images = np.random.default_rng(0).integers(0, 256, (3, 5000), dtype=np.uint8)
    assert delta.look_known("abc", images) == [False, False, False]
    assert delta.look_known("abc", images) == [True, True, True]
    assert delta.look_known("acb", images) == [True, False, False]
    changed = images.copy()
    changed[1] += 1
    assert delta.look_known("acb", changed) == [True, False, True]


def test_only_what_was_confirmed_is_known() -> None:
    delta = Delta()
    assert not delta.is_known(5)
    delta.confirm([5, 0])
    assert delta.is_known(5)
    assert not delta.is_known(0)
    delta.forget()
    assert not delta.is_known(5)


def test_memory_is_bounded_and_the_newest_stay() -> None:
    delta = Delta()
    for digest in range(1, 3 * REMEMBERED):
        delta.confirm([digest, 1])
    assert delta.is_known(1)
    assert delta.is_known(3 * REMEMBERED - 1)
    assert not delta.is_known(REMEMBERED)
    again = Delta()
    again.confirm(range(1, REMEMBERED + 1))
    again.confirm([1])  # sent again: it is the newest now
    again.confirm([1000])
    assert again.is_known(1)
    assert not again.is_known(2)
    for start in range(0, 10 * REMEMBERED, 16):
        delta.look_known(range(start, start + 16), np.zeros((16, 4), np.uint8))
    assert len(delta._glances) == REMEMBERED


def test_encoder_threads_look_while_the_stream_confirms() -> None:
    delta, failures = Delta(), []
    images = np.zeros((16, 64), np.uint8)

    def hammer(start: int) -> None:
        try:
            for n in range(start, start + 2000):
                delta.confirm(range(n, n + 16))
                delta.look_known(range(n, n + 16), images)
                delta.is_known(n)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(n * 100,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
