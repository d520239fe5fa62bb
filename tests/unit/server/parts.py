"""The parts of a server in this process, on a store of their own and without its ports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from livetrain.server import completion
from livetrain.server.counters import Counters
from livetrain.server.desk import Desk
from livetrain.server.hub import Hub
from livetrain.server.intake import Intake
from livetrain.server.limits import Limits
from livetrain.server.packer import Packer
from livetrain.server.registration import Registrar
from livetrain.server.registry import Registry
from livetrain.server.store.engine import open_store
from livetrain.server.store.journal import Journal
from livetrain.server.store.reader import Reader
from livetrain.server.upkeep import Upkeep


class Parts:
    """What a server is made of."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.registry = intake.registry
        self.journal = intake.journal
        self.desk = Desk(intake)
        packer = Packer(intake, retain_events=1000)
        self.upkeep = Upkeep(intake, self.desk, packer, retain_days=None)
        intake.pack = packer.pack
        self.registrar = Registrar(intake, "http://127.0.0.1:8080")

    async def cancelled(self, work: Coroutine[Any, Any, Any], at: int) -> bool:
        """Cancel some work where the store is waited for; return whether it came so far.

        Args:
            work: what is cancelled.
            at: which time, before and after each wait; 0 is before the first.
        """
        place = 0
        task = asyncio.ensure_future(work)

        def wrapped(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def waited(*args: Any, **kwargs: Any) -> Any:
                await passed()
                result = await real(*args, **kwargs)
                await passed()
                return result

            return waited

        async def passed() -> None:
            nonlocal place
            if place == at:
                task.cancel()
            place += 1
            await asyncio.sleep(0)

        executes, asks = self.journal.execute, self.registry.ask
        self.journal.execute = wrapped(executes)  # type: ignore[method-assign]
        self.registry.ask = wrapped(asks)  # type: ignore[method-assign]
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
            # What goes on by itself is looked at when it is done.
            await asyncio.gather(*completion._under_way, return_exceptions=True)
        finally:
            self.journal.execute = executes  # type: ignore[method-assign]
            self.registry.ask = asks  # type: ignore[method-assign]
        return task.cancelled()


@contextlib.asynccontextmanager
async def parts(folder: Path, limits: Limits | None = None) -> AsyncIterator[Parts]:
    """Make the parts of a server, and end them."""
    limits = limits or Limits()
    with contextlib.closing(open_store(f"sqlite:///{folder / 'store.db'}")) as store:
        registry = Registry(Reader(store.reader), limits)
        hub = Hub(store.epoch, limits)
        intake = Intake(registry, hub, limits, Counters(), epoch=store.epoch)
        intake.journal = Journal(
            store.writer,
            pool=hub.budget.journal,
            committed=intake.committed,
            troubled=intake.troubled,
        )
        intake.journal.start()
        try:
            yield Parts(intake)
        finally:
            await intake.journal.close(10.0)
            registry.close()
