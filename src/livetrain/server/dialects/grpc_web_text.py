"""gRPC-Web as text: the same bytes in base64, which the older of its two client libraries asks for when it streams.

And what no server of HTTP/1.1 can answer, plain gRPC, is refused here in words.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import MutableMapping
from typing import Any, Final

from livetrain.server.guard import App, Receive, Scope, Send

__all__ = ["with_text"]

_TEXT: Final = b"application/grpc-web-text"
_BINARY: Final = b"application/grpc-web"
_PROMPT_SECONDS: Final = 0.5


def with_text(app: App) -> App:
    """Return an application that answers gRPC-Web in either form."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        kinds = [value for name, value in scope["headers"] if name == b"content-type"]
        kind = kinds[0] if kinds else b""
        if scope["method"] != "POST" or not kind.startswith(_BINARY):
            await _refuse(send)
            return
        if kind.startswith(_TEXT):
            scope, receive, send = _as_binary(scope, kind), _decoded(receive), _encoded(send)
        prompt = _Prompt(send)
        try:
            await app(scope, receive, prompt.send)
        finally:
            prompt.close()

    return answer


class _Prompt:
    """Lets a page know that it is connected: the head of the answer does not wait for the first message longer than a moment."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = asyncio.Lock()
        self._done = False
        self._waiting = asyncio.create_task(self._start_by_itself())

    async def _start_by_itself(self) -> None:
        await asyncio.sleep(_PROMPT_SECONDS)
        headers = [
            (b"content-type", b"application/grpc-web+proto"),
            (b"grpc-encoding", b"identity"),
        ]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass on what the application answers, but a second start."""
        if message["type"] != "http.response.start":
            await self._send(message)
            return
        async with self._started:
            if not self._done:
                self._done = True
                await self._send(message)

    def close(self) -> None:
        """There is nothing to wait for any more."""
        self._waiting.cancel()


async def _refuse(send: Send) -> None:
    reason = "This is answered to a POST of gRPC-Web; trainers find gRPC at its own port."
    body = json.dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"accept-post", b"application/grpc-web")]
    await send({"type": "http.response.start", "status": 415, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _as_binary(scope: Scope, kind: bytes) -> Scope:
    headers = [
        (name, _BINARY + kind.removeprefix(_TEXT) if name == b"content-type" else value)
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}


def _decoded(receive: Receive) -> Receive:
    left = b""

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal left
        message = await receive()
        if message["type"] != "http.request":
            return message
        text = left + message.get("body", b"")
        whole = len(text) - len(text) % 4  # four characters are three bytes
        left = text[whole:]
        try:
            return {**message, "body": base64.b64decode(text[:whole], validate=True)}
        except binascii.Error:
            return {**message, "body": b"\xff"}  # no message begins so: it is refused as what it is

    return receiving


def _encoded(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, _TEXT + value.removeprefix(_BINARY) if name == b"content-type" else value)
                for name, value in message.get("headers", [])
            ]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            # Each piece is padded by itself, which the clients expect.
            message = {**message, "body": base64.b64encode(message.get("body", b""))}
        await send(message)

    return sending
