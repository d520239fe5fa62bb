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
from livetrain._steering.command import Outcome, result_record
from livetrain.proto import telemetry_pb2 as pb


def scalar(stamp: _wire.Stamp) -> bytes:
    return _wire.scalars(stamp, 0, {"a": 1.0})


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
        self.answered = 0
        for _ in range(3):
            self.ledger.keep(SmallRecord(scalar, Lane.DURABLE, 0, 0), sendable=True)
        assert self.session.next(10.0) == Register()
        self.reader.registering(10.0)

    def let_in(self, version: int = 1) -> Trainer:
        """Be taken, and send what there is."""
        config = pb.ServerConfig(credit_bytes=1 << 20, max_step=2**40, accepts_columns=True)
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

    def answer(self) -> None:
        """Say what became of a command."""
        outcome = Outcome(self.hearer.commands[self.answered][0], pb.ACCEPTED)
        self.answered += 1
        self.ledger.keep(SmallRecord(result_record(outcome, 0), Lane.ANSWER, 0, 0), sendable=True)

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
    assert trainer.ledger.limits.max_step == 2**40
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


EVIL = "\x1b[2J\nsecond line" + "x" * 1_000_000


def test_what_a_server_says_is_said_in_one_short_line(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(tmp_path).let_in()
    trainer.refused(message=EVIL, retryable=True)
    trainer.refused(message=EVIL, rejected_seq=1, replaced=True)
    trainer.refused(message=EVIL, rejected_seq=2, retryable=True)
    for line in said.messages:
        assert line.isprintable()
        assert len(line) < 500
    assert len(trainer.session.reason) < 400
    assert sum("second line" in line for line in said.messages) == 2


def test_a_refused_registration_says_why_in_one_short_line(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path)
    trainer.reader.registered(10.25, pb.SessionResponse(success=False, message=EVIL))
    assert trainer.session.reason.isprintable()
    assert len(trainer.session.reason) < 400


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:8080/runs/a", True),
        ("https://there/livetrain/runs/a?b=c#d", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("http://there/\x1b[2J", False),
        ("http://there/a b", False),
        ("http://[", False),
        ("http://there/" + "x" * 3000, False),
        ("", False),
    ],
)
def test_what_a_server_calls_its_page_is_an_address_for_a_browser_or_nothing(
    tmp_path: Path, url: str, taken: bool
) -> None:
    trainer = Trainer(tmp_path)
    reply = pb.SessionResponse(
        success=True, protocol_version=1, run_id=EVIL, page_url=url, resume_token="t" * 2_000_000
    )
    trainer.reader.registered(10.25, reply)
    assert trainer.identity.page_url == (url if taken else "")
    assert trainer.identity.run_id.isprintable()
    assert len(trainer.identity.run_id) < 300
    assert trainer.identity.resume_token == ""
    assert len(trainer.spool.meta or b"") < 1000


def test_a_watermark_that_cannot_be_costs_nothing(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(tmp_path)
    reply = pb.SessionResponse(success=True, protocol_version=1, durable_seq=2**64 - 1)
    trainer.reader.registered(10.25, reply)
    assert trainer.session.next(10.25) == Open()
    trainer.session.opened(10.25)
    assert [record.seq for record in trainer.ledger.outgoing(0, 1 << 20)] == [1, 2, 3]
    assert "was never sent" in said.messages[0]
    trainer.ledger.keep(SmallRecord(scalar, Lane.DURABLE, 0, 0), sendable=True)
    assert trainer.spool.pending == 4


def test_counts_that_cannot_be_break_no_report(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path).let_in()
    for number in (2**64 - 1, 0) * 3000:
        trainer.told(
            11.0, ack=pb.Acknowledgment(refused_points=number, frame_interval_ms=2**32 - 1)
        )
    counted = trainer.ledger.counters.dropped["too_many_metrics"]
    assert pb.ClientReport(counters={"dropped": counted}).counters["dropped"] == counted
    assert trainer.hearer.wishes[-1] == 60_000


def test_refusals_of_what_is_not_there_are_not_remembered(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path).let_in()
    for seq in range(4, 2000):
        trainer.refused(message="no", rejected_seq=seq, replaced=True)
    trainer.refused(message="no", rejected_seq=2**64 - 1, replaced=True)
    assert trainer.session.state is State.STREAMING
    assert not trainer.ledger.counters.dropped
    assert trainer.spool.pending == 3


def test_commands_are_left_alone_while_their_answers_are_not_committed(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(tmp_path).let_in()
    for number in range(10_000):
        trainer.told(11.0, command=pb.ControlCommand(command_id=str(number)))
        while len(trainer.hearer.commands) > trainer.answered:
            trainer.answer()
    taken = len(trainer.hearer.commands)
    assert taken == 2048
    assert trainer.ledger.counters.dropped == {"commands": 10_000 - taken}
    assert len(said.messages) == 1
    while list(trainer.ledger.outgoing(trainer.session.sent_seq, 1 << 20)):
        pass
    trainer.told(12.0, ack=pb.Acknowledgment(durable_seq=trainer.session.last_seq))
    trainer.told(12.0, command=pb.ControlCommand(command_id="again"))
    assert trainer.hearer.commands[-1][0] == "again"
