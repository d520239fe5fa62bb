"""The delivery contract, against the real state machine: hypothesis drives the faults, and mutants show that the checks bite."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from livetrain._delivery.actions import (
    Close,
    Hangup,
    Heartbeat,
    Open,
    Quarantine,
    Register,
    Send,
    Wait,
)
from livetrain._delivery.answers import Acknowledged, Registered, Rejected
from livetrain._delivery.session import Limits, Session, State
from tests.unit.delivery.world import World


class Delivery(RuleBasedStateMachine):
    """Faults in any order; whatever they were, at the end everything produced is in the store once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(count=st.integers(1, 12))
    def produce(self, count: int) -> None:
        for _ in range(count):
            self.world.produce()

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.5, 2.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.step(seconds)

    @rule(group_kept=st.booleans())
    def registration_is_answered(self, group_kept: bool) -> None:
        self.world.answer_registration(group_kept=group_kept)

    @rule(count=st.integers(1, 10))
    def messages_arrive(self, count: int) -> None:
        for _ in range(count):
            self.world.carry_up()

    @rule(lost=st.booleans())
    def server_commits(self, lost: bool) -> None:
        self.world.commit(acknowledgement_lost=lost)

    @rule(count=st.integers(1, 5))
    def answers_arrive(self, count: int) -> None:
        for _ in range(count):
            self.world.carry_down()

    @rule(zombie=st.booleans())
    def network_fails(self, zombie: bool) -> None:
        self.world.disconnect(zombie=zombie)

    @rule()
    def zombie_delivers(self) -> None:
        self.world.carry_zombie()

    @rule(unsynced=st.integers(0, 3))
    def server_crashes(self, unsynced: int) -> None:
        self.world.crash_server(unsynced)

    @rule()
    def trainer_restarts(self) -> None:
        self.world.restart_trainer()

    @rule(ahead=st.integers(1, 5))
    def server_dislikes_a_record(self, ahead: int) -> None:
        self.world.server.poison.add(self.world.server.watermark + ahead)

    @invariant()
    def contract_holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.settle()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def _random_schedule(seed: int, mutant: str = "") -> int:
    """Run one schedule of faults; return how many records it delivered."""
    chance = random.Random(seed)
    world = World(mutant)
    for _ in range(300):
        if chance.random() < 0.3:
            world.produce()
        if chance.random() < 0.02:
            world.disconnect(zombie=chance.random() < 0.5)
        if chance.random() < 0.01:
            world.crash_server(chance.randint(1, 3))
        if chance.random() < 0.01:
            world.restart_trainer()
        if chance.random() < 0.3:
            world.answer_registration(group_kept=chance.random() < 0.5)
        if chance.random() < 0.3:
            world.carry_zombie()
        world.step(chance.choice([0.0, 0.01, 0.3]))
        while chance.random() < 0.6:
            world.carry_up()
        if chance.random() < 0.4:
            world.commit(acknowledgement_lost=chance.random() < 0.1)
        while chance.random() < 0.7:
            world.carry_down()
        world.check()
    world.settle()
    return world.produced


def test_random_schedules_deliver_everything() -> None:
    assert sum(_random_schedule(seed) for seed in range(150)) > 10_000


@pytest.mark.parametrize("mutant", ["early_acknowledgement", "no_deduplication", "no_fsync"])
def test_a_server_that_breaks_a_rule_is_caught(mutant: str) -> None:
    caught = 0
    for seed in range(100):
        try:
            _random_schedule(seed, mutant)
        except AssertionError:
            caught += 1
    assert caught >= 10


def test_without_repeated_acknowledgements_a_lost_one_is_only_mended_by_a_reconnect() -> None:
    """The fourth mutant: the client of a server that never repeats itself has to hang up to get on."""
    reconnects = {}
    for mutant in ("", "no_repeated_acknowledgement"):
        world = World(mutant)
        world.produce()
        world.step(0.1)
        world.answer_registration()
        world.step(0.1)
        world.carry_up()
        world.commit(acknowledgement_lost=True)
        for _ in range(60):
            world.step(0.5)
            world.answer_registration()
            world.carry_up()
            world.carry_down()
        assert world.promised == 1
        reconnects[mutant] = world.session.reconnects
    assert reconnects[""] == 0
    assert reconnects["no_repeated_acknowledgement"] >= 1


# ---------------------------------------------------------------- single rules


def _streaming(*, version: int = 1, credit: int = 100, durable: int = 0) -> Session:
    session = Session(lambda attempt: float(attempt), Limits(credit_bytes=credit))
    assert session.next(0.0) == Register()
    session.registered(0.0, Registered(version, durable, "e", credit, 2.0), first_seq=1)
    assert session.next(0.0) == Open()
    session.opened(0.0)
    return session


def test_sends_within_the_credit_and_one_record_at_least() -> None:
    session = _streaming(credit=100)
    for _ in range(4):
        session.assign()
    assert session.next(0.0) == Send(0, 100)
    session.sent(1, 90)
    assert session.next(0.0) == Send(1, 10)
    session.sent(2, 50)
    assert isinstance(session.next(0.0), Wait)
    session.acknowledged(0.1, Acknowledged(2))
    assert session.next(0.1) == Send(2, 100)


def test_heartbeats_go_on_while_nothing_is_sent() -> None:
    session = _streaming()
    assert session.next(1.0) == Wait(2.0)
    assert session.next(2.0) == Heartbeat(1)
    session.acknowledged(2.1, Acknowledged(0))
    assert session.next(4.0) == Heartbeat(2)


def test_a_silent_server_is_hung_up_on() -> None:
    session = _streaming()
    for now in (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0):
        assert isinstance(session.next(now), Heartbeat)
    assert session.next(15.0) == Hangup("the server said nothing for 15 s")
    assert session.state is State.BACKOFF
    assert session.next(15.0) == Wait(16.0)
    assert session.next(16.0) == Register()


def test_back_off_grows_until_a_durable_acknowledgement() -> None:
    session = Session(lambda attempt: float(attempt))
    now = 0.0
    for attempt in (1, 2, 3):
        assert session.next(now) == Register()
        session.lost(now, "refused")
        assert session.next(now) == Hangup("refused")
        assert session.next(now) == Wait(now + attempt)
        now += attempt
    session.assign()
    assert session.next(now) == Register()
    session.registered(now, Registered(1, 0, "e", 100, 2.0), first_seq=1)
    session.next(now)
    session.opened(now)
    session.sent(1, 10)
    session.lost(now, "reset")  # opened, but nothing was ever committed: the back-off goes on
    session.next(now)
    assert session.next(now) == Wait(now + 4)
    now += 4
    session.next(now)
    session.registered(now, Registered(1, 0, "e", 100, 2.0), first_seq=1)
    session.next(now)
    session.opened(now)
    session.sent(1, 10)
    session.acknowledged(now, Acknowledged(1))
    session.lost(now, "reset")
    session.next(now)
    assert session.next(now) == Wait(now + 1)


def test_a_server_that_answers_and_falls_over_is_not_stormed() -> None:
    """It acknowledges what it had before, which proves nothing of this connection: the back-off goes on growing."""
    session = Session(lambda attempt: float(attempt))
    now = 0.0
    for attempt in (1, 2, 3, 4):
        assert session.next(now) == Register()
        session.registered(now, Registered(1, 0, "e", 100, 2.0), first_seq=1)
        assert session.next(now) == Open()
        session.opened(now)
        session.acknowledged(now, Acknowledged(0))
        session.lost(now, "fell over")
        session.next(now)
        assert session.next(now) == Wait(now + attempt)
        now += attempt


def test_an_unanswered_registration_is_given_up() -> None:
    session = Session(lambda attempt: 1.0)
    session.next(0.0)
    assert session.next(4.9) == Wait(5.0)
    assert session.next(5.0) == Hangup("no answer to the registration within 5 s")


def test_a_refusal_for_good_disables() -> None:
    session = _streaming()
    session.assign()
    session.rejected(1.0, Rejected("no such run", retryable=False))
    assert session.next(1.0) == Hangup("no such run")
    assert session.state is State.DISABLED
    assert session.next(100.0) == Wait(None)
    session.drain()
    assert session.next(100.0) == Close()


def test_the_server_names_the_pause_before_a_retry() -> None:
    session = _streaming()
    session.rejected(1.0, Rejected("busy", retryable=True, retry_after=7.0))
    assert session.next(1.0) == Hangup("busy")
    assert session.next(1.0) == Wait(8.0)


def test_a_remark_ends_nothing_but_delays_the_return() -> None:
    session = _streaming()
    session.remarked(1.0, retry_after=7.0)
    assert session.connected
    session.lost(2.0, "the server ended the stream")
    assert session.next(2.0) == Hangup("the server ended the stream")
    assert session.next(2.0) == Wait(8.0)


def test_poison_is_quarantined_and_the_rest_goes_on() -> None:
    session = _streaming()
    for seq in (1, 2, 3):
        session.assign()
        session.sent(seq, 10)
    session.acknowledged(0.5, Acknowledged(1))
    session.rejected(1.0, Rejected("too many tiles", retryable=True, rejected_seq=2))
    assert session.next(1.0) == Hangup("too many tiles")
    assert session.next(1.0) == Quarantine(2, "too many tiles")
    assert session.sent_seq == 1


def test_a_server_that_refused_a_record_is_there_until_it_is_not() -> None:
    session = _streaming()
    session.assign()
    session.sent(1, 10)
    session.rejected(1.0, Rejected("too many tiles", retryable=True, rejected_seq=1))
    assert (session.connected, session.present) == (False, True)
    while session.next(2.0) != Register():
        pass
    assert session.present
    session.lost(2.5, "connection refused")
    assert not session.present
    session.next(9.0)
    session.lost(9.5, "connection refused")
    assert not session.present


def test_an_acknowledgement_of_what_was_never_sent_is_not_believed() -> None:
    session = _streaming()
    session.assign()
    session.sent(1, 10)
    session.acknowledged(1.0, Acknowledged(2))
    assert session.durable_seq == 0
    assert isinstance(session.next(1.0), Hangup)


def test_what_an_earlier_connection_delivered_is_not_sent_again() -> None:
    """Its commit came after the registration: the acknowledgement is ahead of what this connection sent."""
    session = _streaming()
    for _ in (1, 2, 3):
        session.assign()
    session.sent(1, 10)
    session.sent(2, 10)
    session.lost(0.5, "reset")
    assert isinstance(session.next(0.5), Hangup)
    assert session.next(1.5) == Register()
    session.registered(1.5, Registered(1, 0, "e", 100, 2.0), first_seq=1)
    assert session.next(1.5) == Open()
    session.opened(1.5)
    session.sent(1, 10)
    session.acknowledged(1.6, Acknowledged(2))
    assert session.connected
    assert (session.durable_seq, session.in_flight_bytes) == (2, 0)
    assert session.next(1.6) == Send(2, 100)


def test_acknowledgements_never_go_back() -> None:
    session = _streaming()
    for seq in (1, 2):
        session.assign()
        session.sent(seq, 10)
    session.acknowledged(1.0, Acknowledged(2))
    session.acknowledged(1.1, Acknowledged(1))
    assert session.durable_seq == 2


def test_an_older_server_is_believed_at_once_for_it_promises_nothing() -> None:
    session = _streaming(version=0)
    session.assign()
    assert session.next(0.0) == Send(0, 100)
    session.sent(1, 10)
    assert session.durable_seq == 1
    assert session.unacknowledged == 0


def test_a_server_that_came_back_empty_gets_what_is_left() -> None:
    session = _streaming()
    for seq in (1, 2, 3):
        session.assign()
        session.sent(seq, 10)
    session.acknowledged(0.5, Acknowledged(2))
    session.lost(1.0, "gone")
    session.next(1.0)
    session.next(3.0)
    session.registered(3.0, Registered(1, 0, "another", 100, 2.0), first_seq=3)
    session.next(3.0)
    session.opened(3.0)
    assert session.next(3.0) == Send(2, 100)


def test_draining_closes_when_all_is_committed() -> None:
    session = _streaming()
    session.assign()
    session.sent(1, 10)
    session.drain()
    assert session.state is State.DRAINING
    assert isinstance(session.next(0.1), Wait)
    session.acknowledged(0.2, Acknowledged(1))
    assert session.next(0.2) == Close()
    session.closed()
    assert session.state is State.CLOSED


def test_a_gap_in_what_is_sent_is_a_bug_of_ours() -> None:
    session = _streaming()
    with pytest.raises(AssertionError, match="streams have no gap"):
        session.sent(2, 10)


@pytest.mark.parametrize("told", [1, 5, 2**53, 2**64 - 1])
def test_a_watermark_beyond_what_was_sent_is_not_believed(told: int) -> None:
    """Five records wait, none of which was sent: no server can have one."""
    session = Session(lambda attempt: 1.0)
    for _ in range(5):
        session.assign()
    session.next(0.0)
    assert not session.believes(told)
    session.registered(0.0, Registered(1, told, "e", 100, 2.0), first_seq=1)
    assert session.next(0.0) == Open()
    session.opened(0.0)
    assert (session.durable_seq, session.last_seq) == (0, 5)
    assert session.next(0.0) == Send(0, 100)
    assert session.assign() == 6


def test_a_watermark_of_what_an_earlier_connection_sent_is_believed() -> None:
    session = _streaming()
    for seq in (1, 2, 3):
        session.assign()
        session.sent(seq, 10)
    session.lost(1.0, "reset")
    session.next(1.0)
    assert session.next(9.0) == Register()
    session.registered(9.0, Registered(1, 3, "e", 100, 2.0), first_seq=1)
    assert session.durable_seq == 3


@pytest.mark.parametrize(("told", "durable"), [(7, 7), (9, 9), (2**63, 3)])
def test_a_disk_may_have_lost_what_it_had_last_but_not_more_than_was_ever_written(
    told: int, durable: int
) -> None:
    session = Session(lambda attempt: 1.0, durable_seq=3, last_seq=7)
    session.next(0.0)
    session.registered(0.0, Registered(1, told, "e", 100, 2.0), first_seq=4)
    assert session.durable_seq == durable
    assert session.last_seq == max(7, durable)


@pytest.mark.parametrize("seconds", [2.0**54, 1e9, 61.0])
def test_no_server_is_left_alone_for_longer_than_a_minute(seconds: float) -> None:
    session = _streaming()
    session.rejected(1.0, Rejected("busy", retryable=True, retry_after=seconds))
    session.next(1.0)
    assert session.next(1.0) == Wait(61.0)
    session = _streaming()
    session.remarked(1.0, retry_after=seconds)
    session.lost(2.0, "the server ended the stream")
    session.next(2.0)
    assert session.next(2.0) == Wait(61.0)


def test_no_more_is_on_its_way_than_memory_is_there_for() -> None:
    session = _streaming(credit=2**63)
    session.assign()
    assert session.next(0.0) == Send(0, 16 << 20)
    session.acknowledged(0.0, Acknowledged(0, credit_bytes=2**64 - 1))
    assert session.next(0.0) == Send(0, 16 << 20)


@pytest.mark.parametrize("retryable", [False, True])
@pytest.mark.parametrize("rejected", [3, 2**64 - 1])
def test_what_was_never_sent_cannot_be_refused(rejected: int, retryable: bool) -> None:
    session = _streaming()
    for _ in (1, 2, 3):
        session.assign()
    session.sent(1, 10)
    session.sent(2, 10)
    session.rejected(1.0, Rejected("no", retryable=retryable, rejected_seq=rejected))
    assert session.next(1.0) == Hangup("no")
    assert session.next(1.0) == Wait(2.0)  # and no quarantine
    assert session.state is State.BACKOFF
