"""What the server says, and who learns of it; no thread, socket or clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from livetrain import _warnings, _wire
from livetrain._delivery.actions import Hangup, Open, Register
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.line import Lane, SmallRecord
from livetrain._delivery.listener import Listener
from livetrain._delivery.response_reader import ResponseReader
from livetrain._delivery.session import Session, State
from livetrain._spool.spool import Spool
from livetrain.proto import telemetry_pb2 as pb


class Hearer(Listener):
    def __init__(self) -> None:
        self.commands: list[tuple[str, float]] = []
        self.wishes: list[int] = []
        self.agreements = 0

    def commanded(self, command: pb.ControlCommand, late: float) -> None:
        self.commands.append((command.command_id, late))

    def wished(self, frame_interval_ms: int) -> None:
        self.wishes.append(frame_interval_ms)

    def agreed(self, response: pb.SessionResponse) -> None:
        self.agreements += 1


class Trainer:
    """One that asked at second 10 to be registered, with three records to send."""

    def __init__(self, folder: Path, *, earlier: bool = False) -> None:
        self.session = Session(lambda attempt: 5.0)
        self.spool = Spool.open(folder / "spool")
        self.ledger = Ledger("run", self.session, self.spool, "resnet")
        self.hearer = Hearer()
        self.identity = Identity(pb.SessionInfo(session_id="run", run_name="resnet"))
        self.reader = ResponseReader(
            self.identity, self.ledger, self.session, self.hearer, earlier=earlier
        )
        for _ in range(3):
            writer = lambda stamp: _wire.scalars(stamp, 0, {"a": 1.0})  # noqa: E731
            self.ledger.keep(SmallRecord(writer, Lane.DURABLE, 0, 0), sendable=True)
        assert self.session.next(10.0) == Register()
        self.reader.registering(10.0)

    def let_in(self, version: int = 1) -> Trainer:
        """Be taken, and send what there is."""
        config = pb.ServerConfig(credit_bytes=1 << 20, max_step=1000, accepts_columns=True)
        reply = pb.SessionResponse(
            success=True,
            protocol_version=version,
            session_id="run",
            run_id="r1",
            page_url="http://there/r1",
            resume_token="secret",
            server_config=config,
            server_time_ms=1_000_000,
        )
        self.reader.registered(10.25, reply)
        assert self.session.next(10.25) == Open()
        self.session.opened(10.25)
        list(self.ledger.outgoing(0, 1 << 20))
        return self

    def told(self, now: float, **payload: object) -> None:
        self.reader.responded(now, pb.TelemetryResponse(**payload))  # type: ignore[arg-type]

    def refused(self, **error: object) -> None:
        self.told(11.0, error=pb.ErrorResponse(**error))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    """What is said from here on; a minute begins with it."""
    monkeypatch.setattr(_warnings, "_last", {})
    return caplog


def test_a_registration_is_known_to_all_and_outlives_this_process(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path).let_in()
    identity = trainer.identity
    assert (identity.run_id, identity.page_url) == ("r1", "http://there/r1")
    assert trainer.session.state is State.STREAMING
    assert trainer.ledger.limits.max_step == 1000
    assert trainer.ledger.limits.accepts_columns
    assert trainer.hearer.agreements == 1
    assert trainer.spool.meta is not None
    kept = pb.SessionInfo.FromString(trainer.spool.meta)
    assert (kept.session_id, kept.resume_token) == ("run", "secret")


@pytest.mark.parametrize(("retryable", "state"), [(True, State.BACKOFF), (False, State.DISABLED)])
def test_a_registration_that_is_refused_changes_nothing_else(
    tmp_path: Path, retryable: bool, state: State
) -> None:
    trainer = Trainer(tmp_path)
    trainer.reader.registered(10.25, pb.SessionResponse(success=False, retryable=retryable))
    assert trainer.session.next(10.25) == Hangup("the server refused the registration")
    assert trainer.session.state is state
    assert trainer.spool.meta is None
    assert trainer.hearer.agreements == 0


def test_an_acknowledgement_reaches_session_ledger_and_listener(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path).let_in()
    ack = pb.Acknowledgment(durable_seq=2, frame_interval_ms=250, refused_points=7)
    trainer.told(11.0, ack=ack)
    assert trainer.session.durable_seq == 2
    assert trainer.spool.pending == 1
    assert trainer.hearer.wishes == [250]
    assert trainer.ledger.counters.dropped == {"too_many_metrics": 7}


def test_a_command_comes_with_how_late_it_is_and_to_whom_it_is_for(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(tmp_path).let_in()
    command = pb.ControlCommand(command_id="c")
    trainer.told(12.25, command=command, session_id="run", timestamp_ms=1_000_000)
    trainer.told(12.25, command=command, session_id="another")
    trainer.told(12.25, command=command)
    assert trainer.hearer.commands == [("c", pytest.approx(2.25)), ("c", 0.0)]
    assert "command for another run" in said.messages[0]


def test_a_record_that_was_replaced_costs_itself_and_no_connection(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path).let_in()
    trainer.refused(message="no such thing", rejected_seq=2, replaced=True, retryable=True)
    assert trainer.session.state is State.STREAMING
    assert trainer.ledger.counters.dropped == {"rejected": 1}


def test_a_record_that_is_refused_ends_the_connection(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path).let_in()
    trainer.refused(message="no such thing", rejected_seq=2, retryable=True)
    assert trainer.session.state is State.BACKOFF


@pytest.mark.parametrize("earlier", [False, True])
def test_a_remark_is_passed_on_and_ends_nothing(
    tmp_path: Path, said: pytest.LogCaptureFixture, earlier: bool
) -> None:
    trainer = Trainer(tmp_path, earlier=earlier).let_in()
    trainer.refused(message="the store is full", retryable=True)
    assert trainer.session.state is State.STREAMING
    whose = " of run 'resnet'" if earlier else ""
    assert said.messages == [f"the livetrain server says{whose}: the store is full"]


def test_whatever_an_older_server_says_is_a_remark(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(tmp_path).let_in(version=0)
    trainer.refused(message="who are you", retryable=False)
    trainer.told(11.0, command=pb.ControlCommand(command_id="c"), session_id="another")
    assert trainer.session.state is State.STREAMING
    assert said.messages == ["the livetrain server says: who are you"]
    assert [name for name, _ in trainer.hearer.commands] == ["c"]
