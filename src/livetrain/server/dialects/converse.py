"""A WebSocket of texts, both ways, until one side goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from livetrain.server.counters import Counters
from livetrain.server.dialect_recorder import SILENT, Conversation
from livetrain.server.dialects.mailbox import Closed, Mailbox
from livetrain.server.turns import Turns

__all__ = ["converse"]


async def converse(
    socket: WebSocket,
    mailbox: Mailbox[str],
    hear: Callable[[str | bytes], Awaitable[None]],
    counters: Counters,
    turns: Turns,
    conversation: Conversation = SILENT,
) -> None:
    """Send what is put into the mailbox, and have each message of the client heard, one after the other.

    Args:
        socket: accepted.
        mailbox: of the client.
        hear: called with a text, or with the bytes of a binary frame.
        counters: what is sent is counted there.
        turns: of all clients. Neither reading what has come nor sending to one that reads ever waits by itself, so that a client
            with much to say, or much to hear, would have the event loop to itself.
        conversation: what both sides say is recorded there; it ends with this.
    """

    async def write() -> None:
        share = turns.share("older")
        while True:
            text = await mailbox.get()
            await share.turn()
            conversation.server(text)
            await socket.send_text(text)
            share.rest()
            counters.sent.inc()

    writer = asyncio.create_task(write())
    share = turns.share("older")
    try:
        # To the end, even when nothing can be written any more: who says something and goes at once has said it.
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            await share.turn()
            text = message.get("text")
            said = message["bytes"] if text is None else text
            conversation.client(said)
            await hear(said)
            share.rest()
            await _room(mailbox, writer)
    finally:
        conversation.end()
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError, Closed, WebSocketDisconnect, RuntimeError):
            await writer
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it went first
            await socket.close()


async def _room(mailbox: Mailbox[str], writer: asyncio.Task[None]) -> None:
    """Wait until the client has read some of what it asked for; one that is gone never will."""
    if mailbox.has_room:
        return
    room = asyncio.create_task(mailbox.room())
    await asyncio.wait({room, writer}, return_when=asyncio.FIRST_COMPLETED)
    room.cancel()
