"""One producer of a run as it stands: its sequence, its connection, how its rank does. No I/O; clocks are passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.ranks import RankStanding
from livetrain.server.records import BATCH, PERFORMANCE, SCALARS, STATUS, Record
from livetrain.server.sequencing import Sequencer

if TYPE_CHECKING:
    from livetrain.server.outlet import Outlet

__all__ = [
    "ENDED",
    "GUEST",
    "LOST_SECONDS",
    "STALE_SECONDS",
    "STATUS_WORDS",
    "Stream",
    "contact_after",
]

GUEST: Final = 2
"""In place of a protocol's version: a run whose producer is not connected, and that a dialect records what it hears in."""
_GUEST_PATIENCE: Final = 60.0
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
        silent_seconds /= _GUEST_PATIENCE
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
        heard: when it last said something, seconds of the monotonic clock.
        heard_ms: the same, Unix milliseconds; 0: not in this life of the server.
        last_batch: ``batch_idx`` of the last batch that was taken.
        granted: bytes that waited for their commit when it last got credit.
        picture_error: when it was last told that its pictures cannot be shown, seconds of the monotonic clock.
        status, message: of its rank, as it said last.
        contact: with its rank.
        steps: that its rank made.
        step_ms, own_ms: of its rank, as `RankStanding` has them.
    """

    key: int
    stream_id: str
    rank: int
    token_hash: str
    opened: bool
    order: Sequencer
    outlet: Outlet | None = None
    heard: float = 0.0
    heard_ms: int = 0
    last_batch: int = 0
    picture_error: float = -math.inf
    granted: int = 0
    status: str = "initializing"
    message: str = ""
    contact: str = "alive"
    steps: int = 0
    step_ms: float | None = None
    own_ms: float | None = None

    @property
    def ended(self) -> bool:
        """Did its rank say that it is over?"""
        return self.status in ENDED

    def apply(self, record: Record) -> None:
        """Take over what a record says about its rank."""
        kind, message = record.kind, record.message
        if kind == BATCH:
            self.steps = max(self.steps, message.batch_data.step + 1)
        elif kind == SCALARS:
            self.steps = max(self.steps, message.scalars.step + 1)
        elif record.columns is not None:
            if record.columns.highest_step is not None:
                self.steps = max(self.steps, record.columns.highest_step + 1)
        elif kind == PERFORMANCE:
            self.apply_performance(message.performance_data)
        elif kind == STATUS:
            self.apply_status(message.status_update)

    def apply_performance(self, data: pb.PerformanceData) -> None:
        """Take over how fast its rank is."""
        self.step_ms = 1000 / data.current_fps if data.current_fps > 0 else None
        self.own_ms = data.own_ms if data.HasField("own_ms") else None

    def apply_status(self, update: pb.StatusUpdate) -> None:
        """Take over how its rank says that it stands."""
        status = STATUS_WORDS.get(update.status, self.status)
        self.status = "interrupted" if status == "failed" and update.interrupted else status
        self.message = update.message

    def check_contact(self, now: float) -> bool:
        """Bring ``contact`` up to date; return whether it changed."""
        contact = "ended" if self.ended else contact_after(now - self.heard)
        changed = contact != self.contact
        self.contact = contact
        return changed

    def standing(self, now: float) -> RankStanding:
        """Return how its rank stands."""
        return RankStanding(
            rank=self.rank,
            contact=self.contact,
            status=self.status,
            message=self.message,
            steps=self.steps,
            step_ms=self.step_ms,
            own_ms=self.own_ms,
            silent_seconds=now - self.heard,
            last_heard_ms=self.heard_ms,
        )
