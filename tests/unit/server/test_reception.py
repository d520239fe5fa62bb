from __future__ import annotations

import asyncio

import pytest

from livetrain.server import reception as module
from livetrain.server.budget import Pool
from livetrain.server.reception import Reception, Sender

_MIB = 1 << 20


def test_many_streams_of_large_messages_are_held_to_the_room_that_there_is() -> None:
    async def main() -> None:
        pool = Pool("received", 32 * _MIB)
        reception = Reception(pool)
        taken = [0] * 70
        in_memory = most = 0

        async def stream(number: int) -> None:
            nonlocal in_memory, most
            sender = reception.sender()
            for turn in range(20):
                await sender.wait()
                in_memory += 1  # gRPC reads one as soon as it is asked to
                await asyncio.sleep(0)
                sender.arrived(4 * _MIB)
                if turn:
                    most = max(most, in_memory)
                    assert pool.used <= pool.limit + 8 * _MIB * 70
                await asyncio.sleep(0)
                in_memory -= 1
                taken[number] += 1
            sender.close()

        await asyncio.gather(*(stream(number) for number in range(70)))
        assert taken == [20] * 70
        assert pool.used == 0
        # The first message of each comes unasked; after these there are at most as many as have room.
        assert most <= 70

    asyncio.run(main())


def test_a_stream_that_sends_nothing_gives_its_room_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.01)

    async def main() -> None:
        pool = Pool("received", 10 * _MIB)
        reception = Reception(pool)

        async def large() -> Sender:
            sender = reception.sender()
            sender.arrived(4 * _MIB)
            await sender.wait()
            return sender

        idle = await large()
        assert pool.used == 8 * _MIB
        other = await asyncio.wait_for(large(), 5)
        small = reception.sender()
        small.arrived(1000)
        await asyncio.wait_for(small.wait(), 5)
        reception.closed = True
        closed = asyncio.create_task(large())
        waiting = asyncio.create_task(large())
        for _ in range(3):
            await asyncio.sleep(0)
        for sender in (idle, other, small):
            sender.close()
        await asyncio.wait_for(closed, 5)  # one alone is let in even then
        waiting.cancel()
        reception.closed = False
        for sender in (await closed, idle):
            sender.close()
        await asyncio.sleep(0.02)
        assert pool.used == 0

    asyncio.run(main())
