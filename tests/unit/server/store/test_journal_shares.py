from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from livetrain.server.store.journal import Journal
from tests.unit.server.parts import Parts, parts


def add(journal: Journal, run_key: int, count: int, size: int = 100) -> int:
    """Add records of a run for as long as it has its share, and return how many there were."""
    added = 0
    while added < count and journal.has_share(run_key):
        event: dict[str, Any] = {"run_key": run_key, "stream_key": 0}
        journal.add(event, seq=0, state=dict, origin=None, size=size)
        added += 1
    return added


class Held:
    """A journal whose groups are written when the test says so."""

    def __init__(self, made: Parts) -> None:
        self.journal = made.journal
        self.rows: list[int] = []
        self.may_write = asyncio.Semaphore(0)

        async def commit(group: Any) -> None:
            await self.may_write.acquire()
            self.journal._pool.give(group.size)
            self.rows.append(len(group.events))

        self.journal._commit = commit  # type: ignore[method-assign]


def test_one_run_fills_a_group_and_no_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with parts(tmp_path) as made:
            held = Held(made)
            journal = held.journal
            assert add(journal, 1, 100_000) == 1024
            assert add(journal, 2, 10) == 10, "another run has its share all the same"
            assert not journal.has_share(1)
            going_on = asyncio.create_task(journal.wait_for_share(1))
            # Without waiting for the usual time: what is gathered is a group already.
            await asyncio.wait_for(going_on, 5)
            held.may_write.release()
            assert add(journal, 1, 100_000) == 1024
            held.may_write.release()
            await asyncio.sleep(0)

    asyncio.run(scenario())


def test_many_runs_share_a_group_and_the_small_ones_never_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with parts(tmp_path) as made:
            held = Held(made)
            journal = held.journal
            for key in range(1, 101):
                assert add(journal, key, 3) == 3  # a training at 60 steps a second, in 0.05 s
            assert add(journal, 1, 100_000) == 13
            large = add(journal, 101, 100, size=300_000)
            assert large == 2, "by bytes too: one record may be more than the share"
            held.may_write.release()

    asyncio.run(scenario())


def test_while_the_store_cannot_be_written_nobody_waits_for_a_group(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with parts(tmp_path) as made:
            held = Held(made)
            journal = held.journal
            assert add(journal, 1, 2000) == 1024
            await asyncio.wait_for(journal.wait_for_share(1), 5)  # its group is being written
            assert add(journal, 1, 2000) == 1024
            waiting = asyncio.create_task(journal.wait_for_share(1))
            await asyncio.sleep(0)
            assert not waiting.done()
            made.intake.troubled = lambda reason: None  # type: ignore[method-assign]
            journal._troubled = lambda reason: None
            journal._trouble(OSError("no space"))
            await asyncio.wait_for(waiting, 5)
            assert add(journal, 1, 2000) == 2000
            journal.trouble = None
            assert not journal.has_share(1)
            # And it does not ask over and over: others have the loop.
            again = asyncio.create_task(journal.wait_for_share(1))
            for _ in range(3):
                await asyncio.sleep(0)
            assert not again.done()
            for _ in range(3):
                held.may_write.release()
            await asyncio.wait_for(again, 5)

    asyncio.run(scenario())


def test_few_jobs_at_once_and_commits_between_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with parts(tmp_path) as made:
            journal, batches = made.journal, []
            act = journal._act

            def counted(actions: list[Any]) -> list[Any]:
                done = act(actions)
                batches.append(len(done))
                return done

            journal._act = counted  # type: ignore[method-assign]
            await asyncio.gather(*(journal.execute(lambda connection: None) for _ in range(100)))
            assert max(batches) <= 32
            assert sum(batches) == 100
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(journal.execute(lambda connection: None), 5)

    asyncio.run(scenario())
