"""Commands are promised to nobody before they are committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import CommandBook
from livetrain.server.desk import Desk

PAUSE = pb.ControlDeclaration(verb="pause")


class Journal:
    """Commits when it is told to."""

    def __init__(self) -> None:
        self.commits = asyncio.Event()
        self.error: Exception | None = None

    async def execute(self, action: Callable[..., Any]) -> None:
        await self.commits.wait()
        if self.error is not None:
            raise self.error


class Place:
    """A run with one trainer, and the desk where commands for it are given."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.told: list[str] = []
        outlet = SimpleNamespace(
            session_id="s", put=lambda r: self.told.append(r.command.command_id)
        )
        self.stream = SimpleNamespace(rank=0, key=1, outlet=outlet, leftover=False)
        self.run: Any = SimpleNamespace(
            key=1, run_id="r", commands=CommandBook(), declared=[PAUSE], ended=False, protocol=1,
            streams={"0": self.stream},
        )  # fmt: skip
        self._offset = 0
        self.desk = Desk(SimpleNamespace(journal=self.journal, note=self._note))  # type: ignore[arg-type]

    def _note(self, run: Any, record: pb.TelemetryRequest) -> None:
        self._offset += 1
        run.commands.apply(self._offset, record)

    def give(self, command_id: str) -> asyncio.Task[Any]:
        return asyncio.ensure_future(
            self.desk.issue(self.run, "pause", {}, issued_by="ada", command_id=command_id)
        )


async def settled(task: asyncio.Task[Any]) -> bool:
    """Let everything go on that can; return whether the task is over then."""
    for _ in range(10):
        await asyncio.sleep(0)
    return task.done()


def test_a_command_that_is_given_twice_is_promised_when_it_is_committed() -> None:
    async def scenario() -> None:
        place = Place()
        first, again = place.give("c1"), place.give("c1")
        assert not await settled(first)
        assert not await settled(again), "a kill now would take the command along"
        place.journal.commits.set()
        assert (await first) is (await again)
        assert place.told == ["c1"]

    asyncio.run(scenario())


def test_a_trainer_that_comes_is_told_of_what_is_committed() -> None:
    async def scenario() -> None:
        place = Place()
        given = place.give("c1")
        assert not await settled(given)
        place.desk.attached(place.run, place.stream)  # type: ignore[arg-type]
        assert place.told == []
        place.journal.commits.set()
        await given
        assert place.told == ["c1"]
        place.desk.attached(place.run, place.stream)  # type: ignore[arg-type]
        assert place.told == ["c1", "c1"], "it may have been lost on the way"

    asyncio.run(scenario())


def test_a_command_that_could_not_be_written_is_told_to_nobody() -> None:
    async def scenario() -> None:
        place = Place()
        place.journal.error = OSError("disk full")
        place.journal.commits.set()
        with pytest.raises(OSError, match="disk full"):
            await place.give("c1")
        assert place.told == []

    asyncio.run(scenario())
