from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import live_pb2 as live
from livetrain.server.viewer import Batch, Frame, Viewer, encode_events


def event(offset: int, size: int = 0) -> tuple[int, bytes]:
    return offset, live.RunEvent(offset=offset, stream_id="x" * size).SerializeToString()


def batch(first: int, last: int, size: int = 0) -> Batch:
    return encode_events("e", tuple(event(offset, size) for offset in range(first, last + 1)))


def frame(number: int) -> Frame:
    message = live.LiveMessage(frame=live.Frame(frame_number=number, rank=3))
    return Frame(number, message.SerializeToString())


def all_of(viewer: Viewer) -> list[live.LiveMessage]:
    found = []
    while (message := viewer.next()) is not None:
        found.append(live.LiveMessage.FromString(message))
    return found


def offsets(viewer: Viewer) -> list[int]:
    return [e.offset for message in all_of(viewer) for e in message.events.events]


def test_events_are_one_message() -> None:
    message = live.LiveMessage.FromString(batch(3, 5).message)
    assert message.events.epoch == "e"
    assert [e.offset for e in message.events.events] == [3, 4, 5]


def test_nothing_is_sent_before_the_viewer_is_brought_up() -> None:
    viewer = Viewer("e", limit_bytes=10_000)
    viewer.push(batch(6, 8))
    viewer.show(frame(1))
    viewer.tell("state", b"")
    assert viewer.next() is None
    viewer.release(5)
    assert offsets(viewer) == [6, 7, 8]


@pytest.mark.parametrize(
    ("position", "expected", "code"),
    [
        (5, [6, 7, 8, 9], 0),
        (6, [7, 8, 9], 0),
        (7, [8, 9], 0),
        (9, [], 0),
        (12, [], 0),
        (4, [], 4000),
    ],
)
def test_what_was_held_back_is_merged_by_offset(
    position: int, expected: list[int], code: int
) -> None:
    viewer = Viewer("e", limit_bytes=10_000)
    viewer.push(batch(6, 7))
    viewer.push(batch(8, 9))
    viewer.release(position)
    assert offsets(viewer) == expected
    assert viewer.close_code == code


def test_one_message_may_be_larger_than_what_may_wait() -> None:
    viewer = Viewer("e", limit_bytes=1000)
    viewer.release(0)
    viewer.push(batch(1, 1, size=5000))
    viewer.push(batch(2, 2, size=500))
    assert viewer.close_code == 0
    assert offsets(viewer) == [1, 2]
    viewer.push(batch(3, 3, size=5000))
    viewer.push(batch(4, 4, size=5000))
    assert viewer.close_code == 4000


def test_what_is_published_after_the_snapshot_had_it_is_left_out() -> None:
    viewer = Viewer("e", limit_bytes=10_000)
    viewer.release(7)
    viewer.push(batch(6, 9))
    assert offsets(viewer) == [8, 9]


def test_a_hole_ends_the_connection() -> None:
    viewer = Viewer("e", limit_bytes=10_000)
    viewer.release(7)
    viewer.push(batch(9, 9))
    assert viewer.close_code == 4000


@pytest.mark.parametrize("held", [True, False])
def test_a_viewer_that_does_not_keep_up_is_closed_and_takes_no_more(held: bool) -> None:
    viewer = Viewer("e", limit_bytes=1000)
    if not held:
        viewer.release(0)
    for offset in range(1, 30):
        viewer.push(batch(offset, offset, 100))
    assert viewer.close_code == 4000
    assert viewer.waiting_bytes < 1000 + 200


def test_the_newest_frame_wins_and_the_rest_is_counted() -> None:
    viewer = Viewer("e", limit_bytes=1000)
    viewer.release(0)
    for number in (1, 2, 3):
        viewer.show(frame(number))
    (first,) = all_of(viewer)
    assert (first.frame.frame_number, first.frame.skipped, first.frame.rank) == (3, 2, 3)
    viewer.show(frame(4))
    assert all_of(viewer) == []
    viewer.show(frame(5))
    viewer.grant(1)
    (second,) = all_of(viewer)
    assert (second.frame.frame_number, second.frame.skipped) == (5, 3)


def test_a_frame_without_anything_skipped_is_the_shared_bytes() -> None:
    viewer = Viewer("e", limit_bytes=1000)
    viewer.release(0)
    shared = frame(1)
    viewer.show(shared)
    assert viewer.next() is shared.message


def test_who_wants_no_frames_gets_none() -> None:
    viewer = Viewer("e", limit_bytes=1000, wants_frames=False)
    viewer.release(0)
    viewer.grant(5)
    viewer.show(frame(1))
    assert all_of(viewer) == []
    assert viewer.skipped == 0


def test_the_newest_state_replaces_the_one_that_waits() -> None:
    viewer = Viewer("e", limit_bytes=1000)
    viewer.release(0)
    for status in ("running", "paused"):
        viewer.tell(
            "state", live.LiveMessage(state=live.RunState(status=status)).SerializeToString()
        )
    viewer.tell("presence", live.LiveMessage(presence=live.Presence(viewers=2)).SerializeToString())
    first, second = all_of(viewer)
    assert first.state.status == "paused"
    assert second.presence.viewers == 2


@given(st.integers(0, 30), st.lists(st.integers(1, 5), max_size=12), st.integers(0, 12))
def test_every_event_after_the_position_comes_once_in_order(
    position: int, sizes: list[int], released_after: int
) -> None:
    viewer = Viewer("e", limit_bytes=100_000)
    first = 1
    got: list[int] = []
    for index, size in enumerate(sizes):
        if index == released_after:
            viewer.release(position)
        viewer.push(batch(first, first + size - 1))
        first += size
    if released_after >= len(sizes):
        viewer.release(position)
    got = offsets(viewer)
    if viewer.close_code == 0:
        assert got == list(range(position + 1, first))
    else:
        assert viewer.close_code == 4000
