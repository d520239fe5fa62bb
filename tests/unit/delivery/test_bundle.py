"""Which records share a message."""

from __future__ import annotations

import queue

from hypothesis import given
from hypothesis import strategies as st

from livetrain import _wire
from livetrain._delivery.bundle import Bundle, joined
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.limits import Limits


def record(seq: int, size: int) -> bytes:
    log = pb.Log(message="x" * size)
    return pb.TelemetryRequest(seq=seq, log=log).SerializeToString()


def records_of(message: bytes) -> list[pb.TelemetryRequest]:
    request = pb.TelemetryRequest.FromString(message)
    if not request.HasField("bundle"):
        return [request]
    return [pb.TelemetryRequest.FromString(raw) for raw in request.bundle.records]


def sent(*bundles: Bundle) -> list[list[pb.TelemetryRequest]]:
    """Return the records of each message of a connection to which all of this was given at once."""
    waiting: queue.SimpleQueue[Bundle | None] = queue.SimpleQueue()
    for bundle in (*bundles, None):
        waiting.put(bundle)
    return [records_of(bundle.message()) for bundle in joined(waiting)]


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from([0, 100, 500])), max_size=30))
def test_records_keep_their_order_within_the_room_and_some_stay_alone(
    given_: list[tuple[int, int]],
) -> None:
    bundles = [Bundle([record(seq, size)], room) for seq, (size, room) in enumerate(given_, 1)]
    messages = sent(*bundles)
    seqs = [[each.seq for each in message] for message in messages]
    assert [seq for message in seqs for seq in message] == list(range(1, len(given_) + 1))
    for message in seqs:
        rooms = [given_[seq - 1][1] for seq in message]
        size = sum(len(record(seq, given_[seq - 1][0])) + _wire.BUNDLED_BYTES for seq in message)
        assert len(message) == 1 or (all(rooms) and size <= max(rooms))


def test_what_waits_together_travels_together() -> None:
    small = [Bundle([record(seq, 10)], 1000) for seq in (1, 2, 3)]
    heartbeat = Bundle([record(0, 0)])
    after = [Bundle([record(seq, 10)], 1000) for seq in (4, 5)]
    messages = sent(*small, heartbeat, *after)
    assert [[each.seq for each in message] for message in messages] == [[1, 2, 3], [0], [4, 5]]


def test_a_message_has_no_more_records_than_a_server_takes() -> None:
    most = Limits().records
    messages = sent(*(Bundle([b"\x80\x01\x01"], 1 << 20) for _ in range(3 * most)))
    assert sum(map(len, messages)) == 3 * most
    assert max(map(len, messages)) <= most


def test_what_comes_later_is_waited_for() -> None:
    waiting: queue.SimpleQueue[Bundle | None] = queue.SimpleQueue()
    messages = joined(waiting)
    for seq in (1, 2):
        waiting.put(Bundle([record(seq, 10)], 1000))
        assert [each.seq for each in records_of(next(messages).message())] == [seq]
    waiting.put(None)
    assert list(messages) == []
