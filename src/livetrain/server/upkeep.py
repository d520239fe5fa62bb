"""What happens by itself: contact lost and found, curves packed, old data forgotten, deleted runs removed."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.completion import complete
from livetrain.server.desk import Desk
from livetrain.server.hub import COME_AGAIN
from livetrain.server.intake import Intake, error_response
from livetrain.server.logs import Complaints
from livetrain.server.packer import Packer
from livetrain.server.payloads import RANK_BACK, RANK_LOST
from livetrain.server.run import LOST_SECONDS, STALE_SECONDS, Run, Stream
from livetrain.server.store.journal import JournalError
from livetrain.server.store.statements import delete_slice, mark_deleted

__all__ = ["Upkeep"]

log = logging.getLogger(__name__)

_SWEEP_SECONDS: Final = 0.25
_RETAIN_SECONDS: Final = 3600.0
_RENEW_SECONDS: Final = 0.02
_COME_BACK_SECONDS: Final = 3.0
_KEEP_HEARD_MS: Final = 15_000
"""How far what the store knows of a silent run's last sign of life may be behind."""
_DELETE_ROWS: Final = 5000
_GONE: Final = 4004
_LOG_SECONDS: Final = 1.0
"""How long a deletion waits for the write-ahead log to be emptied; where somebody reads for longer, that is done afterwards."""


class Upkeep:
    """Looks after the runs.

    Args:
        intake: theirs.
        desk: where commands for them are given.
        packer: packs their curves.
        retain_days: runs that were silent for longer are deleted; None: never.
    """

    def __init__(
        self, intake: Intake, desk: Desk, packer: Packer, *, retain_days: float | None
    ) -> None:
        self._intake = intake
        self._desk = desk
        self._registry = intake.registry
        self._hub = intake.hub
        self._limits = intake.limits
        self._packer = packer
        self._retain_days = retain_days
        self._complaints = Complaints(log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._log_is_due = False

    async def run(self) -> None:
        """Look after time, for good: who fell silent, whom nobody needs in memory, what is too old."""
        self._spawn(self._finish_deletions())
        self._spawn(self._packer.upgrade())
        self._spawn(self._renew_older_runs())
        retained = -_RETAIN_SECONDS
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            self._hub.beat(now, time.time_ns() // 1000)
            for run in self._registry.runs:
                self._check(run, now)
            for run in self._registry.idle(now):
                if not self._hub.channel(run).viewers:
                    self._registry.forget(run)
                    self._intake.names.forget(run)
                    self._hub.forget(run, COME_AGAIN)
            if self._log_is_due:
                self._log_is_due = False
                self._spawn(self._clear_log())
            if self._retain_days is not None and now - retained > _RETAIN_SECONDS:
                retained = now
                self._spawn(self._retain(self._retain_days))

    def _check(self, run: Run, now: float) -> None:
        if run.check_contact(now):
            self._complaints.note("contact", "run %s is %s", run.run_id, run.contact)
            self._hub.channel(run).tell_state()
        self._desk.sweep(run)
        self._packer.pack(run)
        for stream in run.streams.values():
            self._check_silence(run, stream, now)
            if self._left(run, stream, now):
                self._intake.conclude(run)
        if run.world_size > 1:
            self._check_ranks(run, now)
        if run.last_heard_ms - run.kept_heard_ms > _KEEP_HEARD_MS:
            self._keep_standing(run)

    def conclude(self) -> None:
        """Note which older clients' runs are over, before the server ends: nothing tells of it afterwards."""
        for run in self._registry.runs:
            for stream in run.streams.values():
                if self._left(run, stream, math.inf):
                    self._intake.conclude(run)

    def _left(self, run: Run, stream: Stream, now: float) -> bool:
        """Say whether an older client closed its stream in order, which is its only word for an end, and did not come back."""
        closed = stream.half_closed
        return (
            run.protocol == 0
            and not run.ended
            and stream.outlet is None
            and closed is not None
            and now - closed > _COME_BACK_SECONDS
        )

    async def _renew_older_runs(self) -> None:
        """Write down how runs stand that an earlier livetrain kept otherwise, one after the other."""
        after = 0
        try:
            while found := await self._registry.ask(
                self._registry.reader.runs_of_older_schema, after
            ):
                for _, run_id in found:
                    await self._renew(run_id)
                after = found[-1][0]
        except (JournalError, SQLAlchemyError) as error:
            self._complaints.warn(
                "older", "runs of an earlier livetrain wait to be read: %s", error
            )

    async def _renew(self, run_id: str) -> None:
        there = self._registry.get(run_id) is not None
        run = await self._registry.find(run_id)
        if run is None:
            return
        self._keep_standing(run)
        await self._intake.settle()
        idle = all(stream.outlet is None for stream in run.streams.values())
        if not there and idle and not self._hub.channel(run).viewers:
            self._registry.forget(run)
            self._hub.forget(run, COME_AGAIN)
        await asyncio.sleep(_RENEW_SECONDS)

    def _keep_standing(self, run: Run) -> None:
        """Write down when a run and its streams were heard, so that it is known once memory has forgotten."""
        journal = self._intake.journal
        journal.touch(run.key, run.row)
        for stream in run.streams.values():
            journal.touch_stream(stream.key, stream.row)

    def _check_ranks(self, run: Run, now: float) -> None:
        """Say of a rank that is not heard any more, or is heard again, while the others go on; and know it after the end."""
        for stream in run.streams.newest(run.world_size):
            before = stream.contact
            if not stream.check_contact(now, run_ended=run.ended):
                continue
            self._hub.channel(run).tell_performance()
            if run.ended:
                self._hub.channel(run).tell_state()
                if stream.contact == "lost" and before != "lost":
                    self._note_rank(run, stream, RANK_LOST, "said nothing of its end")
                continue
            if stream.contact == "lost" and run.contact != "lost":
                said = f"has not been heard for {now - stream.heard:.0f} s"
                if stream.leftover:
                    said = "said nothing of its end; what it left on its disk has come"
                self._note_rank(run, stream, RANK_LOST, said)
            elif before == "lost" and stream.contact == "alive":
                self._note_rank(run, stream, RANK_BACK, "is heard again")

    def _note_rank(self, run: Run, stream: Stream, kind: str, what: str) -> None:
        self._complaints.note("rank", "rank %s of run %s %s", stream.rank, run.run_id, what)
        event = pb.Event(
            kind=kind,
            message=f"Rank {stream.rank} {what}.",
            fields={"rank": str(stream.rank)},
            step=max(stream.steps - 1, 0),
        )
        record = pb.TelemetryRequest(timestamp_ms=time.time_ns() // 1_000_000, event=event)
        self._intake.note(run, record)

    def _check_silence(self, run: Run, stream: Stream, now: float) -> None:
        outlet = stream.outlet
        if outlet is None or outlet.closing:
            return
        if self._intake.degraded:
            outlet.due()  # more credit: the live view goes on while nothing can be acknowledged
        silent = now - stream.active
        if run.protocol == 0 and not stream.beats:
            return  # it trains between two messages, and an end of its stream would end its training
        if silent > (LOST_SECONDS if run.protocol else STALE_SECONDS):
            message = (
                f"Nothing was heard for {silent:.0f} seconds; the stream ends here, come again."
            )
            code = pb.ErrorResponse.HEARTBEAT_TIMEOUT
            outlet.put(error_response(outlet.session_id, code, message, retryable=True))
            outlet.finish()

    async def delete(self, run: Run) -> None:
        """Delete a run: from every answer at once, then from the store, slice by slice between commits.

        Raises:
            JournalError: the store cannot be written now; nothing was deleted.
        """
        await complete(self._delete(run))

    async def _delete(self, run: Run) -> None:
        run = self._registry.get(run.run_id) or run
        run.deleted = True  # nothing more is taken for it
        try:
            await self._intake.journal.execute(partial(mark_deleted, run_key=run.key))
        except JournalError:
            run.deleted = False
            raise
        self._registry.forget(run)
        self._intake.names.forget(run)
        self._hub.forget(run, _GONE)
        for stream in run.streams.values():
            if stream.outlet is not None:
                code = pb.ErrorResponse.INVALID_SESSION
                stream.outlet.put(
                    error_response(stream.outlet.session_id, code, "This run was deleted.")
                )
                stream.outlet.finish()
        await self._delete_rows(run.key)
        log.info("run %s was deleted", run.run_id)

    async def _delete_rows(self, run_key: int) -> None:
        action = partial(delete_slice, run_key=run_key, rows=_DELETE_ROWS)
        while not await self._intake.journal.execute(action):
            pass
        if not await self._intake.journal.clear_log(_LOG_SECONDS):
            self._log_is_due = True  # somebody reads from it for long

    async def _clear_log(self) -> None:
        if not await self._intake.journal.clear_log(_LOG_SECONDS):
            self._log_is_due = True

    async def _finish_deletions(self) -> None:
        """Remove what is left of runs whose deletion an end of the server cut short."""
        try:
            for key in await self._registry.ask(self._registry.reader.doomed_runs):
                await self._delete_rows(key)
        except JournalError as error:
            self._complaints.warn("delete", "deleted runs wait to be removed: %s", error)

    async def _retain(self, days: float) -> None:
        bound = time.time_ns() // 1_000_000 - int(days * 86_400_000)
        old = await self._registry.ask(self._registry.reader.ended_before, bound, limit=100)
        try:
            for key, run_id in old:
                if self._registry.get(run_id) is None:
                    await self._intake.journal.execute(partial(mark_deleted, run_key=key))
                    self._registry.bury(key)
                    await self._delete_rows(key)
                    log.info("run %s was deleted: it was silent for %s days", run_id, days)
        except JournalError as error:
            self._complaints.warn("retain", "old runs wait to be deleted: %s", error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
