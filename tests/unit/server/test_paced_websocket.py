from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from livetrain.server import paced_websocket
from livetrain.server.paced_websocket import TOO_MUCH, Pace, PacedWebSocket

TINY = Frame(Opcode.TEXT, b"x").serialize(mask=True)
PING = Frame(Opcode.PING, b"").serialize(mask=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(app: Any, pace: Pace) -> AsyncIterator[str]:
    """Serve an application whose clients speak at this pace, in this process."""

    class Paced(PacedWebSocket):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(pace, *arguments, **options)

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, ws=Paced, lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


class Hearing:
    """An application that notes what it hears."""

    def __init__(self, *, slow: bool = False) -> None:
        self.heard: list[str] = []
        self.rounds = 0
        self.go_on = asyncio.Event()
        if not slow:
            self.go_on.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.go_on.wait()
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message["text"])


async def pour(client: ClientConnection, data: bytes) -> None:
    client.transport.write(data)


def test_thousands_of_messages_are_heard_in_order_and_others_have_their_turn() -> None:
    async def scenario() -> None:
        app = Hearing()
        async with (
            listening(app, Pace(messages=1_000_000, bytes=1 << 30)) as address,
            connect(address, compression=None) as client,
        ):
            said = [str(n) for n in range(20_000)]
            data = b"".join(Frame(Opcode.TEXT, s.encode()).serialize(mask=True) for s in said)
            loop, longest, last = asyncio.get_running_loop(), 0, 0

            def look() -> None:
                nonlocal longest, last
                longest, last = max(longest, len(app.heard) - last), len(app.heard)
                if last < len(said):
                    loop.call_soon(look)

            look()
            await pour(client, data)
            await until(lambda: len(app.heard) == len(said))
            assert app.heard == said
            # The whole of them in one round is what uvicorn does by itself.
            assert longest < 2_000

    asyncio.run(scenario())


def test_what_the_application_does_not_take_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        app = Hearing(slow=True)
        async with (
            listening(app, Pace(messages=1_000_000, bytes=1 << 30)) as address,
            connect(address, compression=None) as client,
        ):
            message = Frame(Opcode.TEXT, b"x" * 10_000).serialize(mask=True)
            await pour(client, message * 3_000)
            for _ in range(200):
                await asyncio.sleep(0.001)
            assert client.transport.get_write_buffer_size() > 10_000_000, "it went nowhere"
            app.go_on.set()
            await until(lambda: len(app.heard) == 3_000)

    asyncio.run(scenario())


@pytest.mark.parametrize("frame", [TINY, PING], ids=["tiny", "ping"])
def test_who_says_too_much_is_read_later_and_then_sent_away(
    monkeypatch: pytest.MonkeyPatch, frame: bytes
) -> None:
    monkeypatch.setattr(paced_websocket, "_PATIENCE_SECONDS", 0.3)

    async def scenario() -> None:
        app = Hearing()
        pace = Pace(messages=1_000, bytes=1 << 20, burst_seconds=0.1)
        async with (
            listening(app, pace) as address,
            connect(address, compression=None) as patient,
            connect(address, compression=None) as hostile,
        ):
            await pour(patient, TINY * 90)
            await pour(hostile, frame * 20_000)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(hostile.recv(), 20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == TOO_MUCH
            assert "1,000 messages" in closed.value.rcvd.reason
            assert "come again in" in closed.value.rcvd.reason
            # No more than the burst and what the time allows, and nobody else is sent away.
            assert len(app.heard) < 2_000
            await patient.send("and on")
            await until(lambda: app.heard[-1] == "and on")

    asyncio.run(scenario())
