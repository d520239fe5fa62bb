"""The batches of the run in view, as older viewers take them: with single pictures, and caught up with what was missed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.dialects.column_rows import batches_of
from livetrain.server.dialects.mailbox import Mailbox
from livetrain.server.dialects.missed import Missed
from livetrain.server.dialects.plain import exact
from livetrain.server.dialects.tiles import Tiles
from livetrain.server.hub import Listener
from livetrain.server.intake import Intake
from livetrain.server.run import Run
from livetrain.server.stage import Stage
from livetrain.server.viewer import Frame

__all__ = ["Batches"]

log = logging.getLogger(__name__)

_Message = TypeVar("_Message", str, bytes)

_SHOWN_SECONDS: Final = 2.0
"""While pictures came within this time, a batch without any is left out: the client would clear its tiles."""
_AWAY_SECONDS: Final = 60.0
"""Who comes back within this time is sent what it missed."""
_MISSED_BATCHES: Final = 5_000
_MISSED_BYTES: Final = 16 * 1024 * 1024
_LEFT: Final = 1_000
_ROWS: Final = 100
"""So many batches are shown of those that came together: a tight loop makes more of them than anybody sees."""


class Batches(Listener, Generic[_Message]):
    """The batches of the run in view, for all clients of one dialect.

    Args:
        intake: of the runs.
        stage: says which run they see.
        tiles: takes frames apart.
        recorder: of what is said.
    """

    def __init__(
        self, intake: Intake, stage: Stage, tiles: Tiles, recorder: DialectRecorder
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._stage = stage
        self._tiles = tiles
        self._clients: set[Mailbox[_Message]] = set()
        # Who went, by host and when: nothing else tells one that comes back from one that is new.
        self._left: deque[tuple[str, float]] = deque(maxlen=_LEFT)
        self._attempt = 0
        self._of = 0  # the key of the run that all below is about
        self._loss: float | None = 0.0
        self._batches = False
        self._next: tuple[Run, Frame] | None = None
        self._frames = asyncio.Event()
        self._translator: asyncio.Task[None] | None = None
        self._shown = -_SHOWN_SECONDS
        # What may have been missed: (when, step, message); pictures are large, so they are kept apart.
        pool = intake.budget.viewers
        self._bare: Missed[_Message] = Missed(
            pool.claim(), most=_MISSED_BATCHES, most_bytes=_MISSED_BYTES // 4
        )
        self._pictured: Missed[_Message] = Missed(
            pool.claim(), most=_MISSED_BATCHES, most_bytes=_MISSED_BYTES
        )
        stage.on_change(self._changed)

    def batch(self, record: pb.TelemetryRequest, *, loss: float | None, fps: float) -> _Message:
        """Return a batch as the dialect has it.

        Args:
            record: of a batch, with single pictures or none.
            loss: the last one that was finite or given; for a batch that has none of its own.
            fps: of the run.
        """
        raise NotImplementedError

    def other(self, record: pb.TelemetryRequest) -> _Message | None:
        """Return a record that is no batch as the dialect has it; None: it has none for it."""
        return None

    # ------------------------------------------------------------ clients

    def close(self) -> None:
        """End what runs beside the clients, and let none wait for more."""
        for mailbox in self._clients:
            mailbox.close()
        if self._translator is not None:
            self._translator.cancel()

    @property
    def full(self) -> bool:
        """Is there no room for another client?"""
        return self._intake.hub.viewers + len(self._clients) >= self._intake.limits.viewers

    @contextmanager
    def attending(self, host: str) -> Iterator[Mailbox[_Message]]:
        """Put what a client is to be sent into the mailbox that this yields, as long as it is open; what it missed first."""
        dropped = self._intake.counters.dropped.labels("frame_superseded").inc
        claim = self._intake.budget.viewers.claim()
        mailbox = Mailbox[_Message](dropped, limit_bytes=2 * _MISSED_BYTES, claim=claim)
        if not self._attended():
            self._changed(None)  # what was kept for somebody who did not come back is old
        self._catch_up(mailbox, self._come_back(host))
        self._clients.add(mailbox)
        self._watchers_changed()
        if self._translator is None:
            self._translator = asyncio.create_task(self._translate())
        try:
            yield mailbox
        finally:
            self._clients.discard(mailbox)
            self._left.append((host, time.monotonic()))
            self._watchers_changed()

    def _catch_up(self, mailbox: Mailbox[_Message], since: float | None) -> None:
        """Send what a client that comes back missed; a new one, and one that missed nothing, gets the newest frame."""
        if since is not None and time.monotonic() - since < _AWAY_SECONDS:
            seen = max((step for when, step, _ in self._pictured if when <= since), default=-1)
            missed = {
                step: message for when, step, message in self._bare if when > since and step > seen
            }
            missed |= {step: message for when, step, message in self._pictured if when > since}
            for step in sorted(missed):
                mailbox.put(missed[step])
            if missed:
                return
        if (newest := self._pictured.newest) is not None:
            mailbox.put(newest, "frame")
        elif (run := self._stage.run) is not None:
            frame = self._intake.hub.channel(run).frame
            if frame is not None:
                self._offer(run, frame)

    def _come_back(self, host: str) -> float | None:
        """Return when the one of this host went that has been away the longest, and count it as back; None: none did."""
        found = next((entry for entry in self._left if entry[0] == host), None)
        if found is None:
            return None
        self._left.remove(found)
        return found[1]

    def _watchers_changed(self) -> None:
        if self._stage.run is not None:
            self._intake.watchers_changed(self._stage.run)

    def _attended(self) -> bool:
        """Is somebody there, or may come back?"""
        now = time.monotonic()
        while self._left and now - self._left[0][1] > _AWAY_SECONDS:
            self._left.popleft()
        return bool(self._clients or self._left)

    # ------------------------------------------------------------ what happens

    def follows(self, run: Run) -> bool:
        """Does it show this run?"""
        return self._stage.follows(run) and self._attended()

    def wants_frames(self, run: Run) -> bool:
        """Does somebody see this run's pictures, or may come back to?"""
        return self._stage.shows(run) and self._attended()

    def _changed(self, _: Run | None) -> None:
        self._attempt = 0
        self._bare.clear()
        self._pictured.clear()
        self._next = None
        self._loss = 0.0
        self._batches = False
        self._shown = -_SHOWN_SECONDS

    def committed(self, run: Run, events: Sequence[live.RunEvent]) -> None:
        """Show batches without pictures where none have any, and keep all for who comes back."""
        now = time.monotonic()
        self._of = run.key
        for event in events:
            if event.attempt and event.attempt != self._attempt:
                # Started once more: it goes on at an earlier step, and what was kept is not what is missed.
                if self._attempt:
                    self._changed(None)
                self._attempt = event.attempt
            record = event.record
            kind = record.WhichOneof("payload")
            if kind == "batch_data":
                self._batches = True
                self._tell_batch(run, record, now)
            elif kind == "columns":
                self._tell_columns(run, record.columns, now)
            elif self._batches or (told := _as_batch(record)) is None:
                self._tell(self.other(record))
            else:
                self._tell_batch(run, told, now)

    def _tell_columns(self, run: Run, columns: pb.PointColumns, now: float) -> None:
        """Show batches that came together, and numbers as batches where there are none."""
        if columns.HasField("batches"):
            self._batches = True
        elif self._batches:
            return
        told, left_out = batches_of(columns, most=_ROWS)
        self._intake.counters.dropped.labels("older_batches").inc(left_out)
        for record in told:
            self._tell_batch(run, record, now)

    def _tell_batch(self, run: Run, record: pb.TelemetryRequest, now: float) -> None:
        batch = record.batch_data
        message = self.batch(record, loss=self._loss, fps=_fps(run, now))
        if batch.HasField("batch_loss"):
            self._loss = exact(batch, "exact_loss", "batch_loss")
        self._bare.add(now, batch.step, message)
        if now - self._shown > _SHOWN_SECONDS:
            self._tell(message)

    def _tell(self, message: _Message | None) -> None:
        if message is not None:
            for mailbox in self._clients:
                mailbox.put(message)

    def framed(self, run: Run, frame: Frame) -> None:
        """Show a frame, if it is the newest when its turn comes."""
        self._offer(run, frame)

    def _offer(self, run: Run, frame: Frame) -> None:
        if self._next is not None:
            self._intake.counters.dropped.labels("frame_superseded").inc()
        self._next = (run, frame)
        self._of = run.key
        self._shown = time.monotonic()
        self._frames.set()

    def state_changed(self, run: Run) -> None:
        """The dialect has no word for it."""

    def performed(self, run: Run) -> None:
        """It goes with the next batch."""

    def troubled(self, sentence: str) -> None:
        """The dialect has no word for it."""

    def forgotten(self, run: Run) -> None:
        """Keep nothing of it for who may come back."""
        self._tiles.forget(run)
        if run.key == self._of:
            self._changed(None)
            if run.deleted:
                for mailbox in self._clients:
                    mailbox.clear()

    async def _translate(self) -> None:
        await self._tiles.warm()
        while True:
            await self._frames.wait()
            self._frames.clear()
            offered, self._next = self._next, None
            if offered is None:
                continue
            run, frame = offered
            try:
                record = await self._tiles.of(run, frame)
            except Exception:
                log.exception("a frame of run %s could not be shown to older viewers", run.run_id)
                continue
            if not self._stage.shows(run):
                continue
            now = time.monotonic()
            message = self.batch(record, loss=self._loss, fps=_fps(run, now))
            self._pictured.add(now, record.batch_data.step, message)
            for mailbox in self._clients:
                mailbox.put(message, "frame")


def _as_batch(record: pb.TelemetryRequest) -> pb.TelemetryRequest | None:
    """Return the numbers of a step as a batch, or None: there is no loss among them."""
    values = {scalar.name: scalar.value for scalar in record.scalars.values}
    if "loss" not in values:
        return None
    scalars = record.scalars
    batch = pb.BatchData(step=scalars.step, epoch=scalars.epoch)
    batch.batch_loss = batch.exact_loss = values["loss"]
    batch.batch_idx = scalars.step & 0xFFFFFFFF
    if "accuracy" in values:
        batch.batch_accuracy = batch.exact_accuracy = values["accuracy"]
    return pb.TelemetryRequest(batch_data=batch)


def _fps(run: Run, now: float) -> float:
    performance = run.performance
    said = performance.current_fps if performance is not None else 0.0
    return said or run.ingest_fps(now)
