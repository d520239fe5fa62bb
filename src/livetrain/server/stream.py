"""One producer of a run as it stands: its sequence, its connection, how its rank does. No I/O; clocks are passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.clocks import ClockOffset
from livetrain.server.ranks import RankStanding
from livetrain.server.records import BATCH, PERFORMANCE, STATUS, Record
from livetrain.server.sequencing import Sequencer
from livetrain.server.steps import StepCounter, first_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livetrain.server.older_schema import OlderReader
    from livetrain.server.outlet import Outlet

__all__ = [
    "ENDED",
    "GUEST",
    "GUEST_PATIENCE",
    "LOST_SECONDS",
    "STALE_SECONDS",
    "STATUS_WORDS",
    "Stream",
    "contact_after",
]

GUEST: Final = 2
"""In place of a protocol's version: a run whose producer is not connected, and that a dialect records what it hears in."""
GUEST_PATIENCE: Final = 60.0
"""Such a producer says something once an epoch, and no sign of life in between: its silence counts as so much less."""
STALE_SECONDS: Final = 5.0
LOST_SECONDS: Final = 30.0
STATUS_WORDS: Final = {
    pb.INITIALIZING: "initializing",
    pb.RUNNING: "running",
    pb.PAUSED: "paused",
    pb.COMPLETED: "finished",
    pb.FAILED: "failed",
}
ENDED: Final = frozenset({"finished", "failed", "interrupted"})


def contact_after(silent_seconds: float, protocol: int = 1) -> str:
    """Return the word for a run that goes on and was last heard so long ago. Silence is never called a crash."""
    if protocol == GUEST:
        silent_seconds /= GUEST_PATIENCE
    if silent_seconds < STALE_SECONDS:
        return "alive"
    return "stale" if silent_seconds < LOST_SECONDS else "lost"


@dataclass(slots=True)
class Stream:
    """One producer of a run.

    Attributes:
        key: in the store.
        token_hash: of its resume token; empty for an older client.
        opened: whether it was ever streamed: from then on it is registered again with its token only.
        order: its sequence.
        outlet: what its present connection still has to be told; None: not connected.
        active: when its connection last brought something, seconds of the monotonic clock.
        heard: when its producer was last heard, by the same clock.
        heard_ms: the same, Unix milliseconds; 0: not known.
        last_batch: ``batch_idx`` of the last batch that was taken.
        refused_points: points that were not stored because the run has too many metric names, in this life of the server.
        granted: bytes that waited for their commit when it last got credit.
        picture_error: when it was last told that its pictures cannot be shown, seconds of the monotonic clock.
        status, message: of its rank, as it said last; an empty status: it said none.
        contact: with its rank.
        counter: of the steps that its rank made.
        step_ms, own_ms: of its rank, as `RankStanding` has them.
        attempt: which start of the training it is, among the streams of its rank, from 1.
        from_step: the step that it logged first; None: none yet.
        first_us: when its first record was made, Unix microseconds by the server's clock; 0: it made none.
        clock: of its producer.
        leftover: whether its producer was dead already when it was first heard: what comes is from its disk, and no sign of life.
        older: reads what an older client says; None: nothing is known of what it told before.
        beats: whether its present connection ever sent a heartbeat: from then on its silence means something.
        resumed_step: at which a resumed training goes on; None: it is not resumed, or not registered yet.
        half_closed: when an older client said that nothing more comes, seconds of the monotonic clock; None: it did not.
    """

    key: int
    stream_id: str
    rank: int
    token_hash: str
    opened: bool
    order: Sequencer
    outlet: Outlet | None = None
    active: float = 0.0
    heard: float = 0.0
    heard_ms: int = 0
    last_batch: int = 0
    picture_error: float = -math.inf
    refused_points: int = 0
    granted: int = 0
    status: str = ""
    message: str = ""
    contact: str = "alive"
    counter: StepCounter = field(default_factory=StepCounter)
    step_ms: float | None = None
    own_ms: float | None = None
    attempt: int = 1
    from_step: int | None = None
    first_us: int = 0
    clock: ClockOffset = field(default_factory=ClockOffset)
    leftover: bool = False
    half_closed: float | None = None
    older: OlderReader | None = None
    beats: bool = False
    resumed_step: int | None = None

    @property
    def ended(self) -> bool:
        """Whether its rank said that it is over."""
        return self.status in ENDED

    @property
    def steps(self) -> int:
        """The newest step of its rank plus one."""
        return self.counter.steps

    @property
    def spoke(self) -> bool:
        """Whether it ever said anything that is kept."""
        return bool(self.first_us or self.order.received)

    @property
    def logged(self) -> bool:
        """Whether it logged a step."""
        return self.from_step is not None

    @property
    def recency(self) -> tuple[bool, int, bool, int]:
        """What orders the streams of one rank: of two the newer has the higher."""
        return self.spoke, self.attempt, self.logged, self.key

    def hear(self, now: float, unix_ms: int) -> None:
        """Note that its connection lives. What a dead producer left is no sign of life of it."""
        self.active = now
        if self.leftover:
            self.heard = now - max(LOST_SECONDS, (unix_ms - self.heard_ms) / 1000)
        else:
            self.heard, self.heard_ms = now, unix_ms

    def apply(self, record: Record, made_us: int) -> None:
        """Take over what a record says about its rank.

        Args:
            record: as it was read.
            made_us: when it was made, Unix microseconds by the server's clock.
        """
        message = record.message
        self.first_us = self.first_us or made_us
        if self.leftover:
            self.heard_ms = max(self.heard_ms, made_us // 1000)
        self.counter.advance(message, record.columns, record.names)
        if self.from_step is None:
            self.from_step = self._beginning(record)
        if record.kind == PERFORMANCE:
            self.apply_performance(message.performance_data)
        elif record.kind == STATUS:
            self.apply_status(message.status_update)

    def _beginning(self, record: Record) -> int | None:
        """Return the step at which a record begins an attempt; None: it begins none.

        What is found out of the step before the one at which the training goes on, such as the result of a validation or a test, is
        about what an earlier start trained.
        """
        columns = record.columns
        step = first_step(record.message) if columns is None else columns.first_step
        is_batch = record.kind == BATCH or (
            columns is not None and columns.newest_batch is not None
        )
        about_before = self.resumed_step is not None and step == self.resumed_step - 1
        return None if about_before and not is_batch else step

    def apply_performance(self, data: pb.PerformanceData) -> None:
        """Take over how fast its rank is."""
        self.step_ms = 1000 / data.current_fps if data.current_fps > 0 else None
        self.own_ms = data.own_ms if data.HasField("own_ms") else None

    def apply_status(self, update: pb.StatusUpdate) -> None:
        """Take over how its rank says that it stands."""
        status = STATUS_WORDS.get(update.status, self.status)
        self.status = "interrupted" if status == "failed" and update.interrupted else status
        self.message = update.message

    def check_contact(self, now: float, *, run_ended: bool = False) -> bool:
        """Bring ``contact`` up to date; return whether it changed.

        Args:
            now: seconds of the monotonic clock.
            run_ended: whether the run is over: a rank that said nothing of its end and is not connected is lost sooner then.
        """
        if self.ended:
            contact = "ended"
        elif self.leftover:
            contact = "lost"
        else:
            contact = contact_after(now - self.heard)
            if run_ended and contact == "stale" and self.outlet is None:
                contact = "lost"
        changed = contact != self.contact
        self.contact = contact
        return changed

    def standing(self, now: float) -> RankStanding:
        """Return how its rank stands."""
        return RankStanding(
            rank=self.rank,
            contact=self.contact,
            status=self.status or "initializing",
            message=self.message,
            steps=self.steps,
            step_ms=self.step_ms,
            own_ms=self.own_ms,
            silent_seconds=now - self.heard,
            last_heard_ms=self.heard_ms,
        )

    def row(self) -> dict[str, Any]:
        """Return what the store keeps of it with every group of records."""
        return {
            "durable_seq": self.order.durable,
            "attempt": self.attempt,
            "from_step": self.from_step,
            "first_us": self.first_us,
            "steps": self.steps,
            "step_name": self.counter.leading,
            "status": self.status,
            "message": self.message,
            "last_heard_ms": self.heard_ms,
            "clock_offset_us": self.clock.offset_us,
        }

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], *, now: float, unix_ms: int) -> Stream:
        """Return a stream as the store has it.

        Args:
            row: of the table ``streams``.
            now: seconds of the monotonic clock.
            unix_ms: the same moment, Unix milliseconds.
        """
        silent = max(STALE_SECONDS, (unix_ms - row["last_heard_ms"]) / 1000)
        return cls(
            key=row["key"],
            stream_id=row["stream_id"],
            rank=row["rank"],
            token_hash=row["token_hash"],
            opened=row["opened"],
            order=Sequencer(row["durable_seq"]),
            heard=now - silent,
            heard_ms=row["last_heard_ms"],
            status=row["status"],
            message=row["message"],
            counter=StepCounter(row["steps"], row["step_name"]),
            attempt=row["attempt"],
            from_step=row["from_step"],
            first_us=row["first_us"],
            clock=ClockOffset(row["clock_offset_us"]),
        )
