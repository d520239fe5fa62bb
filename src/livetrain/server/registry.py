"""The runs in memory: loaded when someone asks, forgotten when nobody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.budget import Budget, Pool
from livetrain.server.commands import REMEMBERED
from livetrain.server.limits import Limits
from livetrain.server.older_state import OlderState, is_of_older_schema
from livetrain.server.run import LOST_SECONDS, Run, Stream
from livetrain.server.settling import Settling
from livetrain.server.store.reader import Reader

__all__ = ["Registry", "RunGoneError"]

_Result = TypeVar("_Result")
_IDLE_SECONDS: Final = 2 * LOST_SECONDS
_SHORT_SECONDS: Final = 2.0
_AT_ONCE: Final = 16
"""So many runs are read before others have their turn."""
_REMARKS: Final = 2000
"""How far back a run's log is read for its ranks' statuses when the run is loaded."""
_ORDERS: Final = 6 * REMEMBERED
"""The same for commands: one is at most some six records, from its issue to its end."""
_LOG_BYTES: Final = 4 << 20
"""Of either."""
_LARGE_BYTES: Final = 64 * 1024
_MOST_GONE: Final = 100_000
_PUBLISHED_SECONDS: Final = 1.0


class RunGoneError(Exception):
    """A run was deleted while a question about it was answered: nothing of the answer is to be told."""


class Registry:
    """Runs by session, id and key, with the store behind them.

    Args:
        reader: asked off the event loop.
        limits: how many runs there may be.
        pool: what they take their memory from; None: one of their own.

    Attributes:
        published: what publishers of the relay said and is still to be recorded.
    """

    def __init__(self, reader: Reader, limits: Limits, pool: Pool | None = None) -> None:
        self.reader = reader
        self.published = Settling()
        self._pool = pool or Budget.of_mib(1024).runs
        self._weights: dict[int, int] = {}  # bytes, by the run's key
        self._limits = limits
        self._by_key: dict[int, Run] = {}
        self._by_id: dict[str, Run] = {}
        self._by_session: dict[str, Run] = {}
        # What was read of a run before it was deleted must not bring it back. Keys are never given again.
        self._gone: dict[int, None] = {}
        # Few, and daemonic in effect: a slow question must not keep others from theirs for long, nor the loop at all.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="livetrain-reader")

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def runs(self) -> list[Run]:
        """Every run in memory."""
        return list(self._by_key.values())

    @property
    def full(self) -> bool:
        """Is there no room for another run?"""
        return len(self._by_key) >= self._limits.runs

    async def ask(
        self, question: Callable[..., _Result], /, *args: object, **kwargs: object
    ) -> _Result:
        """Run a question to the store on a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(question, *args, **kwargs))

    async def ask_about(
        self, run: Run, question: Callable[..., _Result], /, *args: object, **kwargs: object
    ) -> _Result:
        """Run a question to the store about a run, whose key goes first, on a thread.

        Raises:
            RunGoneError: it was deleted before the answer was there.
        """
        self.raise_if_gone(run)
        answer = await self.ask(question, run.key, *args, **kwargs)
        self.raise_if_gone(run)
        return answer

    def is_gone(self, run: Run) -> bool:
        """Return whether a run was deleted, be it this object of it or another."""
        return run.deleted or run.key in self._gone

    def raise_if_gone(self, run: Run) -> None:
        """See that a run is still there.

        Raises:
            RunGoneError: it was deleted.
        """
        if self.is_gone(run):
            raise RunGoneError(run.run_id)

    def bury(self, run_key: int) -> None:
        """Note that a run was deleted: nobody is given it any more."""
        self._gone[run_key] = None
        if len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]
        self.reader.forget(run_key)
        loaded = self._by_key.get(run_key)
        if loaded is not None and not loaded.deleted:  # somebody asked for it just then
            loaded.deleted = True
            self.forget(loaded)

    def get(self, run_id: str) -> Run | None:
        """Return a run that is in memory, or None."""
        return self._by_id.get(run_id)

    async def find(self, run_id: str) -> Run | None:
        """Return a run by its id, or None where there is none."""
        return self._by_id.get(run_id) or await self._load(run_id=run_id)

    async def settle_published(self, run: Run) -> None:
        """Have what publishers of the relay said of a run so far recorded, as far as that takes no longer than a second."""
        if run.guest:
            await self.published.wait(_PUBLISHED_SECONDS)

    async def find_named(self, name: str) -> Run | None:
        """Return a run by its id, or else the newest one that a publisher of the relay called so; None where there is none."""
        run = await self.find(name)
        if run is not None:
            return run
        # Its publisher may have said so only just now.
        await self.published.wait(_PUBLISHED_SECONDS)
        run_id = await self.ask(self.reader.published_run, name)
        return None if run_id is None else await self.find(run_id)

    async def find_session(self, session_hash: str) -> Run | None:
        """Return the newest run of a session, or None where there is none."""
        return self._by_session.get(session_hash) or await self._load(session_hash=session_hash)

    async def _load(self, **which: str) -> Run | None:
        row = await self.ask(self.reader.run, **which)
        if row is None:
            return None
        streams = await self.ask(self.reader.streams, row["key"])
        unsealed = await self.ask(self.reader.unsealed, row["key"])
        orders = await self.ask(
            self.reader.events,
            row["key"],
            after=0,
            limit=_ORDERS,
            steering=True,
            newest=True,
            max_bytes=_LOG_BYTES,
        )
        older = await self._older_state(row, streams)
        if row["key"] in self._gone:
            return None
        known = self._by_key.get(row["key"])
        if known is not None:  # someone else loaded it meanwhile, or by another name
            if "session_hash" in which:
                self._by_session[known.session_hash] = known
            return known
        now, unix_ms = time.monotonic(), time.time_ns() // 1_000_000
        run = Run.from_row(row, now=now, unix_ms=unix_ms)
        run.unsealed[:] = unsealed
        for stored in streams:
            stream = Stream.from_row(stored, now=now, unix_ms=unix_ms)
            run.streams.add(stream)
        if run.streams.attempts:  # which of them viewers know is not known any more
            run.anew_offset = run.offset
        for order in orders:
            record = pb.TelemetryRequest.FromString(order.record)
            if order.stream_id and record.HasField("command_issued"):
                continue  # an earlier release took it from a trainer: nobody gave it
            run.commands.apply(order.offset, record)
        if older is not None:
            older.tell(run, now, unix_ms)
        for stream in run.streams.values():
            stream.check_contact(now, run_ended=run.ended)
        # Of one session there may be several runs, and only who asks by the session was given the newest.
        self.add(run, newest="session_hash" in which)
        return run

    async def _older_state(
        self, row: Mapping[Any, Any], streams: Sequence[Mapping[Any, Any]]
    ) -> OlderState | None:
        """Return what the records of a run say that an earlier livetrain did not keep apart; None: it is kept."""
        keys = [stream["key"] for stream in streams if is_of_older_schema(stream)]
        if not keys:
            return None
        remarks = await self.ask(
            self.reader.events,
            row["key"],
            after=0,
            limit=_REMARKS,
            notable=True,
            newest=True,
            max_bytes=_LOG_BYTES,
        )
        newest = {
            key: await self.ask(self.reader.newest_of_stream, row["key"], key) for key in keys
        }
        first = await self.ask(self.reader.first_point_us, row["key"])
        return OlderState(first, newest, remarks)

    async def glance(self, rows: Sequence[Mapping[Any, Any]]) -> list[Run]:
        """Return the runs of rows to look at: those in memory as they are, others without being kept there."""
        now, unix_ms = time.monotonic(), time.time_ns() // 1_000_000
        found: dict[int, Run] = {}
        for row in rows:
            known = self._by_key.get(row["key"])
            if known is None:
                known = Run.from_row(row, now=now, unix_ms=unix_ms)
                if len(found) % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            found[row["key"]] = known
        several = [
            run.key
            for run in found.values()
            if run.world_size > 1
            and run.contact in ("ended", "lost")
            and run.key not in self._by_key
        ]
        streams = await self.ask(self.reader.streams_of, several) if several else {}
        for key, stored in streams.items():
            run = found[key]
            if run.streams or any(is_of_older_schema(stream) for stream in stored):
                continue
            for row in stored:
                stream = Stream.from_row(row, now=now, unix_ms=unix_ms)
                stream.check_contact(now, run_ended=run.ended)
                run.streams.add(stream)
        return list(found.values())

    def add(self, run: Run, *, newest: bool = True) -> None:
        """Keep a run in memory; ``newest``: whether it is the newest of its session."""
        self._by_key[run.key] = run
        self.weigh(run)
        self._by_id[run.run_id] = run
        if newest:
            self._by_session[run.session_hash] = run

    def forget(self, run: Run) -> None:
        """Keep it no longer."""
        self._pool.give(self._weights.pop(run.key, 0))
        self._by_key.pop(run.key, None)
        self._by_id.pop(run.run_id, None)
        if self._by_session.get(run.session_hash) is run:
            del self._by_session[run.session_hash]
        if run.deleted:
            self.bury(run.key)

    def weigh(self, run: Run) -> None:
        """Count how much memory is taken by what is known of a run, which has changed."""
        if self._by_key.get(run.key) is not run:
            return
        weight, before = run.known_bytes, self._weights.get(run.key, 0)
        if weight > _LARGE_BYTES and self._pool.used - before + weight > self._pool.limit // 2:
            run.leave_out_settings()  # those with little to say have the other half
            weight = run.known_bytes
        self._pool.add(weight - before)
        self._weights[run.key] = weight

    @property
    def short(self) -> bool:
        """Whether there is no memory for a further run; a tenth of it is for those that are here already."""
        return self._pool.used >= self._pool.limit * 9 // 10

    def idle(self, now: float) -> list[Run]:
        """Return runs that nobody streams to, that wait for nothing to be written, and that were silent for long.

        Where memory is short, that is not very long.
        """
        patience = _SHORT_SECONDS if self.short else _IDLE_SECONDS
        return [
            run
            for run in self._by_key.values()
            if now - run.heard > patience
            and run.committed == run.offset
            and not run.sealing
            and all(stream.outlet is None for stream in run.streams.values())
        ]

    def silent(self, now: float) -> list[Run]:
        """Return some runs that nobody streams to and that wait for nothing to be written, those silent for the longest first."""
        found = [
            run
            for run in self._by_key.values()
            if now - run.heard > _SHORT_SECONDS
            and run.committed == run.offset
            and not run.sealing
            and all(stream.outlet is None for stream in run.streams.values())
        ]
        found.sort(key=lambda run: run.heard)
        return found[: max(1, self._limits.runs // 20)]

    def close(self) -> None:
        """Take no more questions."""
        self._threads.shutdown(wait=False, cancel_futures=True)
