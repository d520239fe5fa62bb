from __future__ import annotations

import asyncio

import pytest

from livetrain.server.turnstile import CrowdedError, Turnstile


def test_each_client_in_turn_however_many_one_sends() -> None:
    async def scenario() -> None:
        turnstile, passed, inside, most = Turnstile(2, waiting=1_000), [], 0, 0

        async def go(client: str) -> None:
            nonlocal inside, most
            async with turnstile.passing(client):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                passed.append(client)
                inside -= 1

        crowd = [asyncio.create_task(go("hostile")) for _ in range(500)]
        await asyncio.sleep(0)
        one = asyncio.create_task(go("trainer"))
        await asyncio.gather(*crowd, one)
        assert most == 2
        assert passed.index("trainer") < 6, "it waits for one turn of the other client's"

    asyncio.run(scenario())


def test_who_goes_leaves_its_place_and_too_many_do_not_wait() -> None:
    async def scenario() -> None:
        turnstile = Turnstile(1, waiting=2)
        left = asyncio.Event()

        async def stay() -> None:
            async with turnstile.passing("a"):
                await left.wait()

        inside = asyncio.create_task(stay())
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(stay()) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(CrowdedError):
            async with turnstile.passing("b"):
                pass
        waiting[0].cancel()
        left.set()
        await asyncio.gather(inside, *waiting, return_exceptions=True)
        async with asyncio.timeout(5), turnstile.passing("b"):
            pass

    asyncio.run(scenario())
