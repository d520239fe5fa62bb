from __future__ import annotations

import asyncio
from typing import Any

from livetrain.server.counters import Counters
from livetrain.server.request_turns import RequestTurns
from livetrain.server.turns import Turns


class Slow:
    """An application that answers when it may; an answer's body is read even later."""

    def __init__(self) -> None:
        self.inside = self.most = self.answered = 0
        self.may_answer = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.may_answer.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.answered += 1
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b""})


def ask(app: RequestTurns, path: str, port: int, told: list[int]) -> asyncio.Task[None]:
    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "path": path, "client": ("127.0.0.1", port)}
    return asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_three_heavy_requests_at_once_and_everything_else_beside_them() -> None:
    async def scenario() -> None:
        slow, told = Slow(), []
        app = RequestTurns(slow, Turns(pause=0.0), Counters())
        tasks = [ask(app, "/api/runs/a/metrics", port, told) for port in range(10)]
        await rounds(10)
        assert slow.inside == 3
        for path in ("/api/runs", "/healthz", "/metrics"):
            tasks.append(ask(app, path, 99, told))
        await rounds(10)
        assert slow.inside == 6
        slow.may_answer.set()
        await rounds(100)
        assert slow.most == 6
        assert told == [200] * 13, "one that is not read keeps no other one waiting"
        slow.may_end.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_too_many_are_told_to_come_again_and_health_never_is() -> None:
    async def scenario() -> None:
        slow, told, counters = Slow(), [], Counters()
        app = RequestTurns(slow, Turns(pause=0.0), counters)
        tasks = [ask(app, "/api/runs", port, told) for port in range(700)]
        await rounds(2000)
        assert told == [503] * (700 - 32 - 512)
        assert counters.rejected.labels("requests").value == len(told)
        tasks.append(ask(app, "/healthz", 1, told))
        await rounds(5)
        assert slow.inside == 33
        slow.may_answer.set()
        slow.may_end.set()
        await asyncio.gather(*tasks)
        assert told.count(200) == 32 + 512 + 1

    asyncio.run(scenario())
