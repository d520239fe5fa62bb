"""A run as it stands: what its trainer said last, and when that was. No I/O; clocks are passed in."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server import records, run_bounds
from livetrain.server.clocks import earliest_time_us, own_time_us
from livetrain.server.commands import OLDER_CONTROLS, CommandBook
from livetrain.server.producers import Producers
from livetrain.server.ranks import RankStanding, end_remarks, remarks
from livetrain.server.reports import join_reports, told_report
from livetrain.server.stream import (
    ENDED,
    GUEST,
    GUEST_PATIENCE,
    LOST_SECONDS,
    STALE_SECONDS,
    STATUS_WORDS,
    Stream,
    contact_after,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "GUEST",
    "GUEST_PATIENCE",
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
_RUN_BYTES: Final = 8 * 1024
_STREAM_BYTES: Final = 2 * 1024


@dataclass(slots=True)
class Run:
    """One run.

    Attributes:
        key: in the store.
        protocol: 0 for an older client's, 1 for one of today, :data:`GUEST` for none.
        offset: of the last record that was taken; it is committed up to ``committed``.
        anew_offset: other points counted before it, or attempts had other numbers: what viewers know from then is of no use.
        heard: when a trainer of it last said something, seconds of the monotonic clock.
        frames: how many frames came so far, in this life of the server.
        unsealed: records that are in no chunk of a curve, and their bytes.
        settled: whether the store has its settings and declarations as they are.
        packed_curves: of how many curves it had points when they were packed last.
        controls: what its trainer lets be done to it, and how many ranks there are.
        streams: its producers.
        steps: its newest step plus one.
        kept_heard_ms: ``last_heard_ms`` as the store has it.
        created_ms: when its trainer began it, Unix milliseconds by the server's clock, as all times here.
        first_point_us: when its first point was logged, Unix microseconds; 0: none was.
        traceback, exit_code: of the error or process that ended it; empty and None: not known.
        notes: what is worth saying of the whole run, in sentences, by what they are about.
        not_understood: what its log says already that was not understood, in this life of the server.
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
    kept_heard_ms: int = 0
    steps: int = 0
    epoch: int = 0
    offset: int = 0
    committed: int = 0
    trimmed: int = 0
    anew_offset: int = 0
    config: pb.TrainingConfig = field(default_factory=pb.TrainingConfig)
    controls: pb.SessionInfo = field(default_factory=pb.SessionInfo)
    report: pb.ClientReport = field(default_factory=pb.ClientReport)
    performance: pb.PerformanceData | None = None
    commands: CommandBook = field(default_factory=CommandBook)
    streams: Producers = field(default_factory=Producers)
    first_point_us: int = 0
    traceback: str = ""
    exit_code: int | None = None
    notes: dict[str, str] = field(default_factory=dict)
    not_understood: set[str] = field(default_factory=set)
    contact: str = "alive"
    frames: int = 0
    frame_times: deque[float] = field(default_factory=lambda: deque(maxlen=121))
    unsealed: list[int] = field(default_factory=lambda: [0, 0])
    sealing: bool = False
    settled: bool = False
    packed_curves: int = 0
    deleted: bool = False

    @property
    def ended(self) -> bool:
        """Did its trainer say that it is over?"""
        return self.status in ENDED

    @property
    def connected(self) -> bool:
        """Whether a stream of it is open."""
        return any(stream.outlet is not None for stream in self.streams.values())

    @property
    def world_size(self) -> int:
        """How many ranks it has, as its trainers say."""
        return max(self.controls.world_size, 1)

    def ranks(self, now: float) -> list[RankStanding]:
        """Return how each rank that reported stands, ascending; none for a run of one rank alone."""
        if self.world_size == 1:
            return []
        return [stream.standing(now) for stream in self.streams.newest(self.world_size)]

    def remarks(self, now: float, unix_ms: int) -> list[str]:
        """Return what is worth saying of its ranks while it goes on, in sentences; nothing once it is over."""
        if self.ended or self.contact == "lost":
            return []
        began_us = self.speaker.first_us if self.speaker is not None else 0
        age_ms = unix_ms - (began_us // 1000 or self.created_ms)
        return remarks(self.ranks(now), self.world_size, age_ms / 1000)

    def lasting_remarks(self, now: float) -> list[str]:
        """Return what stays worth saying of the whole run, in sentences."""
        said = list(self.notes.values())
        if self.ended or self.contact == "lost":
            speaks = self.speaker.rank if self.speaker is not None else 0
            said += end_remarks(self.ranks(now), speaker=speaks)
        return said

    @property
    def speaker(self) -> Stream | None:
        """The stream whose words count for the run."""
        return self.streams.speaker

    @property
    def left_behind(self) -> bool:
        """Whether all that is known of it was left on a disk by trainers that were dead already."""
        return bool(self.streams) and all(stream.leftover for stream in self.streams.values())

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
        if contact == "lost" and self.protocol == 0 and self.connected:
            contact = "stale"  # it may train for long between two batches, and its connection holds
        changed = contact != self.contact
        self.contact = contact
        return changed

    def advance(
        self, stream: Stream, record: records.Record, now_us: int, clock_offset_us: int = 0
    ) -> tuple[bool, Sequence[Stream]]:
        """Take over a record of one of its streams.

        Args:
            stream: whose it is.
            record: as it was read.
            now_us: when it came, Unix microseconds.
            clock_offset_us: of the trainer's clock when the record was made.

        Returns:
            Whether viewers should be told the run's state; and the streams that are a later attempt than was known before,
            because an earlier one was heard only now.
        """
        own_us = own_time_us(record.message, record.columns)
        made_us = own_us - clock_offset_us if own_us else now_us
        first, steps, logged = not stream.first_us, stream.steps, stream.logged
        before, changed = self.speaker, False
        moved: Sequence[Stream] = ()
        stream.apply(record, made_us)
        if first or logged != stream.logged:
            moved = self.streams.place(stream)
            if moved or (logged != stream.logged and len(self.streams.attempts) > 1):
                self.anew_offset = self.offset
            changed = logged != stream.logged
            if first and made_us // 1000 < self.created_ms:
                self.created_ms = made_us // 1000
            if self.speaker is not before and self.ended:
                self._begin_anew()
        if logged != stream.logged or record.kind == records.PERFORMANCE:
            changed |= self._note_point(record, made_us, now_us, clock_offset_us)
        self.steps = self.streams.count_steps(self.steps, stream, steps)
        if stream.leftover:
            self.last_heard_ms = max(self.last_heard_ms, made_us // 1000)
        if record.kind == records.REPORT:
            changed |= self.join_report(stream, record.message.client_report)
        elif stream is self.speaker:
            changed |= self.apply(record, made_us // 1000)
        elif record.kind == records.RESULT:
            self.commands.apply(self.offset, record.message)
        return changed, moved

    def join_report(self, stream: Stream, report: pb.ClientReport) -> bool:
        """Take over what one of its starts counted; return whether viewers should be told: other ranks speak for themselves."""
        if self.speaker is None or stream.rank != self.speaker.rank:
            return False
        newest = stream is self.speaker
        report = run_bounds.keep_report(report)
        self.report = join_reports(self.report, stream.stream_id, report, newest=newest)
        return True

    def _begin_anew(self) -> None:
        """The training was started once more: how the earlier start ended is not how the run stands."""
        self.status, self.message, self.ended_ms = "initializing", "", 0
        self.traceback, self.exit_code = "", None

    def _note_point(
        self, record: records.Record, made_us: int, now_us: int, clock_offset_us: int
    ) -> bool:
        """Note when the first point was logged; return whether that is another time than was known."""
        earliest = earliest_time_us(record.message, record.columns)
        earliest = earliest - clock_offset_us if earliest else now_us
        if self.first_point_us and earliest >= self.first_point_us:
            return False
        self.first_point_us = max(1, min(earliest, made_us))
        return True

    def apply(self, record: records.Record, unix_ms: int) -> bool:
        """Take over what its speaker says about the run; return whether viewers should be told its state."""
        kind, message = record.kind, record.message
        if kind == records.BATCH:
            self.epoch = message.batch_data.epoch
            return self._goes_on()
        if kind == records.COLUMNS:
            columns = record.columns
            if columns is None or columns.newest_batch is None:
                return self._goes_on() if columns is not None and columns.points else False
            self.epoch = columns.epoch or 0
            return self._goes_on()
        if kind == records.SCALARS:
            return self._goes_on()
        if kind == records.EPOCH:
            self.epoch = message.epoch_data.epoch
        elif kind == records.PERFORMANCE:
            self.performance = message.performance_data
        elif kind == records.CONTROLS:
            self.set_declarations(message.controls.declarations)
            return True
        elif kind == records.RESULT:
            self.commands.apply(self.offset, message)
        elif kind == records.STATUS:
            self.apply_status(message.status_update, unix_ms)
            return True
        return False

    def _goes_on(self) -> bool:
        """Note that it makes steps; return whether that was not known.

        An older client has no other word for it, and comes back without one after its stream was closed in order.
        """
        if self.status != "initializing" and not (self.ended and self.protocol == 0):
            return False
        if self.ended:
            self.message, self.ended_ms = "", 0
        self.status = "running"
        return True

    def apply_status(self, update: pb.StatusUpdate, unix_ms: int) -> None:
        """Take over how its speaker says that it stands."""
        if update.HasField("config"):
            self.set_config(update.config)
        self.name = update.run_name[: run_bounds.NAME_CHARS] or self.name
        self.message = run_bounds.cut(update.message)
        status = STATUS_WORDS.get(update.status)
        if status is None:
            return
        self.status = "interrupted" if status == "failed" and update.interrupted else status
        self.ended_ms = unix_ms if self.ended else 0
        self.traceback = update.traceback[-run_bounds.TRACEBACK_CHARS :] if self.ended else ""
        told = self.ended and update.HasField("exit_code")
        self.exit_code = update.exit_code if told else None

    def set_config(self, config: pb.TrainingConfig) -> None:
        """Take over what its trainer says of its settings."""
        run_bounds.keep_config(self.config, config)
        self.settled = False

    def set_declarations(self, declarations: Iterable[pb.ControlDeclaration]) -> None:
        """Take over what its trainer lets be done to it."""
        run_bounds.keep_declarations(self.controls, declarations)
        self.settled = False

    def leave_out_settings(self) -> None:
        """Forget the large part of its settings, and say so in their place."""
        self.config.config_json = run_bounds.LEFT_OUT
        del self.config.class_names[:]
        self.settled = False

    @property
    def known_bytes(self) -> int:
        """About how much memory is taken by what is known of it, but for its viewers."""
        said = sum(part.ByteSize() for part in (self.config, self.controls, self.report))
        said += len(self.traceback) + len(self.message) + self.commands.bytes
        return 2 * said + _RUN_BYTES + _STREAM_BYTES * len(self.streams)

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

    def state(self, now: float) -> live.RunState:
        """Return what viewers are told; ``now``: seconds of the monotonic clock."""
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
            report=told_report(self.report),
            ended_ms=self.ended_ms,
            world_size=self.world_size,
            first_point_us=self.first_point_us,
            clock_offset_us=self.clock_offset_us,
            attempts=self.streams.attempts,
            remarks=self.lasting_remarks(now),
            traceback=self.traceback,
            ranks=[rank.told() for rank in self.ranks(now)],
        )

    @property
    def clock_offset_us(self) -> int:
        """How far its trainer's clock is from the server's, microseconds: its time minus ours."""
        return self.speaker.clock.offset_us if self.speaker is not None else 0

    @property
    def duration_seconds(self) -> float | None:
        """How long it ran from its first point to its end, or to when it was last heard; None: it has no point yet."""
        if not self.first_point_us:
            return None
        return max(0.0, (self.ended_ms or self.last_heard_ms) / 1000 - self.first_point_us / 1e6)

    @property
    def search_text(self) -> str:
        """What it is found by."""
        return "\n".join((self.name, self.project, self.run_id, *self.tags)).casefold()

    def row(self) -> dict[str, Any]:
        """Return what the store keeps of it with every group of records."""
        self.kept_heard_ms = self.last_heard_ms
        settings: dict[str, Any] = {}
        if not self.settled:  # they are large, and others every now and then only
            self.settled = True
            settings["config"] = self.config.SerializeToString()
            settings["controls"] = self.controls.SerializeToString()
        return {
            **settings,
            "name": self.name,
            "report": self.report.SerializeToString(),
            "status": self.status,
            "message": self.message,
            "ended_ms": self.ended_ms,
            "last_heard_ms": self.last_heard_ms,
            "steps": self.steps,
            "epoch": self.epoch,
            "last_offset": self.offset,
            "created_ms": self.created_ms,
            "first_point_us": self.first_point_us,
            "traceback": self.traceback,
            "exit_code": self.exit_code,
            "remarks": json.dumps(self.notes),
            "search": self.search_text,
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
            kept_heard_ms=row["last_heard_ms"],
            steps=row["steps"],
            epoch=row["epoch"],
            offset=row["last_offset"],
            committed=row["last_offset"],
            trimmed=row["trimmed_offset"],
            config=run_bounds.read_config(row["config"]),
            settled=True,
            controls=pb.SessionInfo.FromString(row["controls"]),
            report=pb.ClientReport.FromString(row["report"]),
            first_point_us=row["first_point_us"],
            traceback=row["traceback"],
            exit_code=row["exit_code"],
            notes=json.loads(row["remarks"]),
        )
        run.check_contact(now)
        return run
