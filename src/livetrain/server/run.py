"""A run as it stands: what its trainer said last, and when that was. No I/O; clocks are passed in."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import OLDER_CONTROLS, CommandBook
from livetrain.server.ranks import RankStanding, remarks
from livetrain.server.records import (
    BATCH,
    COLUMNS,
    CONTROLS,
    EPOCH,
    PERFORMANCE,
    REPORT,
    RESULT,
    SCALARS,
    STATUS,
    Record,
)
from livetrain.server.stream import (
    ENDED,
    GUEST,
    LOST_SECONDS,
    STALE_SECONDS,
    STATUS_WORDS,
    Stream,
    contact_after,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "GUEST",
    "LOST_SECONDS",
    "NOTABLE",
    "STALE_SECONDS",
    "STEERING",
    "Run",
    "Stream",
    "contact_after",
]

NOTABLE: Final = frozenset({4, 6, 22, 25, 26, 27, 28, 29, 32})
"""Kinds of records that are kept and shown one by one; all others are points of curves."""
STEERING: Final = frozenset({22, 32})
"""Kinds of them that are commands, or say what became of one."""
_FPS_SECONDS: Final = 2.0


@dataclass(slots=True)
class Run:
    """One run.

    Attributes:
        key: in the store.
        protocol: 0 for an older client's, 1 for one of today, :data:`GUEST` for none.
        offset: of the last record that was taken; it is committed up to ``committed``.
        heard: when a trainer of it last said something, seconds of the monotonic clock.
        frames: how many frames came so far, in this life of the server.
        unsealed: records that are in no chunk of a curve, and their bytes.
        controls: what its trainer lets be done to it, and how many ranks there are.
    """

    key: int
    run_id: str
    session_hash: str
    protocol: int
    name: str
    project: str
    tags: tuple[str, ...]
    created_ms: int
    heard: float
    status: str = "initializing"
    message: str = ""
    ended_ms: int = 0
    last_heard_ms: int = 0
    steps: int = 0
    epoch: int = 0
    offset: int = 0
    committed: int = 0
    trimmed: int = 0
    config: pb.TrainingConfig = field(default_factory=pb.TrainingConfig)
    controls: pb.SessionInfo = field(default_factory=pb.SessionInfo)
    report: pb.ClientReport = field(default_factory=pb.ClientReport)
    performance: pb.PerformanceData | None = None
    commands: CommandBook = field(default_factory=CommandBook)
    streams: dict[str, Stream] = field(default_factory=dict)
    contact: str = "alive"
    frames: int = 0
    frame_times: deque[float] = field(default_factory=lambda: deque(maxlen=121))
    unsealed: list[int] = field(default_factory=lambda: [0, 0])
    sealing: bool = False
    deleted: bool = False

    @property
    def ended(self) -> bool:
        """Did its trainer say that it is over?"""
        return self.status in ENDED

    @property
    def world_size(self) -> int:
        """How many ranks it has, as its trainers say."""
        return max(self.controls.world_size, 1)

    @property
    def newest(self) -> list[Stream]:
        """The newest stream of each rank, ascending by rank."""
        found: dict[int, Stream] = {}
        for stream in sorted(self.streams.values(), key=lambda stream: stream.key):
            found[stream.rank] = stream
        return [found[rank] for rank in sorted(found)]

    def ranks(self, now: float) -> list[RankStanding]:
        """Return how each rank that reported stands, ascending; none for a run of one rank alone."""
        return [stream.standing(now) for stream in self.newest] if self.world_size > 1 else []

    def remarks(self, now: float, unix_ms: int) -> list[str]:
        """Return what is worth saying of its ranks, in sentences; nothing once it is over."""
        if self.ended or self.contact == "lost":
            return []
        return remarks(self.ranks(now), self.world_size, (unix_ms - self.created_ms) / 1000)

    @property
    def guest(self) -> bool:
        """Is there no trainer that is connected for it?"""
        return self.protocol == GUEST

    @property
    def declared(self) -> Sequence[pb.ControlDeclaration]:
        """What its trainer lets be done to it; one of the older protocol has no way to say."""
        return self.controls.controls if self.protocol else OLDER_CONTROLS

    def hear(self, now: float, unix_ms: int) -> bool:
        """Note a sign of life; return whether the contact changed by it."""
        self.heard = now
        self.last_heard_ms = unix_ms
        return self.check_contact(now)

    def check_contact(self, now: float) -> bool:
        """Bring ``contact`` up to date; return whether it changed."""
        contact = "ended" if self.ended else contact_after(now - self.heard, self.protocol)
        changed = contact != self.contact
        self.contact = contact
        return changed

    def apply(self, record: Record, unix_ms: int, *, rank: int = 0) -> bool:
        """Take over what a record says about the run; return whether viewers should be told its state.

        Rank 0 speaks for the run; the others make steps and say what became of commands.
        """
        kind, message = record.kind, record.message
        if rank:
            if kind == BATCH:
                self.steps = max(self.steps, message.batch_data.step + 1)
            elif record.columns is not None and record.columns.newest_batch is not None:
                self.steps = max(self.steps, (record.columns.highest_step or 0) + 1)
            elif kind == RESULT:
                self.commands.apply(self.offset, message)
            return False
        if kind == BATCH:
            batch = message.batch_data
            self.steps = max(self.steps, batch.step + 1)
            self.epoch = batch.epoch
            if self.status == "initializing":
                self.status = "running"
                return True
        elif kind == SCALARS:
            self.steps = max(self.steps, message.scalars.step + 1)
        elif kind == COLUMNS:
            return self._apply_columns(record)
        elif kind == EPOCH:
            self.epoch = message.epoch_data.epoch
        elif kind == PERFORMANCE:
            self.performance = message.performance_data
        elif kind == REPORT:
            self.report = message.client_report
            return True
        elif kind == CONTROLS:
            del self.controls.controls[:]
            self.controls.controls.extend(message.controls.declarations)
            return True
        elif kind == RESULT:
            self.commands.apply(self.offset, message)
        elif kind == STATUS:
            self._apply_status(message.status_update, unix_ms)
            return True
        return False

    def _apply_columns(self, record: Record) -> bool:
        """Take over what points say that came as columns: of batches the same as one batch after the other."""
        columns = record.columns
        if columns is None or columns.highest_step is None:
            return False
        self.steps = max(self.steps, columns.highest_step + 1)
        if columns.newest_batch is None:
            return False
        self.epoch = columns.epoch or 0
        began = self.status == "initializing"
        if began:
            self.status = "running"
        return began

    def _apply_status(self, update: pb.StatusUpdate, unix_ms: int) -> None:
        if update.HasField("config"):
            self.config.MergeFrom(_without_lists(update.config))
            if update.config.class_names:
                del self.config.class_names[:]
                self.config.class_names.extend(update.config.class_names)
        self.message = update.message
        status = STATUS_WORDS.get(update.status)
        if status is None:
            return
        self.status = "interrupted" if status == "failed" and update.interrupted else status
        self.ended_ms = unix_ms if self.ended else 0

    def note_frame(self, now: float, rank: int = 0) -> int:
        """Count a frame and return its number; a viewer sees those of one rank, so the rate is that of rank 0."""
        self.frames += 1
        if not rank:
            self.frame_times.append(now)
        return self.frames

    def ingest_fps(self, now: float) -> float:
        """Return how many frames a second came in the time over which a page counts what it painted."""
        times = [time for time in self.frame_times if now - time <= _FPS_SECONDS]
        return (len(times) - 1) / max(1e-3, times[-1] - times[0]) if len(times) > 1 else 0.0

    def state(self) -> live.RunState:
        """Return what viewers are told."""
        return live.RunState(
            run_id=self.run_id,
            name=self.name,
            project=self.project,
            status=self.status,
            contact=self.contact,
            message=self.message,
            created_ms=self.created_ms,
            last_heard_ms=self.last_heard_ms,
            steps=self.steps,
            epoch=self.epoch,
            config=self.config,
            tags=self.tags,
            controls=self.declared,
            report=self.report,
            ended_ms=self.ended_ms,
            world_size=self.world_size,
        )

    def row(self) -> dict[str, Any]:
        """Return what the store keeps of it with every group of records."""
        return {
            "name": self.name,
            "config": self.config.SerializeToString(),
            "controls": self.controls.SerializeToString(),
            "report": self.report.SerializeToString(),
            "status": self.status,
            "message": self.message,
            "ended_ms": self.ended_ms,
            "last_heard_ms": self.last_heard_ms,
            "steps": self.steps,
            "epoch": self.epoch,
            "last_offset": self.offset,
        }

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], *, now: float, unix_ms: int) -> Run:
        """Return a run as the store has it; it counts as silent for at least as long as makes it stale."""
        silent = max(STALE_SECONDS, (unix_ms - row["last_heard_ms"]) / 1000)
        run = cls(
            key=row["key"],
            run_id=row["run_id"],
            session_hash=row["session_hash"],
            protocol=row["protocol"],
            name=row["name"],
            project=row["project"],
            tags=tuple(json.loads(row["tags"])),
            created_ms=row["created_ms"],
            heard=now - silent,
            status=row["status"],
            message=row["message"],
            ended_ms=row["ended_ms"],
            last_heard_ms=row["last_heard_ms"],
            steps=row["steps"],
            epoch=row["epoch"],
            offset=row["last_offset"],
            committed=row["last_offset"],
            trimmed=row["trimmed_offset"],
            config=pb.TrainingConfig.FromString(row["config"]),
            controls=pb.SessionInfo.FromString(row["controls"]),
            report=pb.ClientReport.FromString(row["report"]),
        )
        run.check_contact(now)
        return run


def _without_lists(config: pb.TrainingConfig) -> pb.TrainingConfig:
    """Return a config whose merge replaces numbers and texts; merging lists would lengthen them at every status."""
    copy = pb.TrainingConfig()
    copy.CopyFrom(config)
    del copy.class_names[:]
    return copy
