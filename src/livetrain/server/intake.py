"""From a record to the journal, and from the commit to viewers and acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.budget import Budget
from livetrain.server.clocks import drop_impossible_times, made_at_us, own_time_us
from livetrain.server.counters import Counters
from livetrain.server.hub import Hub
from livetrain.server.limits import Limits
from livetrain.server.logs import Complaints
from livetrain.server.name_limit import NameLimit
from livetrain.server.outlet import Outlet
from livetrain.server.payloads import SERVER_SOURCE
from livetrain.server.reception import Reception
from livetrain.server.record_rows import encode_row, sample_row, strip_reason
from livetrain.server.records import (
    BATCH,
    COLUMNS,
    CONTROLS,
    PERFORMANCE,
    REPORT,
    RESULT,
    STATUS,
    Record,
)
from livetrain.server.registry import Registry
from livetrain.server.run import NOTABLE, STEERING, Run, Stream
from livetrain.server.store.journal import Journal, JournalError
from livetrain.server.store.statements import Group
from livetrain.server.store.trouble import trouble_sentence
from livetrain.server.turns import Turns

__all__ = ["Intake", "error_response"]

log = logging.getLogger(__name__)

_UNWATCHED_MS: Final = 1000
"""The wish between two frames when nobody watches: enough for the page to show something at once when somebody comes."""

_OF_RUN: Final = frozenset({STATUS, REPORT, RESULT, CONTROLS})
"""Kinds of records of which the run itself knows something afterwards."""
_SETTLE_SECONDS: Final = 1.0
_PACK_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.05
_TURN_SECONDS: Final = 0.002
_TURN_RECORDS: Final = 64
"""So many committed records are passed on together."""
_NOT_UNDERSTOOD: Final = 50
_NOT_UNDERSTOOD_CHARS: Final = 300
"""So many things are said of a run that were not understood, each so long."""
_TOO_MANY_NAMES: Final = "too_many_names"
"""Among a run's notes."""


def error_response(
    session_id: str,
    code: int,
    message: str,
    *,
    retryable: bool = False,
    retry_after_ms: int = 0,
    expected_seq: int = 0,
    rejected_seq: int = 0,
    replaced: bool = False,
) -> pb.TelemetryResponse:
    """Return an error as a trainer is told it."""
    error = pb.ErrorResponse(
        code=code,  # type: ignore[arg-type]  # the enum's ints are its values
        message=message,
        retryable=retryable,
        retry_after_ms=retry_after_ms,
        expected_seq=expected_seq,
        rejected_seq=rejected_seq,
        replaced=replaced,
    )
    return pb.TelemetryResponse(session_id=session_id, timestamp_ms=_unix_ms(), error=error)


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


class Intake:
    """Takes records of runs and sees them through.

    Args:
        registry: the runs.
        hub: their viewers.
        limits: the bounds.
        counters: what is counted.
        epoch: of the store.

    Attributes:
        reception: lets trainers' messages in as fast as there is memory for them.
        names: holds runs to the number of metric names that they may have; it learns what a run has before a record is taken.
        journal: set by the composition root, because it calls back here.
        turns: of all clients on the event loop.
        pack: called with a run that has enough records for the next chunks of its curves; set there too.
    """

    def __init__(
        self,
        registry: Registry,
        hub: Hub,
        limits: Limits,
        counters: Counters,
        *,
        epoch: str,
    ) -> None:
        self.registry = registry
        self.hub = hub
        self.limits = limits
        self.counters = counters
        self.epoch = epoch
        self.names = NameLimit(registry, limits)
        self.reception = Reception(hub.budget.received)
        self.turns = Turns()
        self.journal: Journal
        self.pack: Callable[[Run], None]
        self._complaints = Complaints(log)
        self._in_trouble = False

    @property
    def budget(self) -> Budget:
        """The memory that all buffers share."""
        return self.hub.budget

    @property
    def degraded(self) -> str | None:
        """Why the store does not take records now; None: it does."""
        return self.journal.trouble

    def take(self, run: Run, stream: Stream, record: Record, seq: int) -> None:
        """Put a record that is new into the journal, and its pictures before the viewers at once."""
        now_us = time.time_ns() // 1000
        unix_ms = now_us // 1000
        record, refused, curve = self.names.apply(run, record, stream.rank)
        if refused:
            self._refuse_points(run, stream, refused, curve)
        message = record.message
        if drop_impossible_times(message):
            record.data = message.SerializeToString()
        clock_offset_us = stream.clock.offset_of(own_time_us(message, record.columns), now_us)
        if record.kind == RESULT and message.command_result.HasField("replay"):
            self._note_replay(run, message, unix_ms)
        run.offset += 1
        changed, moved = run.advance(stream, record, now_us, clock_offset_us)
        if moved:
            self._renumber(run, moved)
        if record.kind in _OF_RUN:
            self.registry.weigh(run)
        if changed:
            run.check_contact(time.monotonic())
            self.hub.channel(run).tell_state()
        self.counters.records.inc()
        if record.kind in (BATCH, COLUMNS) and message.frames_stripped:
            self.counters.stripped.labels(strip_reason(message)).inc(message.frames_stripped)
        if record.kind == BATCH:
            stream.last_batch = message.batch_data.batch_idx
            if record.frame is not None:
                self.counters.frames.inc()
                if not self.hub.show(run, stream.rank, record.frame, record.hashed):
                    self.counters.dropped.labels("frame_memory").inc()
        elif record.columns is not None and record.columns.newest_batch is not None:
            stream.last_batch = record.columns.newest_batch
        elif record.kind == PERFORMANCE:
            self.hub.note_performance(run, stream, message.performance_data)
        sample = None
        if record.picture:
            made_us = made_at_us(message, clock_offset_us=clock_offset_us, received_ms=unix_ms)
            sample = sample_row(run, record, made_us // 1000)
        batch = message.batch_data.batch_idx
        self._add(
            run, stream, record.kind, record.data, seq, unix_ms, batch, sample, clock_offset_us
        )

    def _refuse_points(self, run: Run, stream: Stream, points: int, curve: str) -> None:
        """Count points that are not stored because their run has too many metric names, and say so once."""
        stream.refused_points += points
        self.counters.refused_points.inc(points)
        if _TOO_MANY_NAMES not in run.notes:
            run.notes[_TOO_MANY_NAMES] = (
                f"This run has more than {self.limits.metrics:,} metric names: points of further ones, such as {curve!r}, "
                "are not stored."
            )
            self.hub.channel(run).tell_state()
        self._complaints.warn(
            f"names of {run.key}",
            "run %s has more than %s metric names; points of further ones are not stored, such as %s",
            run.run_id,
            self.limits.metrics,
            repr(curve),
        )

    def _renumber(self, run: Run, moved: Sequence[Stream]) -> None:
        """Let later attempts count on by one: an earlier one was heard only now."""
        for later in moved:
            self.journal.touch_stream(later.key, later.row)

    def note(self, run: Run, record: pb.TelemetryRequest) -> None:
        """Put something of the server's own into a run's log: an event, a command or what became of one."""
        if self.registry.is_gone(run):
            return
        run.offset += 1
        run.commands.apply(run.offset, record)
        self.registry.weigh(run)
        payload = record.WhichOneof("payload") or ""
        kind = pb.TelemetryRequest.DESCRIPTOR.fields_by_name[payload].number
        self._add(run, None, kind, record.SerializeToString(), 0, record.timestamp_ms, 0)

    def _note_replay(self, run: Run, record: pb.TelemetryRequest, unix_ms: int) -> None:
        """Write a command into the log that a training gave to itself, by its recipe, before the first thing that became of it."""
        result = record.command_result
        if not result.command_id or result.command_id in run.commands:
            return
        issued = pb.CommandIssued(
            command_id=result.command_id,
            verb=result.replay.verb,
            parameters=result.replay.parameters,
            issued_by="recipe",
            issued_ms=unix_ms,
            expires_ms=unix_ms,
        )
        self.note(run, pb.TelemetryRequest(timestamp_ms=unix_ms, command_issued=issued))

    def tell_not_understood(self, run: Run, what: str) -> None:
        """Say in a run's log what one of its clients said and was not understood, once.

        Args:
            run: whose it is.
            what: a clause without a full stop, such as ``field 12 of BatchData``; the same one is said once.
        """
        what = what[:_NOT_UNDERSTOOD_CHARS]
        known = what in run.not_understood or len(run.not_understood) >= _NOT_UNDERSTOOD
        if known or run.deleted:
            return
        run.not_understood.add(what)
        message = f"Not understood: {what}."
        entry = pb.Log(level=pb.WARNING, message=message, source=SERVER_SOURCE)
        self.note(run, pb.TelemetryRequest(timestamp_ms=_unix_ms(), log=entry))

    def conclude(self, run: Run) -> None:
        """Note that an older client's run is over: it closed its stream in order, and has no other word for that."""
        unix_ms = _unix_ms()
        update = pb.StatusUpdate(status=pb.COMPLETED, message="The trainer closed its stream.")
        run.apply_status(update, unix_ms)
        run.check_contact(time.monotonic())
        self.note(run, pb.TelemetryRequest(timestamp_ms=unix_ms, status_update=update))
        self.hub.channel(run).tell_state()

    def _add(
        self,
        run: Run,
        stream: Stream | None,
        kind: int,
        data: bytes,
        seq: int,
        unix_ms: int,
        batch: int,
        sample: dict[str, Any] | None = None,
        clock_offset_us: int = 0,
    ) -> None:
        row = {
            "run_key": run.key,
            "offset": run.offset,
            "stream_key": stream.key if stream is not None else 0,
            "received_ms": unix_ms,
            "notable": kind in NOTABLE,
            "steering": kind in STEERING,
            "clock_offset_us": clock_offset_us,
            "record": data,
        }
        # An older client waits for one acknowledgement a batch. Its stream may say another session's id by the time of the commit.
        older = None
        if run.protocol == 0 and kind == BATCH and stream is not None and stream.outlet is not None:
            older = stream.outlet, stream.outlet.session_id, batch
        # Rows and Python objects cost some 200 bytes beside the record itself.
        size = len(data) + 200 + (sample["size"] if sample is not None else 0)
        origin = run, stream, older
        self.journal.add(
            row,
            seq=seq,
            state=run.row,
            stream_state=None if stream is None else stream.row,
            origin=origin,
            size=size,
            sample=sample,
        )

    async def settle(self) -> None:
        """Have what was taken committed within a second; where the store cannot be written, it stays as it is."""
        with contextlib.suppress(JournalError, TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self.journal.execute(lambda connection: None)

    async def committed(self, group: Group) -> None:
        """Pass on a group that is in the store: to its trainers as acknowledgements, and to viewers.

        Thousands of records may be in a group: others have their turn in between.
        """
        self.counters.commits.inc()
        self.counters.commit_seconds.observe(self.journal.commit_seconds)
        streams = {stream.key: stream for _, stream, _ in group.origins if stream is not None}
        for key, seq in group.watermarks.items():
            stream = streams[key]
            stream.order.commit(seq)
            if stream.outlet is not None:
                stream.outlet.due()
        began = time.perf_counter()
        events: dict[int, tuple[Run, list[tuple[int, bytes]]]] = {}
        for place, (row, (run, stream, older)) in enumerate(
            zip(group.events, group.origins, strict=True), 1
        ):
            if older is not None and stream is not None:
                self._acknowledge_older(stream, *older)
            event = row["offset"], encode_row(row, run, stream)
            events.setdefault(run.key, (run, []))[1].append(event)
            run.unsealed[0] += 1
            run.unsealed[1] += len(row["record"])
            if place % _TURN_RECORDS == 0 or place == len(group.events):
                self._publish(events.values())
                events = {}
                if time.perf_counter() - began > _TURN_SECONDS:
                    await asyncio.sleep(0)
                    began = time.perf_counter()

    @staticmethod
    def _acknowledge_older(stream: Stream, outlet: Outlet, session_id: str, batch: int) -> None:
        """Tell an older client, if it is connected, that a batch is committed."""
        ack = pb.Acknowledgment(success=True, batch_idx=batch)
        response = pb.TelemetryResponse(session_id=session_id, timestamp_ms=_unix_ms(), ack=ack)
        (stream.outlet or outlet).put(response)

    def _publish(self, events: Iterable[tuple[Run, list[tuple[int, bytes]]]]) -> None:
        """Pass on committed records to viewers; what a viewer is told to have changes at the same moment."""
        for run, published in events:
            run.committed = published[-1][0]
            if run.deleted:
                continue
            channel = self.hub.channel(run)
            channel.publish(published)
            if published[0][0] <= run.anew_offset <= published[-1][0]:
                channel.start_over()
            if (
                run.unsealed[0] >= self.limits.seal_events
                or run.unsealed[1] >= self.limits.seal_bytes
            ):
                self.pack(run)

    def troubled(self, reason: str | None) -> None:
        """Tell every trainer that the store does not take records any more, once, or that it does again."""
        if reason is None:
            self._in_trouble = False
            log.warning("the store takes records again")
            self.hub.tell_trouble("")
            return
        self.counters.commit_failures.inc()
        self._complaints.warn(
            "store",
            "the store cannot be written (%s); nothing is acknowledged, live views go on, and it is tried again",
            reason,
        )
        self.hub.tell_trouble(trouble_sentence(reason))
        if self._in_trouble:
            return
        self._in_trouble = True
        for run in self.registry.runs:
            for stream in run.streams.values():
                self.tell_trouble(stream)

    def tell_trouble(self, stream: Stream) -> None:
        """Tell a trainer, if it is connected, that the store cannot be written, in case it cannot."""
        if self.journal.trouble is None or stream.outlet is None:
            return
        code = pb.ErrorResponse.INTERNAL_ERROR
        sentence = trouble_sentence(self.journal.trouble)
        stream.outlet.put(
            error_response(
                stream.outlet.session_id, code, sentence, retryable=True, retry_after_ms=1000
            )
        )

    def acknowledgement(self, run: Run, stream: Stream, session_id: str) -> pb.TelemetryResponse:
        """Return how far a stream is."""
        # Points that are in no chunk are held in memory by whoever asks for a curve. Without credit a trainer sends one record
        # at a time: less than is packed meanwhile, and never nothing.
        behind = run.unsealed[1] > self.limits.unsealed_bytes
        window = 0 if self.journal.full or behind else self.limits.credit_bytes
        stream.granted = stream.order.waiting_bytes
        channel = self.hub.channel(run)
        ack = pb.Acknowledgment(
            success=True,
            batch_idx=stream.last_batch,
            durable_seq=stream.order.durable,
            received_seq=stream.order.received,
            credit_bytes=stream.order.credit(window),
            frame_interval_ms=0 if channel.watched else _UNWATCHED_MS,
            server_epoch=self.epoch,
            pictures_wanted=channel.keepsakes.wanted,
            refused_points=stream.refused_points,
        )
        return pb.TelemetryResponse(session_id=session_id, timestamp_ms=_unix_ms(), ack=ack)

    async def packed(self, run: Run | None) -> None:
        """Wait, some seconds at most, while very many records of a run are in no chunk: whoever asks for its curves holds them."""
        deadline = time.monotonic() + _PACK_SECONDS
        while (
            run is not None
            and run.unsealed[1] > 2 * self.limits.unsealed_bytes
            and time.monotonic() < deadline
        ):
            await asyncio.sleep(_LOOK_SECONDS)

    def watchers_changed(self, run: Run) -> None:
        """Tell a run's trainers at once how many frames are wanted."""
        for stream in run.streams.values():
            if stream.outlet is not None:
                stream.outlet.due()
