from __future__ import annotations

import asyncio
import json

from livetrain.server.json_reply import json_reply


def test_whatever_a_text_holds_it_is_written() -> None:
    value = {"name": "é 日本 \ud800", "steps": 2**53, "none": None}
    answer = asyncio.run(json_reply(value))
    assert json.loads(bytes(answer.body)) == value
    assert answer.media_type == "application/json"


def test_the_event_loop_goes_on_while_a_large_answer_is_written() -> None:
    async def scenario() -> None:
        rounds = 0

        async def count() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await json_reply({"names": [f"name {n}" for n in range(200_000)]})
        counting.cancel()
        assert rounds > 1

    asyncio.run(scenario())
