"""A viewer of the metrics relay: `relay_viewer.py ADDRESS`. Prints each message; knows nothing of livetrain.

`error` and `training_end` are terminal for it. It says ping every 30 seconds and connects again after 3, up to 10 times.
"""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

KNOWN = {
    *("training_mode", "training_start", "epoch_start", "epoch_end", "round_start", "round_end"),
    *("round_metrics", "client_training_start", "client_progress", "client_complete"),
    *("batch_metrics", "lr_update", "gradient_stats", "early_stopping", "status"),
    *("training_end", "error"),
    "confusion_matrix",  # a training's own, which is passed on like any other
}


def refuse(token: str) -> float:
    raise AssertionError(f"{token} is not JSON")


async def ping(socket: ClientConnection) -> None:
    while True:
        await socket.send('{"type":"ping"}')
        await asyncio.sleep(30)


async def main(address: str) -> None:
    for _ in range(10):
        try:
            async with connect(address) as socket:
                pinging = asyncio.create_task(ping(socket))
                print(json.dumps({"connected": True}), flush=True)
                async for text in socket:
                    message = json.loads(text, parse_constant=refuse)
                    assert message["type"] in KNOWN, message
                    assert isinstance(message["data"], dict), message
                    print(json.dumps(message), flush=True)
                    if message["type"] in ("error", "training_end"):
                        return
                pinging.cancel()
        except (OSError, ConnectionClosed):
            pass
        await asyncio.sleep(3)


asyncio.run(main(sys.argv[1]))
