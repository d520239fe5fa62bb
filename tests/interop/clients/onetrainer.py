"""A client of OneTrainer's web UI: `onetrainer.py ADDRESS EVENT...`. Prints each message; knows nothing of livetrain."""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.client import connect


def refuse(token: str) -> float:
    raise AssertionError(f"{token} is not JSON")


async def main(address: str, events: list[str]) -> None:
    async with connect(address) as socket:
        welcome = json.loads(await socket.recv())
        assert welcome["type"] == "connection_established", welcome
        assert welcome["client_id"].startswith("client_"), welcome
        await socket.send(json.dumps({"type": "subscribe", "events": events}))
        answer = json.loads(await socket.recv())
        assert answer == {
            "type": "subscribed",
            "events": events,
            "all_subscriptions": events,
        }, answer
        print(json.dumps({"connected": True}), flush=True)
        async for text in socket:
            message = json.loads(text, parse_constant=refuse)
            if message["type"] == "system_stats":
                # As the page computes and formats them, without a look.
                message["share"] = message["gpu_memory_used_gb"] / message["gpu_memory_total_gb"]
                for name in ("gpu_memory_used_gb", "gpu_memory_total_gb", "cpu_percent"):
                    message[name] = f"{message[name]:.1f}"
            print(json.dumps(message), flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
