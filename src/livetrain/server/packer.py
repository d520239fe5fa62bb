"""Has the points of runs turned into chunks of their curves, and small chunks put together: a little at a time, between commits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.run import Run
from livetrain.server.store.journal import JournalError
from livetrain.server.store.merging import write_merge
from livetrain.server.store.seal import SealPlan, finish_seal, trim, write_slice
from livetrain.server.store.upgrade import write_repair, write_upgrade

__all__ = ["Packer"]

log = logging.getLogger(__name__)

_Plan = TypeVar("_Plan")

_BYTES_A_CURVE: Final = 2048
"""Of records that are gathered for each curve of a run that has many, so that its chunks are not all of one point."""
_MOST_BYTES: Final = 16 << 20
_REST_BYTES: Final = 64 << 10
"""A run that is over is packed as well when so many bytes of its records are left."""
_LEAST_RETAINED: Final = 100
_RETRY_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02
"""Between two pieces of work that nobody waits for."""


class Packer:
    """Packs runs, each by one task at a time.

    Args:
        intake: theirs.
        retain_events: committed records of a run that stay replayable once they are in its curves.
    """

    def __init__(self, intake: Intake, *, retain_events: int) -> None:
        self._intake = intake
        self._registry = intake.registry
        self._reader = intake.registry.reader
        self._limits = intake.limits
        self._retain_events = retain_events
        self._complaints = Complaints(log)
        self._tasks: set[asyncio.Task[None]] = set()

    def pack(self, run: Run) -> None:
        """Turn the records of a run into chunks of its curves, when there are enough of them."""
        if not run.sealing and not run.deleted and self._is_due(run):
            run.sealing = True
            self._spawn(self._pack(run))

    def _is_due(self, run: Run) -> bool:
        records, size = run.unsealed
        curves = min(_MOST_BYTES, _BYTES_A_CURVE * run.packed_curves)
        if records >= self._limits.seal_events or size >= max(self._limits.seal_bytes, curves):
            return True
        over = run.ended and all(stream.outlet is None for stream in run.streams.values())
        return over and size >= _REST_BYTES

    async def _pack(self, run: Run) -> None:
        try:
            while not run.deleted and self._is_due(run):
                plan = await self._registry.ask(self._reader.plan_seal, run.key)
                if plan is None or not await self._seal(run, plan):
                    break
            await self._merge(run)
        except Exception as error:
            # Whatever it is: the records are there, and the curves are answered from them until it works.
            self._complaints.warn(
                "pack", "curves of run %s wait to be packed: %s", run.run_id, error
            )
            await asyncio.sleep(_RETRY_SECONDS)
        finally:
            run.sealing = False

    async def _seal(self, run: Run, plan: SealPlan) -> bool:
        journal, curves = self._intake.journal, 0
        for names in plan.slices():
            made = await self._registry.ask(self._reader.prepare_slice, plan, names)
            if run.deleted or not await journal.execute(partial(write_slice, made=made)):
                return False
            curves += len(names)
        await journal.execute(partial(finish_seal, plan=plan))
        run.packed_curves = max(run.packed_curves, curves)
        run.unsealed[0] -= plan.records
        run.unsealed[1] -= plan.record_bytes
        keep = min(self._retain_events, self._retained(plan))
        run.trimmed = await journal.execute(partial(trim, run_key=run.key, keep=keep))
        return True

    def _retained(self, plan: SealPlan) -> int:
        """Return how many records may stay replayable, if all are as large as these: columns would take much room twice."""
        size = max(1, plan.record_bytes)
        return max(_LEAST_RETAINED, self._limits.retain_bytes * plan.records // size)

    async def _merge(self, run: Run) -> None:
        while not run.deleted:
            plan = await self._registry.ask(self._reader.plan_merge, run.key)
            if plan is None:
                return
            await self._intake.journal.execute(partial(write_merge, plan=plan))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def upgrade(self) -> None:
        """Make anew what an older livetrain left in the store, until nothing of it is there."""
        await self._renew(self._reader.plan_upgrade, write_upgrade)
        await self._renew(self._reader.plan_repair, write_repair)

    async def _renew(self, planned: Callable[[int], Any], write: Callable[..., None]) -> None:
        after = 0
        while True:
            try:
                plan = await self._registry.ask(planned, after)
                if plan is None:
                    return
                await self._intake.journal.execute(partial(write, plan=plan))
                after = plan.last
                await asyncio.sleep(_PAUSE_SECONDS)
            except (JournalError, SQLAlchemyError) as error:
                self._complaints.warn("upgrade", "older curves wait to be packed anew: %s", error)
                await asyncio.sleep(1.0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
