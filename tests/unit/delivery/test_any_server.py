"""Whatever a server says, in whatever order: nothing is raised, no record is forgotten that it cannot have, nothing grows."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetrain import _records
from livetrain._delivery.actions import Close, Hangup, Heartbeat, Open, Quarantine, Register, Send
from livetrain._delivery.identity import Identity
from livetrain._delivery.ledger import Ledger
from livetrain._delivery.line import Lane, SmallRecord
from livetrain._delivery.listener import Listener
from livetrain._delivery.response_reader import ResponseReader
from livetrain._delivery.session import Session, State
from livetrain._spool.spool import Spool
from livetrain._steering.command import read_command
from livetrain.proto import telemetry_pb2 as pb
from tests.hostile.messages import extreme


def let_in(answer: pb.SessionResponse) -> pb.SessionResponse:
    answer.success, answer.protocol_version = True, 1
    return answer


SAYS = st.one_of(
    extreme(pb.SessionResponse),
    extreme(pb.SessionResponse).map(let_in),
    extreme(pb.TelemetryResponse),
    st.builds(pb.TelemetryResponse, ack=extreme(pb.Acknowledgment)),
    st.builds(pb.TelemetryResponse, error=extreme(pb.ErrorResponse)),
    st.sampled_from(["log", "time"]),
)


class Commanded(Listener):
    """Reads commands as a training does."""

    def commanded(self, command: pb.ControlCommand, late: float) -> None:
        read_command(command, 1.0, late)


class Trainer:
    """A stream without a thread or a socket, which does what its session says."""

    def __init__(self, folder: Path) -> None:
        self.session = Session(lambda attempt: 1.0)
        self.ledger = Ledger("run", self.session, Spool.open(folder / "spool"), "resnet")
        self.identity = Identity(pb.SessionInfo(session_id="run", run_name="resnet"))
        self.reader = ResponseReader(self.identity, self.ledger, self.session, Commanded())
        self.now = 10.0
        self.logged = 0
        self.asked = False
        self.sent: set[int] = set()

    def log(self) -> None:
        """Log a number."""
        writer = _records.scalars(self.logged, {"loss": 1.0}, 0)
        self.ledger.keep(SmallRecord(writer, Lane.DURABLE, 0, 0), sendable=True)
        self.logged += 1

    def hear(self, said: Any) -> None:
        """Read what the server said, where it can say such a thing now."""
        if isinstance(said, pb.SessionResponse):
            if self.asked:
                self.asked = False
                self.reader.registered(self.now, said)
        elif self.session.connected:
            self.reader.responded(self.now, said)

    def act(self) -> None:
        """Do what there is to do."""
        for _ in range(50):
            match self.session.next(self.now):
                case Register():
                    self.asked = True
                    self.reader.registering(self.now)
                case Open():
                    self.session.opened(self.now)
                case Send(after_seq, max_bytes):
                    for record in self.ledger.outgoing(after_seq, max_bytes):
                        self.sent.add(record.seq)
                case Quarantine(seq, reason):
                    self.ledger.quarantine(seq, reason)
                case Hangup():
                    self.ledger.disconnected()
                case Heartbeat():
                    pass
                case Close():
                    return
                case _:
                    return


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(SAYS, max_size=30))
def test_whatever_a_server_says(said: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(Path(folder))
        trainer.log()
        for one in said:
            trainer.act()
            if one == "log":
                trainer.log()
            elif one == "time":
                trainer.now += 70.0
            else:
                trainer.hear(one)
            assert trainer.session.last_seq == trainer.logged
            assert trainer.session.durable_seq <= max(trainer.sent, default=0)
            assert trainer.ledger.backlog.first_seq == trainer.session.durable_seq + 1
        counters = {name: count for name, count in trainer.ledger.counters.dropped.items()}
        pb.ClientReport(counters=counters)
        # Nobody is left alone for ever: but for a refusal, it asks again.
        trainer.act()
        if trainer.session.state is not State.DISABLED:
            trainer.now += 200.0
            trainer.act()
            trainer.now += 70.0
            trainer.act()
            assert trainer.asked or trainer.session.connected
        assert len(trainer.identity.serialize()) < 20_000
        trainer.ledger.close()
