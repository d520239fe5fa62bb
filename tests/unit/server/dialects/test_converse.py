from __future__ import annotations

import asyncio
from typing import Any, cast

from fastapi import WebSocket

from livetrain.server.counters import Counters
from livetrain.server.dialects.converse import converse
from livetrain.server.dialects.mailbox import Mailbox
from livetrain.server.turns import Turns


class Socket:
    """A WebSocket whose client says what the test wants, and reads or not."""

    def __init__(self, *said: Any, reads: bool = True) -> None:
        self.said = list(said)
        self.reads = reads
        self.sent: list[str] = []
        self.gone = asyncio.Event()
        self.closed = False

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.said:
            told = self.said.pop(0)
            return {
                "type": "websocket.receive",
                "bytes" if isinstance(told, bytes) else "text": told,
            }
        await self.gone.wait()
        return {"type": "websocket.disconnect"}

    async def send_text(self, text: str) -> None:
        if not self.reads:
            await self.gone.wait()
            raise RuntimeError("the connection is gone")
        self.sent.append(text)

    async def close(self, *_: Any) -> None:
        self.closed = True


def talk(socket: Socket, mailbox: Mailbox[str], heard: list[Any], answer: str = "") -> Any:
    async def hear(text: str | bytes) -> None:
        heard.append(text)
        if answer:
            mailbox.put(answer)

    return converse(cast("WebSocket", socket), mailbox, hear, Counters(), Turns())


def test_both_ways() -> None:
    async def scenario() -> None:
        socket, mailbox, heard = Socket("a", b"\x00"), Mailbox[str](lambda: None), []
        mailbox.put("first")
        task = asyncio.create_task(talk(socket, mailbox, heard, answer="yes"))
        async with asyncio.timeout(5):
            while socket.sent != ["first", "yes", "yes"]:
                await asyncio.sleep(0)
        socket.gone.set()
        await asyncio.wait_for(task, 5)
        assert heard == ["a", b"\x00"]
        assert socket.closed

    asyncio.run(scenario())


def test_who_asks_and_does_not_read_is_not_read_either() -> None:
    async def scenario() -> None:
        socket = Socket(*["ask"] * 1000, reads=False)
        mailbox, heard = Mailbox[str](lambda: None, limit_bytes=100), []
        task = asyncio.create_task(talk(socket, mailbox, heard, answer="0123456789"))
        for _ in range(5000):
            await asyncio.sleep(0)
        assert len(heard) < 10
        socket.gone.set()  # it goes, without having read
        async with asyncio.timeout(5):
            await task

    asyncio.run(scenario())


def test_who_says_something_and_goes_at_once_has_said_it() -> None:
    async def scenario() -> None:
        socket, mailbox, heard = Socket("last words"), Mailbox[str](lambda: None), []
        socket.gone.set()
        socket.reads = False
        mailbox.put("it cannot be written any more")
        await asyncio.wait_for(talk(socket, mailbox, heard), 5)
        assert heard == ["last words"]

    asyncio.run(scenario())
