"""The metrics relay, on a port of its own: what one client says is passed on to all others, and recorded as a run."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.websockets import WebSocket

from livetrain.proto import live_pb2 as live
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.dialects.converse import converse
from livetrain.server.dialects.mailbox import Mailbox
from livetrain.server.dialects.plain import BadJsonError, iso, read_any, said, write
from livetrain.server.dialects.relay_book import Sender
from livetrain.server.dialects.relay_guest import Guests
from livetrain.server.dialects.relay_view import Story
from livetrain.server.guard import Receive, Scope, Send
from livetrain.server.hub import Listener
from livetrain.server.intake import Intake
from livetrain.server.logs import Complaints
from livetrain.server.run import Run
from livetrain.server.stage import Stage
from livetrain.server.viewer import Frame

__all__ = ["Relay", "cleaned"]

log = logging.getLogger(__name__)

_TRY_AGAIN: Final = 1013
_STEP_SECONDS: Final = 0.1
_LARGE: Final = 64 * 1024
"""So many characters take milliseconds to read: the event loop is not kept busy with them."""
_MESSAGE: Final = frozenset({"type", "timestamp", "data"})
_NEVER_SENT: Final = frozenset({"ping", "connected", "disconnected", "reconnecting", "reconnected"})
"""Types that are no news for others: a viewer's sign of life, and names that viewers use within themselves."""


def cleaned(value: Any) -> tuple[Any, bool]:
    """Return a JSON value with null for each number that is not finite, and whether there was one."""
    if isinstance(value, float):
        return (value, False) if math.isfinite(value) else (None, True)
    if isinstance(value, list):
        items = [cleaned(item) for item in value]
        return [item for item, _ in items], any(changed for _, changed in items)
    if isinstance(value, dict):
        pairs = {name: cleaned(item) for name, item in value.items()}
        return {name: item for name, (item, _) in pairs.items()}, any(c for _, c in pairs.values())
    return value, False


def _plain(text: str) -> tuple[Any, str]:
    """Return what a message says, and the message as JSON that everybody reads."""
    message, odd = read_any(text)
    return message, write(cleaned(message)[0]) if odd else text


class Relay(Listener):
    """The relay as an ASGI application.

    Args:
        intake: of the runs.
        stage: says which of the runs that other trainers stream are told here.
        guests: where publishers' messages are recorded.
        recorder: of what is said.
    """

    def __init__(
        self, intake: Intake, stage: Stage, guests: Guests, recorder: DialectRecorder
    ) -> None:
        self._intake = intake
        self._stage = stage
        self._guests = guests
        self._recorder = recorder
        self._clients: set[Mailbox[str]] = set()
        self._numbers = itertools.count(1)
        self._story: Story | None = None
        self._steps: dict[
            str, dict[str, Any]
        ] = {}  # the newest of each type, which waits for its turn
        self._stepped = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._complaints = Complaints(log)

    # ------------------------------------------------------------ clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, on whatever path."""
        if scope["type"] == "websocket":
            await self._serve(WebSocket(scope, receive, send))
        elif scope["type"] == "http":
            body = json.dumps({"detail": "This port relays metrics over WebSocket."}).encode()
            headers = [(b"content-type", b"application/json"), (b"upgrade", b"websocket")]
            await send({"type": "http.response.start", "status": 426, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _serve(self, socket: WebSocket) -> None:
        await socket.accept()
        counters = self._intake.counters
        if len(self._clients) >= self._intake.limits.viewers:
            counters.rejected.labels("viewers").inc()
            await socket.close(_TRY_AGAIN, "Too many are connected; come again.")
            return
        dropped = counters.dropped.labels("relay_behind").inc
        mailbox = Mailbox[str](dropped, claim=self._intake.budget.viewers.claim())
        host = socket.client.host if socket.client is not None else ""
        sender = Sender(host, next(self._numbers))
        self._clients.add(mailbox)

        async def hear(text: str | bytes) -> None:
            try:
                await self._hear(text, mailbox, sender)
            except BadJsonError as error:
                counters.rejected.labels("relay_message").inc()
                self._complaints.warn("message", "a message from %s was dropped: %s", host, error)
                self._guests.record(sender, "", {}, 0, trouble=f"a message ({error})")

        try:
            conversation = self._recorder.begin("relay", "/")
            await converse(socket, mailbox, hear, counters, self._intake.turns, conversation)
        finally:
            self._clients.discard(mailbox)
            self._guests.closed(sender)

    async def _hear(self, text: str | bytes, mailbox: Mailbox[str], sender: Sender) -> None:
        given = said(text)
        large = len(given) > _LARGE
        message, plain = await asyncio.to_thread(_plain, given) if large else _plain(given)
        if not isinstance(message, dict):
            raise BadJsonError("it is not an object")
        kind = message.get("type")
        if isinstance(kind, str) and kind in _NEVER_SENT:
            return
        for client in self._clients:
            if client is not mailbox:
                client.put(plain)
        data = message.get("data")
        if not isinstance(kind, str) or not kind:
            trouble = "a message without a type"
        elif not isinstance(data, dict):
            trouble = f"a message of the type {kind[:60]!r} whose data is no object"
        else:
            unknown = sorted(str(name)[:60] for name in message.keys() - _MESSAGE)
            trouble = f"the field {unknown[0]!r} beside the data" if unknown else ""
            self._guests.record(sender, kind, data, len(plain), trouble=trouble)
            return
        self._guests.record(sender, "", {}, len(plain), trouble=trouble)

    # ------------------------------------------------------------ runs of other trainers

    def follows(self, run: Run) -> bool:
        """Does it tell of this run? What its own publishers say was passed on already."""
        return self._stage.follows(run) and not run.guest

    def wants_frames(self, run: Run) -> bool:
        """It has no pictures."""
        return False

    def committed(self, run: Run, events: Sequence[live.RunEvent]) -> None:
        """Tell what happened; of steps ten a second."""
        if self._story is None or self._story.run.key != run.key:
            self._story, self._steps = Story(run), {}
        story = self._story
        story.run = run
        for event in events:
            step = story.step(event)
            if step is not None:
                for kind, data in story.told(event):
                    self._tell(kind, data, event.received_ms)
                self._steps[step[0]] = step[1]
                self._step_due()
                continue
            for kind, data in story.told(event):
                self._tell_step()  # it came first
                self._tell(kind, data, event.received_ms)

    def _step_due(self) -> None:
        if self._timer is None:
            wait = self._stepped + _STEP_SECONDS - time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait), self._tell_step)

    def _tell_step(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        steps, self._steps = self._steps, {}
        if steps:
            self._stepped = time.monotonic()
        for kind, data in steps.items():
            self._tell(kind, data, time.time() * 1000)

    def _tell(self, kind: str, data: Mapping[str, Any], when_ms: float) -> None:
        if self._clients and kind not in _NEVER_SENT:
            plain, _ = cleaned(dict(data))
            text = write({"type": kind, "timestamp": iso(when_ms), "data": plain})
            for client in self._clients:
                client.put(text)

    def framed(self, run: Run, frame: Frame) -> None:
        """It has no pictures."""

    def state_changed(self, run: Run) -> None:
        """It is told with the records that change it."""

    def troubled(self, sentence: str) -> None:
        """It has no word for it."""

    def forgotten(self, run: Run) -> None:
        """Keep nothing of one that was deleted."""
        if run.deleted and self._story is not None and self._story.run.key == run.key:
            self._story = None

    def performed(self, run: Run) -> None:
        """It has no word for it."""
