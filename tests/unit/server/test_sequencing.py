from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrain.server.sequencing import Sequencer, Verdict

NEW, DUPLICATE, GAP, FENCED = Verdict.NEW, Verdict.DUPLICATE, Verdict.GAP, Verdict.FENCED


@pytest.mark.parametrize(
    ("durable", "offered", "verdicts"),
    [
        (0, [1, 2, 3], [NEW, NEW, NEW]),
        (0, [2], [GAP]),
        (0, [1, 1, 2], [NEW, DUPLICATE, NEW]),
        (5, [5, 6], [DUPLICATE, NEW]),
        (5, [1, 7, 6], [DUPLICATE, GAP, NEW]),
        (0, [1, 3, 2, 3], [NEW, GAP, NEW, NEW]),
    ],
)
def test_each_record_is_taken_once_and_in_order(
    durable: int, offered: list[int], verdicts: list[Verdict]
) -> None:
    order = Sequencer(durable)
    me = order.open()
    assert [order.offer(me, seq, 1) for seq in offered] == verdicts


def test_a_newer_connection_fences_the_older() -> None:
    order = Sequencer()
    old = order.open()
    assert order.offer(old, 1, 1) is NEW
    new = order.open()
    assert order.offer(old, 2, 1) is FENCED
    assert order.offer(new, 2, 1) is NEW
    assert not order.owns(old)
    assert order.owns(new)


def test_what_was_received_and_comes_again_is_known_before_it_is_committed() -> None:
    order = Sequencer()
    assert order.offer(order.open(), 1, 7) is NEW
    assert order.offer(order.open(), 1, 7) is DUPLICATE
    assert (order.durable, order.received, order.waiting_bytes) == (0, 1, 7)


def test_credit_covers_what_waits_for_its_commit() -> None:
    order = Sequencer()
    me = order.open()
    for seq in (1, 2, 3):
        order.offer(me, seq, 100)
    assert order.credit(50) == 350
    order.commit(2)
    assert order.credit(50) == 150
    assert order.credit(0) == 100


def test_a_commit_of_what_never_came_is_a_bug() -> None:
    with pytest.raises(ValueError, match="3 was committed, but only 0"):
        Sequencer().commit(3)


@pytest.mark.parametrize(
    ("durable", "first_unacked", "lost", "expected"),
    [
        (0, 1, 0, 1),
        (0, 41, 40, 41),
        (40, 41, 0, 41),
        (40, 11, 0, 41),
        (40, 61, 20, 61),
        (0, 0, 0, 1),
    ],
)
def test_an_emptied_store_goes_on_where_the_trainer_can(
    durable: int, first_unacked: int, lost: int, expected: int
) -> None:
    order = Sequencer(durable)
    assert order.start_at(first_unacked) == lost
    assert order.expected == expected
    assert order.durable == expected - 1


@given(st.data())
def test_whatever_is_sent_again_the_store_has_each_record_once_in_order(
    data: st.DataObject,
) -> None:
    """A trainer, a network that loses and repeats, a server that is killed: acknowledged is stored."""
    order, stored, waiting = Sequencer(), [], []
    acknowledged = sent = 0
    me = order.open()
    old = 0
    for _ in range(data.draw(st.integers(1, 80))):
        match data.draw(st.sampled_from(["send", "skip", "zombie", "commit", "reconnect", "kill"])):
            case "send":
                sent += 1
                if order.offer(me, sent, 1) is NEW:
                    waiting.append(sent)
            case "skip":
                before = order.expected
                assert order.offer(me, before + 1 + data.draw(st.integers(0, 3)), 1) is GAP
                assert order.expected == before
            case "zombie" if old:
                assert order.offer(old, order.expected, 1) is FENCED
            case "commit":
                stored += waiting
                waiting = []
                if stored:
                    order.commit(stored[-1])
                acknowledged = order.durable
            case "reconnect":
                old, me = me, order.open()
                sent = acknowledged
            case "kill":
                waiting, old = [], 0
                order = Sequencer(len(stored))
                me = order.open()
                acknowledged = max(acknowledged, order.durable)
                sent = acknowledged
        assert stored == list(range(1, len(stored) + 1))
        assert acknowledged <= len(stored)
        assert order.waiting_bytes == len(waiting)
