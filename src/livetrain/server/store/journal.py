"""Group commit: what came in the last moment is committed together, then everyone who waits for it is told.

Groups are made on the event loop and written by one thread, one at a time. So order is the order of arrival, nothing needs a
lock, and the loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from livetrain.server.budget import Pool
from livetrain.server.store.engine import BUSY_SECONDS
from livetrain.server.store.statements import Group, commit_group
from livetrain.server.store.trouble import trouble_of

__all__ = ["Journal", "JournalError"]

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
"""How long a group is gathered: what viewers are told comes at most so often too, so that each commit is told at once."""
_GROUP_ROWS = 1_024
"""So many records the runs may put into one group together: it is written in some hundredths of a second."""
_GROUP_BYTES = 8 * 1024 * 1024
_LEAST_ROWS = 16
"""So many a run may put into each group, however many there are: five times what a training at 60 steps a second needs."""
_LEAST_BYTES = 512 * 1024
_JOBS = 32
_JOBS_SECONDS = 0.01
_LOG_SECONDS = 0.05
_RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0)


class JournalError(Exception):
    """Something could not be written now; it may work later."""


@dataclass(slots=True)
class _Taken:
    """What a run has put into the group that is being gathered."""

    rows: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Job:
    action: Callable[[Connection], Any]
    done: asyncio.Future[Any]


class Journal:
    """The one way into the store.

    Args:
        engine: with its single writing connection.
        pool: what records that wait for their commit take their memory from.
        committed: told about every group once it is in the store; on the event loop, and before the next group is written.
        troubled: told why a commit failed, and with None that the store takes records again; on the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        pool: Pool,
        committed: Callable[[Group], Awaitable[None]],
        troubled: Callable[[str | None], None],
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._committed = committed
        self._troubled = troubled
        # The one thread that writes; it lives as long as the journal.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="livetrain-writer")
        self._connection: Connection | None = None
        self._open = Group()
        self._shares: dict[int, _Taken] = {}
        self._begun = asyncio.Event()
        self._jobs: list[_Job] = []
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._changed = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None
        self.commit_seconds = 0.0

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="journal")

    @property
    def waiting_bytes(self) -> int:
        """Bytes of records that wait for their commit."""
        return self._pool.used

    @property
    def full(self) -> bool:
        """Is there no room for more records?"""
        return self._pool.full

    def add(
        self,
        event: dict[str, Any],
        *,
        seq: int,
        state: Callable[[], dict[str, Any]],
        stream_state: Callable[[], dict[str, Any]] | None = None,
        origin: object,
        size: int,
        sample: dict[str, Any] | None = None,
    ) -> None:
        """Put a record into the group that is being gathered; never waits.

        Args:
            event: its row.
            seq: its number in its stream.
            state: returns the row of its run; asked once a group, when that is complete.
            stream_state: returns the row of its stream in the same way; None: the server itself speaks.
            origin: comes back with the group when it is committed.
            size: bytes.
            sample: the row of a sample's picture that belongs to it.
        """
        group = self._open
        group.events.append(event)
        if sample is not None:
            group.samples.append(sample)
        group.origins.append(origin)
        if event["stream_key"]:
            group.watermarks[event["stream_key"]] = seq
            if stream_state is not None:
                group.streams[event["stream_key"]] = {"state": stream_state}
        group.runs[event["run_key"]] = {"state": state}
        group.size += size
        taken = self._shares.setdefault(event["run_key"], _Taken())
        taken.rows += 1
        taken.bytes += size
        self._pool.add(size)
        self._wake.set()

    def touch(self, run_key: int, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state of a run with the next group, without a record."""
        self._open.runs[run_key] = {"state": state}
        self._wake.set()

    def touch_stream(self, stream_key: int, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state of a stream with the next group, without a record."""
        self._open.streams[stream_key] = {"state": state}
        self._wake.set()

    def has_share(self, run_key: int) -> bool:
        """Return whether a run may put another record into the group that is being gathered.

        One that has much to say is held to its part of the group, so that those who say little do not wait for it to be written.
        While the store cannot be written there are no groups, and only the memory is a bound.
        """
        taken = self._shares.get(run_key)
        if taken is None or self.trouble is not None:
            return True
        runs = len(self._shares)
        return taken.rows < max(_LEAST_ROWS, _GROUP_ROWS // runs) and taken.bytes < max(
            _LEAST_BYTES, _GROUP_BYTES // runs
        )

    async def wait_for_share(self, run_key: int) -> None:
        """Wait until a run may put another record into a group; what is gathered is written at once for that."""
        while not self.has_share(run_key) and not self._closing:
            self._urgent.set()
            await self._begun.wait()

    async def room(self, timeout: float) -> bool:
        """Wait until there is room for records again; return whether there is."""
        deadline = time.monotonic() + timeout
        while self.full:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return not self.full
        return True

    async def execute(self, action: Callable[[Connection], Any]) -> Any:
        """Run an action in a transaction of the writing thread, after what was added before it.

        Raises:
            JournalError: it could not be committed, or the journal is closed.
        """
        if self._closing:
            raise JournalError("the server is stopping")
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(action, done))
        self._wake.set()
        self._urgent.set()
        return await done

    async def clear_log(self, timeout: float) -> bool:
        """Empty the write-ahead log, in which deleted rows stand until others take their place; return whether it is empty.

        It waits until nobody reads what is only there, at most about ``timeout`` seconds, and lets commits through meanwhile.
        """
        deadline = time.monotonic() + timeout
        loop = asyncio.get_running_loop()
        while not self._closing:
            with contextlib.suppress(SQLAlchemyError, sqlite3.Error):
                if await loop.run_in_executor(self._thread, self._checkpoint):
                    return True
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(_LOG_SECONDS)
        return False

    async def close(self, timeout: float) -> bool:
        """Commit what waits, as far as that is possible within ``timeout`` seconds; return whether all of it is."""
        self._closing = True
        self._let_waiting_go_on()
        self._wake.set()
        self._urgent.set()
        if self._task is not None:
            _, pending = await asyncio.wait({self._task}, timeout=timeout)
            for task in pending:
                task.cancel()
        self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=False)
        return self._pool.used == 0

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            if not self._urgent.is_set():
                # No wait_for: that is a task of its own for each group.
                gathered = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._urgent.set)
                await self._urgent.wait()
                gathered.cancel()
            self._wake.clear()
            self._urgent.clear()
            await self._commit_all()
            if self._closing and not self._open.events and not self._jobs:
                return

    async def _commit_all(self) -> None:
        group, self._open = self._open, Group()
        self._begin_group()
        jobs, self._jobs = self._jobs[:_JOBS], self._jobs[_JOBS:]
        group.runs = {key: row["state"]() for key, row in group.runs.items()}
        group.streams = {key: row["state"]() for key, row in group.streams.items()}
        if group.events or group.runs or group.streams:
            await self._commit(group)
        if jobs:
            await self._perform(jobs)

    def _begin_group(self) -> None:
        """Give every run its share of the next group, and let those go on who waited for it."""
        self._shares = {}
        self._let_waiting_go_on()

    def _let_waiting_go_on(self) -> None:
        self._begun.set()
        self._begun = asyncio.Event()

    async def _commit(self, group: Group) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            began = time.perf_counter()
            try:
                await loop.run_in_executor(self._thread, self._write, group)
            except Exception as error:
                if group.mend(error):
                    log.error(
                        "the store had no place for what was given to it, which was mended: %s",
                        error,
                    )
                    continue
                # Whatever it is: nothing was acknowledged, so nothing is lost by trying again, and giving up would lose it.
                self._trouble(error)
                if self._closing:
                    return
                self._refuse_jobs()
                await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                continue
            self.commit_seconds = time.perf_counter() - began
            break
        self._pool.give(group.size)
        self._changed.set()
        self._recovered()
        try:
            await self._committed(group)
        except (
            Exception
        ):  # one whom it cannot be told must not keep the others from having theirs stored
            log.exception("what was committed could not be passed on to everybody")

    def _recovered(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            self._troubled(None)

    def _trouble(self, error: Exception) -> None:
        cause = error.__cause__ if isinstance(error, SQLAlchemyError) and error.__cause__ else error
        self.trouble = trouble_of(cause)
        self._let_waiting_go_on()  # nobody waits for a group that does not come
        self._troubled(self.trouble)

    def _refuse_jobs(self) -> None:
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(JournalError(self.trouble or "the store cannot be written"))

    async def _perform(self, jobs: list[_Job]) -> None:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(
                self._thread, self._act, [job.action for job in jobs]
            )
        except Exception as error:
            self._trouble(error)
            results = [JournalError(self.trouble)] * len(jobs)
        else:
            self._recovered()
        self._jobs[:0] = jobs[len(results) :]
        if self._jobs:
            self._wake.set()
            self._urgent.set()
        for job, result in zip(jobs, results, strict=False):
            if job.done.done():
                continue
            if isinstance(result, Exception):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)

    # What is below runs on the writing thread.

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        # The connection is kept: getting it from the pool and giving it back costs as much as the statements of a small group.
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            with self._connection.begin():
                yield self._connection
        except BaseException:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _checkpoint(self) -> bool:
        """Put everything that is in the write-ahead log into the database and cut it to nothing, if nobody reads from it now."""
        if self._engine.dialect.name != "sqlite":
            return True
        if self._connection is None:
            self._connection = self._engine.connect()
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA busy_timeout=20")  # others want to write
        try:
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            driver.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
        return not busy

    def _write(self, group: Group) -> None:
        with self._transaction() as connection:
            commit_group(connection, group)

    def _act(self, actions: list[Callable[[Connection], Any]]) -> list[Any]:
        """Run actions in one transaction; one that fails leaves no trace, and the others hold.

        Records wait for it: what is not begun after some time is left for the next one.
        """
        results: list[Any] = []
        began = time.perf_counter()
        with self._transaction() as connection:
            for action in actions:
                if results and time.perf_counter() - began > _JOBS_SECONDS:
                    break
                try:
                    with connection.begin_nested():
                        results.append(action(connection))
                except Exception as error:
                    log.warning("the store refused an action: %s", error)
                    results.append(JournalError(str(error)))
        return results
