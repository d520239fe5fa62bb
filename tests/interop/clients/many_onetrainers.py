"""Many clients of OneTrainer's web UI: `many_onetrainers.py ADDRESS COUNT`. Knows nothing of livetrain.

Each subscribes to another set of events, all sets in turn, an unknown event among them. `loss` of training_progress is the time at
which its step was logged. When all have subscribed it says so; at a line on stdin it stops and prints what each got.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from websockets.asyncio.client import connect

EVENTS = ["training_progress", "training_status", "log", "validation_result", "system_stats"]


class Client:
    def __init__(self, number: int) -> None:
        self.wanted = [name for at, name in enumerate(EVENTS) if number >> at & 1] or ["unknown"]
        self.seen: dict[str, int] = {}
        self.logs: list[str] = []
        self.latencies: list[float] = []
        self.odd = ""

    async def follow(self, address: str, gate: asyncio.Semaphore, ready: list[int]) -> None:
        async with gate:
            socket = await connect(address, compression=None, ping_interval=None, max_queue=None)
            welcome = json.loads(await socket.recv())
            assert welcome["type"] == "connection_established", welcome
            await socket.send(json.dumps({"type": "subscribe", "events": self.wanted}))
            answer = json.loads(await socket.recv())
            assert answer["all_subscriptions"] == self.wanted, answer
        ready.append(1)
        async for text in socket:
            now = time.time()
            message = json.loads(text)
            kind = message["type"]
            self.seen[kind] = self.seen.get(kind, 0) + 1
            if kind == "training_progress":
                self.latencies.append(now - message["loss"])
            elif kind == "log":
                self.logs.append(message["message"])
            if kind not in self.wanted:
                self.odd = kind


async def main(address: str, count: int) -> None:
    clients = [Client(number) for number in range(count)]
    gate, ready = asyncio.Semaphore(50), []
    tasks = [asyncio.create_task(client.follow(address, gate, ready)) for client in clients]
    while len(ready) < count:
        failed = [task for task in tasks if task.done()]
        assert not failed, failed[0].exception()
        await asyncio.sleep(0.05)
    print(json.dumps({"ready": count}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    lost = sum(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    for client in clients:
        told = {"wanted": client.wanted, "seen": client.seen, "logs": client.logs}
        latencies = {"latencies": [round(one, 4) for one in client.latencies]}
        print(json.dumps({"type": "client", **told, **latencies, "odd": client.odd}), flush=True)
    print(json.dumps({"type": "end", "lost": lost}), flush=True)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
