"""Pictures that travel once: kept within bounds, and sent to whoever lacks them, once."""

from __future__ import annotations

from livetrain.server import keepsakes
from livetrain.server.keepsakes import Keepsakes, Memory


def test_what_is_not_here_is_asked_for_at_most_once_a_second() -> None:
    now = 0.0
    kept = Keepsakes(lambda: now)
    assert kept.take([(1, b"one"), (2, memoryview(b"two"))]) == {1: b"one", 2: b"two"}
    assert kept.take([(1, None), (2, None)]) == {1: b"one", 2: b"two"}
    assert kept.wanted == 0
    assert kept.take([(1, None), (3, None)]) == {1: b"one"}
    assert kept.take([(3, None)]) == {}
    assert kept.wanted == 1
    now = 1.5
    kept.clear()
    assert kept.bytes == 0
    assert kept.take([(1, None)]) == {}
    assert kept.wanted == 2


def test_memory_is_bounded_in_bytes_and_count_and_what_is_in_use_stays() -> None:
    kept = Keepsakes()
    big = bytes(keepsakes._MOST_BYTES // 8)
    kept.take([(1, big)])
    for number in range(2, 30):
        kept.take([(1, None), (number, big)])
    assert kept.bytes <= keepsakes._MOST_BYTES
    assert kept.take([(1, None)]) == {1: big}
    assert kept.take([(2, None)]) == {}
    many = Keepsakes()
    for number in range(1, keepsakes._MOST + 10):
        many.take([(number, b"x")])
    assert many.bytes == keepsakes._MOST


def test_a_viewer_is_sent_each_picture_once() -> None:
    memory = Memory()
    kept = {1: b"one", 2: b"two"}
    assert memory.lacks(kept, frozenset({1})) == [b"two"]
    assert memory.lacks(kept, frozenset()) == []
    assert memory.lacks({**kept, 3: b"three"}, frozenset()) == [b"three"]
    for number in range(10, 10 + keepsakes._REMEMBERED):
        memory.lacks({number: b"x"}, frozenset({number}))
    assert memory.lacks(kept, frozenset()) == [b"one", b"two"], "it may have forgotten them by now"
