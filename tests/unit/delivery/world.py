"""A trainer, a network that fails and a server that crashes, all in one thread: what `Session` is tested in.

The trainer's side is the real `Session`, driven as `_stream` drives it, and a spool that is a list. The server's side is a
small model of what `delivery.md` asks of one: it numbers, groups, commits, acknowledges after the commit, drops duplicates and
answers a gap. Its mutants each break one of those rules, so that a test can show that the checks bite.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

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
from livetrain._delivery.session import Limits, Session

RECORD = b"x" * 10
CREDIT = 80


@dataclass
class Server:
    """Commits records of one stream; `mutant` names the rule that it breaks."""

    mutant: str = ""
    store: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    poison: set[int] = field(default_factory=set)

    @property
    def watermark(self) -> int:
        return self.store[-1] if self.store else 0

    def receive(self, seq: int, tombstone: bool) -> Acknowledged | Rejected | None:
        expected = (self.group[-1] if self.group else self.watermark) + 1
        if self.mutant == "no_deduplication":
            self.group.append(seq)
            return None
        if seq < expected:
            return Acknowledged(self.watermark)
        if seq > expected:
            return Rejected("gap", retryable=True, expected_seq=expected)
        if seq in self.poison and not tombstone:
            return Rejected("poison", retryable=True, rejected_seq=seq)
        self.group.append(seq)
        return Acknowledged(seq) if self.mutant == "early_acknowledgement" else None

    def commit(self) -> Acknowledged:
        self.store.extend(self.group)
        self.group.clear()
        return Acknowledged(self.watermark)

    def crash(self, unsynced: int) -> None:
        self.group.clear()
        if self.mutant == "no_fsync" and unsynced:
            del self.store[-unsynced:]


class Backlog:
    """Records that outlive the trainer; each is RECORD, or None for a tombstone."""

    def __init__(self) -> None:
        self.records: deque[bytes | None] = deque()
        self.first_seq = 1

    def append(self, seq: int) -> None:
        assert seq == self.first_seq + len(self.records)
        self.records.append(RECORD)

    def read(self, after_seq: int, max_bytes: int) -> list[tuple[int, bytes | None]]:
        start = after_seq + 1 - self.first_seq
        count = max(max_bytes // len(RECORD), 1)
        found = list(self.records)[start : start + count]
        return list(enumerate(found, start=after_seq + 1))

    def replace(self, seq: int) -> None:
        if seq >= self.first_seq:
            self.records[seq - self.first_seq] = None

    def trim(self, durable_seq: int) -> None:
        while self.first_seq <= durable_seq:
            self.records.popleft()
            self.first_seq += 1


class World:
    """Everything between `produce` and the server's store, with a clock that only `step` moves."""

    def __init__(self, mutant: str = "") -> None:
        self.now = 0.0
        self.server = Server(mutant)
        self.backlog = Backlog()
        self.session = self._new_session()
        self.produced = 0
        self.up: deque[tuple[int, bool] | None] = (
            deque()
        )  # (seq, tombstone), or None for a heartbeat
        self.down: deque[Acknowledged | Rejected] = deque()
        self.zombie: deque[tuple[int, bool] | None] = (
            deque()
        )  # of a link that died on one side only
        self.connected = False
        self.registering = False
        self.promised = 0  # the highest acknowledgement that the trainer took

    def _new_session(self) -> Session:
        first = self.backlog.first_seq
        last = first - 1 + len(self.backlog.records)
        return Session(
            lambda attempt: min(0.1 * 2**attempt, 2.0),
            Limits(credit_bytes=CREDIT),
            durable_seq=first - 1,
            last_seq=last,
        )

    # ------------------------------------------------------------ the trainer

    def produce(self) -> None:
        self.backlog.append(self.session.assign())
        self.produced += 1

    def step(self, seconds: float) -> None:
        """Let time pass, then do what the session says until it waits."""
        self.now += seconds
        for _ in range(1000):
            action = self.session.next(self.now)
            match action:
                case Wait() | Close():
                    return
                case Register():
                    self.registering = True
                case Open():
                    self.session.opened(self.now)
                case Send(after_seq, max_bytes):
                    for seq, record in self.backlog.read(after_seq, max_bytes):
                        self.session.sent(seq, len(RECORD))
                        self.up.append((seq, record is None))
                case Heartbeat():
                    self.up.append(None)
                case Quarantine(seq, _):
                    self.backlog.replace(seq)
                case Hangup():
                    self.connected = self.registering = False
                    self.up.clear()
                    self.down.clear()
        raise AssertionError("the session never waits")

    def restart_trainer(self) -> None:
        """Kill the trainer; its backlog is on a disk and goes on."""
        self.disconnect(zombie=False)
        self.session = self._new_session()
        self.registering = False

    # ------------------------------------------------------------ the network

    def answer_registration(self, *, group_kept: bool = True) -> None:
        """Let the trainer in; `group_kept`: what came before and is not committed yet will be."""
        if not self.registering:
            return
        self.registering = False
        self.connected = True
        # Not even fenced: what a half-open link still delivers must be harmless.
        if not group_kept:
            self.server.group.clear()
        reply = Registered(1, self.server.watermark, "epoch", CREDIT, 2.0)
        self.session.registered(self.now, reply, first_seq=self.backlog.first_seq)
        self._forget()

    def carry_up(self) -> None:
        if self.connected and self.up:
            self._receive(self.up.popleft())

    def carry_zombie(self) -> None:
        if self.zombie and (message := self.zombie.popleft()) is not None:
            self.server.receive(*message)  # its answers reach nobody

    def _receive(self, message: tuple[int, bool] | None) -> None:
        if message is None:
            if self.server.mutant != "no_repeated_acknowledgement":
                self.down.append(Acknowledged(self.server.watermark))
            return
        if (answer := self.server.receive(*message)) is not None:
            self.down.append(answer)

    def carry_down(self) -> None:
        if not self.down:
            return
        match self.down.popleft():
            case Acknowledged() as ack:
                self.session.acknowledged(self.now, ack)
                self._forget()
            case Rejected() as error:
                self.session.rejected(self.now, error)

    def _forget(self) -> None:
        self.backlog.trim(self.session.durable_seq)
        self.promised = max(self.promised, self.session.durable_seq)

    def disconnect(self, *, zombie: bool) -> None:
        if zombie:
            self.zombie = self.up.copy()
        self.up.clear()
        self.down.clear()
        if self.connected or self.registering:
            self.connected = self.registering = False
            self.session.lost(self.now, "the network")

    # ------------------------------------------------------------ the server

    def commit(self, *, acknowledgement_lost: bool) -> None:
        if not self.server.group:
            return
        ack = self.server.commit()
        if self.connected and not acknowledgement_lost:
            self.down.append(ack)

    def crash_server(self, unsynced: int) -> None:
        self.disconnect(zombie=False)
        self.zombie.clear()
        self.server.crash(unsynced)

    # ------------------------------------------------------------ the contract

    def check(self) -> None:
        store = self.server.store
        assert store == list(range(1, len(store) + 1)), "a duplicate, a gap, or out of order"
        assert self.promised <= len(store), "acknowledged and lost"
        assert self.session.in_flight_bytes <= CREDIT + len(RECORD), (
            "more on its way than the credit"
        )
        assert self.session.durable_seq <= self.session.sent_seq <= self.session.last_seq

    def settle(self) -> None:
        """Without further faults everything that was produced arrives."""
        for _ in range(400):
            self.step(0.3)
            self.answer_registration()
            for _ in range(50):
                self.carry_up()
            self.commit(acknowledgement_lost=False)
            for _ in range(50):
                self.carry_down()
            self.check()
            if self.promised == self.produced:
                break
        assert self.promised == self.produced == len(self.server.store), "not everything arrived"
