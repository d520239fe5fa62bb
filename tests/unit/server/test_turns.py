from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from livetrain.server.turns import Share, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def spend(share: Share, clock: Clock, pieces: int, seconds: float, done: list[str]) -> None:
    for _ in range(pieces):
        await share.turn()
        clock.now += seconds
        done.append("heavy")
    share.rest()


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_who_does_little_waits_for_nobody() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(clock, clock, pause=0.0)
        done: list[str] = []
        heavy = [
            asyncio.create_task(spend(turns.share("trainers"), clock, 1000, 0.0005, done))
            for _ in range(8)
        ]
        await rounds(50)
        light = turns.share("trainers")
        for _ in range(60):  # a second of a training
            clock.now += 1 / 60
            light.rest()
            before = len(done)
            await light.turn()
            clock.now += 0.0003
            light.rest()
            assert len(done) == before, "it did not go on at once"
            await rounds(1)
        await asyncio.gather(*heavy)
        assert turns.waiting == 0

    asyncio.run(scenario())


def test_one_turn_a_round_whoever_wants_one() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(clock, clock, pause=0.0)
        done: list[str] = []
        tasks = [
            asyncio.create_task(spend(turns.share("trainers"), clock, 200, 0.0005, done))
            for _ in range(40)
        ]
        await rounds(3)  # each has its first millisecond to itself
        for _ in range(500):
            before = clock.now
            await rounds(1)
            assert clock.now - before < 0.0016, "more than one had a turn in one round"
        await asyncio.gather(*tasks)
        assert len(done) == 40 * 200

    asyncio.run(scenario())


def test_who_takes_longer_than_a_turn_is_passed_over() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(clock, clock, pause=0.0)
        small: list[str] = []
        large: list[str] = []
        tasks = [
            asyncio.create_task(spend(turns.share("trainers"), clock, 10_000, 0.001, small)),
            asyncio.create_task(spend(turns.share("trainers"), clock, 10_000, 0.010, large)),
        ]
        await rounds(2_000)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The same time for both, not the same number of turns.
        assert 0.8 < len(small) * 0.001 / (len(large) * 0.010) < 1.25

    asyncio.run(scenario())


def test_a_turn_that_nobody_takes_any_more_goes_to_the_next() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(clock, clock, pause=0.0)
        gone, here = (
            asyncio.create_task(turns.wait("viewers")),
            asyncio.create_task(turns.wait("viewers")),
        )
        await rounds(1)
        gone.cancel()
        await asyncio.wait_for(here, 5)
        assert turns.waiting == 0
        await asyncio.wait_for(turns.wait("viewers"), 5)

    asyncio.run(scenario())


def test_a_client_that_rests_is_served_at_once_again() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(clock, clock, pause=0.0)
        share = turns.share("trainers")
        await spend(share, clock, 500, 0.001, [])
        waits = asyncio.create_task(spend(share, clock, 1, 0.0001, []))
        await asyncio.sleep(0)
        assert turns.waiting == 1
        await waits
        share.rest()
        clock.now += 2.0
        await share.turn()
        assert turns.waiting == 0

    asyncio.run(scenario())


def test_many_connections_of_one_kind_keep_no_other_kind_waiting() -> None:
    async def scenario() -> None:
        clock = Clock()
        turns = Turns(clock, clock, pause=0.0)
        viewers, trainers = [], []
        crowd = [
            asyncio.create_task(spend(turns.share("older"), clock, 10_000, 0.001, viewers))
            for _ in range(100)
        ]
        one = asyncio.create_task(spend(turns.share("trainers"), clock, 10_000, 0.001, trainers))
        await rounds(1000)
        for task in (*crowd, one):
            task.cancel()
        await asyncio.gather(*crowd, one, return_exceptions=True)
        assert len(trainers) > 0.4 * len(viewers)

    asyncio.run(scenario())


def test_the_loop_rests_after_a_turn_while_others_are_there_and_not_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        turns = Turns()
        heavy, light = turns.share("older"), turns.share("trainers")

        loop = asyncio.get_running_loop()
        later, rests = loop.call_later, []

        def call_later(delay: float, callback: Any, *args: Any, **more: Any) -> Any:
            if getattr(callback, "__self__", None) is turns:
                rests.append(delay)
            return later(delay, callback, *args, **more)

        monkeypatch.setattr(loop, "call_later", call_later)

        async def busy(seconds: float) -> int:
            """Return how often it was made to rest."""
            rests.clear()
            began = time.perf_counter()
            while time.perf_counter() - began < seconds:
                await heavy.turn()
                worked = time.perf_counter()
                while time.perf_counter() - worked < 0.0002:
                    pass
            return len(rests)

        async def present() -> None:
            while True:
                await light.turn()
                light.rest()
                await asyncio.sleep(0.02)

        await busy(0.1)  # what it has to itself is used up
        other = asyncio.create_task(present())
        await asyncio.sleep(0)
        beside = await busy(0.5)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        await asyncio.sleep(0.25)
        alone = await busy(0.5)
        assert alone == 0 < beside, (beside, alone)

    asyncio.run(scenario())
