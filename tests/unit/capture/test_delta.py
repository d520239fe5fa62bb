"""What did not change is known by its content, bounded, and from several threads."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.delta import REMEMBERED, Delta, content_hashes
from livetrain._wire import Tile


def tile(digest: int, size: int = 4) -> Tile:
    return Tile(bytes(size), "jpeg", 8, 8, 3, content_hash=digest)


def test_a_hash_stands_for_pixels_and_type() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 12)
    one, other = content_hashes(images, "a")
    assert one != other
    assert content_hashes(images.copy(), "a") == [one, other]
    assert content_hashes(images[:1], "a") == [one]
    assert content_hashes(images, "b") != [one, other]
    assert content_hashes(np.zeros((1, 8), np.uint8), "") != content_hashes(
        np.zeros((1, 16), np.uint8), ""
    )


@given(
    size=st.sampled_from([1, 7, 8, 48, 300]),
    changes=st.lists(st.tuples(st.integers(0, 299), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_any_few_bytes_that_differ_make_another_hash(
    size: int, changes: list[tuple[int, int]]
) -> None:
    images = np.tile(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8), (2, 1))
    for place, by in changes:
        images[1, place % size] ^= by
    one, other = content_hashes(images, "")
    assert (one == other) == bool((images[0] == images[1]).all())


def test_many_pictures_that_differ_in_the_same_bytes_have_different_hashes() -> None:
    """Also where only bytes that stand high in their words differ, which one sum alone would mix up."""
    for byte in range(8):
        images = np.zeros((4096, 64), np.uint8)
        images[:, byte::8] = np.random.default_rng(byte).integers(0, 256, (4096, 8), dtype=np.uint8)
        assert len(set(content_hashes(images, ""))) == len(np.unique(images, axis=0))


def test_a_glance_knows_what_it_saw_the_last_time() -> None:
    delta = Delta()
    images = np.arange(60, dtype=np.uint8).reshape(2, 30)
    assert delta.look_known(["a", "b"], images) == [False, False]
    assert delta.look_known(["b", "a"], images[::-1]) == [True, True]
    assert delta.look_known(["a", "b"], images[::-1]) == [False, False]


def test_memory_is_bounded_and_what_was_used_last_stays() -> None:
    delta = Delta()
    for digest in range(1, REMEMBERED + 1):
        delta.keep(tile(digest))
    assert delta.find(1) is not None
    delta.keep(tile(1000))
    assert delta.find(1) is not None
    assert delta.find(2) is None
    delta.keep(tile(2000, size=(8 << 20) - 8))
    assert delta.find(2000) is not None
    assert delta.find(3) is None


def test_encoder_threads_may_share_it() -> None:
    delta = Delta()
    failed: list[Exception] = []

    def work(start: int) -> None:
        try:
            for digest in range(start, start + 3000):
                delta.keep(tile(digest + 1))
                delta.find(digest % 50 + 1)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number * 100,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed
