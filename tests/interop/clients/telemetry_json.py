"""A dashboard of the telemetry JSON protocol: `telemetry_json.py ADDRESS`. Prints each frame in short; knows nothing of livetrain.

It calls its three updaters unguarded, as the page does, and connects again one second after the connection closed. A line on its
stdin cuts the connection without a word.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


def update(frame: dict) -> dict:
    pictures = []
    for image in frame["images"]:
        head, _, data = image["src"].partition(",")
        assert head == "data:image/jpeg;base64", head
        pictures.append(len(base64.b64decode(data)))
    return {
        "type": frame["type"],
        "epoch": frame["epoch"],
        "batchIdx": frame["batchIdx"],
        "loss": frame["loss"],
        "accuracy": frame["accuracy"],
        "fps": round(frame["fps"], 3),
        "pictures": pictures,
        "labels": [prediction["label"] for prediction in frame["predictions"]],
        "truth": frame["groundTruth"],
    }


async def cut(socket: ClientConnection) -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    socket.transport.abort()


async def main(address: str) -> None:
    cutting = None
    while True:
        try:
            async with connect(address, max_size=None) as socket:
                print(json.dumps({"connected": True}), flush=True)
                await socket.send("heartbeat")
                cutting = cutting or asyncio.create_task(cut(socket))
                async for text in socket:
                    assert isinstance(text, str)
                    print(json.dumps(update(json.loads(text))), flush=True)
        except (OSError, ConnectionClosed):
            pass
        print(json.dumps({"connected": False}), flush=True)
        await asyncio.sleep(1)


asyncio.run(main(sys.argv[1]))
