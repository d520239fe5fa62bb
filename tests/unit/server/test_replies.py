from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from livetrain.server import replies as module
from livetrain.server.budget import Pool
from livetrain.server.guard import Receive, Scope, Send
from livetrain.server.replies import Replies

Message = MutableMapping[str, Any]


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with three MiB."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * (3 << 20)})


async def nothing() -> Message:
    raise AssertionError("nothing is read")


class Client:
    """Reads an answer, or stops after so many messages."""

    def __init__(self, reads: int = 10_000) -> None:
        self.messages: list[Message] = []
        self._reads = reads

    async def send(self, message: Message) -> None:
        if len(self.messages) >= self._reads:
            await asyncio.Event().wait()
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


SCOPE: Scope = {"type": "http", "path": "/api/runs/x/events"}


def test_a_large_answer_is_sent_in_parts_and_whole() -> None:
    async def main() -> None:
        pool = Pool("replies", 64 << 20)
        client = Client()
        await Replies(large, pool)(SCOPE, nothing, client.send)
        assert client.body == b"x" * (3 << 20)
        assert max(len(message.get("body", b"")) for message in client.messages) <= 64 << 10
        assert [m["more_body"] for m in client.messages[1:]] == [True] * 47 + [False]
        assert pool.used == 0

    asyncio.run(main())


def test_who_does_not_read_gives_way_to_who_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STUCK_SECONDS", 0.05)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)

    async def main() -> None:
        pool = Pool("replies", 13 << 20)
        replies = Replies(large, pool)
        stuck = [
            asyncio.create_task(replies(SCOPE, nothing, Client(reads=3).send)) for _ in range(20)
        ]
        await asyncio.sleep(0.05)
        assert pool.used <= pool.limit
        reader = Client()
        await asyncio.wait_for(replies(SCOPE, nothing, reader.send), 20)
        assert (reader.status, len(reader.body)) == (200, 3 << 20)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        assert pool.used == 0

    asyncio.run(main())


def test_without_room_a_request_is_told_when_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.02)

    async def main() -> None:
        pool = Pool("replies", 13 << 20)
        pool.add(13 << 20)
        client = Client()
        await Replies(large, pool)(SCOPE, nothing, client.send)
        assert client.status == 503
        assert (b"retry-after", b"1") in client.messages[0]["headers"]
        assert "come again" in json.loads(client.body)["detail"]
        # What watches the server itself is answered all the same.
        for path in ("/healthz", "/metrics", "/"):
            client = Client()
            await Replies(large, pool)({"type": "http", "path": path}, nothing, client.send)
            assert client.status == 200

    asyncio.run(main())
