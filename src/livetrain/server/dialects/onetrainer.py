"""OneTrainer's web UI: JSON over ``/ws`` with subscriptions, and ``/api/ws/status``."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psutil
from fastapi import APIRouter, WebSocket

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.commands import too_large
from livetrain.server.desk import Desk
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.dialects.converse import converse
from livetrain.server.dialects.mailbox import Mailbox
from livetrain.server.dialects.onetrainer_events import (
    ENDS,
    EVENTS,
    Event,
    Standing,
    Story,
    log_event,
    status_of,
    system_stats,
)
from livetrain.server.dialects.onetrainer_talk import Talk, UnknownCommandError
from livetrain.server.dialects.plain import iso, write
from livetrain.server.hub import Listener
from livetrain.server.intake import Intake
from livetrain.server.run import Run
from livetrain.server.stage import Stage
from livetrain.server.store.journal import JournalError
from livetrain.server.viewer import Frame

__all__ = ["OneTrainer"]

_PROGRESS_SECONDS: Final = 0.1
_STATUS_SECONDS: Final = 1.0
"""Between two statuses that differ in their text alone."""
_STATUSES: Final = 3
"""So many of them wait for their turn; where more come, the trainer writes numbers into them, and the newest alone waits."""
_STATS_SECONDS: Final = 2.0
_TRY_AGAIN: Final = 1013
_REPLACED: Final = frozenset({"training_progress", "system_stats"})
"""Of these a client that is slow gets the newest; of the others every one."""
_COMMANDS: Final = (
    "pause",
    "resume",
    "stop",
    "sample",
    "sample_default",
    "sample_custom",
    "backup",
    "save",
)
"""What clients of the web UI are known to ask for; the training says which of it can be done."""
_VERBS: Final = {"sample": "sample_now", "sample_default": "sample_now"}


class _Client:
    """One client, and the site as it knows it, such as ``http://127.0.0.1:8080``: what it is told to load is below that."""

    def __init__(self, number: int, mailbox: Mailbox[str], talk: Talk, site: str) -> None:
        self.id = f"client_{number}_{time.time():.2f}"
        self.mailbox = mailbox
        self.talk = talk
        self.site = site


def _unknown(verb: str, known: Sequence[str]) -> str:
    return f"There is no command {verb[:60]!r}; there are {', '.join(known)[:300]}."


def _site_of(websocket: WebSocket) -> str:
    scheme = "https" if websocket.url.scheme == "wss" else "http"
    root = str(websocket.scope.get("root_path", "")).rstrip("/")
    return f"{scheme}://{websocket.headers['host']}{root}"


class OneTrainer(Listener):
    """Serves clients of OneTrainer's web UI.

    Args:
        intake: of the runs.
        stage: says which run they see.
        desk: where their commands go.
        recorder: of what is said.
    """

    def __init__(self, intake: Intake, stage: Stage, desk: Desk, recorder: DialectRecorder) -> None:
        self._intake = intake
        self._stage = stage
        self._desk = desk
        self._recorder = recorder
        self._clients: set[_Client] = set()
        self._by_event: dict[str, dict[_Client, None]] = {name: {} for name in EVENTS}
        self._numbers = itertools.count(1)
        self._story: Story | None = None
        self._progressed = 0.0
        self._progress_timer: asyncio.TimerHandle | None = None
        self._status_told = -_STATUS_SECONDS
        self._statuses: deque[Event] = deque()
        self._status_timer: asyncio.TimerHandle | None = None
        self._stats: asyncio.Task[None] | None = None
        self.router = APIRouter()
        self.router.add_api_websocket_route("/ws", self.serve)
        self.router.add_api_route(
            "/api/ws/status", self.status, methods=["GET"], summary="OneTrainer's web UI: status"
        )

    # ------------------------------------------------------------ clients

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until it goes."""
        await websocket.accept()
        if self._intake.hub.viewers + len(self._clients) >= self._intake.limits.viewers:
            self._intake.counters.rejected.labels("viewers").inc()
            await websocket.close(_TRY_AGAIN, "Too many viewers are connected; come again.")
            return
        dropped = self._intake.counters.dropped.labels("onetrainer_behind").inc
        host = websocket.client.host if websocket.client is not None else "unknown"

        async def command(verb: str, args: Mapping[str, Any]) -> str:
            return await self._command(verb, args, host)

        client = _Client(
            next(self._numbers),
            Mailbox[str](dropped, claim=self._intake.budget.viewers.claim()),
            Talk(lambda: self._subscribed(client), command),
            _site_of(websocket),
        )
        welcome = {
            "type": "connection_established",
            "client_id": client.id,
            "timestamp": iso(time.time() * 1000),
        }
        client.mailbox.put(write(welcome))
        self._clients.add(client)
        if self._stats is None:
            self._stats = asyncio.create_task(self._tell_stats())

        async def hear(text: str | bytes) -> None:
            client.mailbox.put(await client.talk.answer(text))

        try:
            conversation = self._recorder.begin("onetrainer", "/ws")
            await converse(
                websocket,
                client.mailbox,
                hear,
                self._intake.counters,
                self._intake.turns,
                conversation,
            )
        finally:
            self._clients.discard(client)
            for listeners in self._by_event.values():
                listeners.pop(client, None)
            if not self._clients and self._stats is not None:
                self._stats.cancel()
                self._stats = None

    def _subscribed(self, client: _Client) -> None:
        for name, listeners in self._by_event.items():
            if name in client.talk.subscriptions:
                listeners[client] = None
            else:
                listeners.pop(client, None)

    async def _command(self, verb: str, args: Mapping[str, Any], host: str) -> str:
        run = self._stage.run
        declared = [] if run is None else [one.verb for one in run.declared]
        known = list(dict.fromkeys([*_COMMANDS, *declared]))
        if run is None or run.ended:
            if verb not in known:
                raise UnknownCommandError(_unknown(verb, known))
            return "No training is running."
        parameters = {str(name): str(value) for name, value in args.items()}
        if too_much := too_large(verb, parameters):
            return too_much
        try:
            given = await self._desk.issue(
                run,
                _VERBS.get(verb, verb),
                parameters,
                issued_by=f"OneTrainer's web UI at {host}",
                origin=host,
            )
        except JournalError as error:
            return f"The store cannot be written now ({error}); nothing was done, try again."
        if given.state != pb.REJECTED:
            return f"{verb} was given to the training."
        if verb not in known:
            raise UnknownCommandError(_unknown(verb, known))
        return given.message

    async def status(self) -> dict[str, Any]:
        """Return how many are connected and how the training stands."""
        run, story = self._stage.run, self._story
        told = story is not None and run is not None and story.run.key == run.key
        return {
            "active_connections": len(self._clients),
            "is_training": run is not None
            and not run.ended
            and run.contact in ("alive", "stale")
            and run.status in ("running", "paused"),
            "training_state": {
                "status": status_of(run),
                "current_step": max(0, run.steps - 1) if run is not None else 0,
                "current_epoch": run.epoch if run is not None else 0,
                "last_loss": story.loss if told and story is not None else None,
                "last_lr": story.learning_rate if told and story is not None else None,
            },
        }

    # ------------------------------------------------------------ what happens

    def follows(self, run: Run) -> bool:
        """Does it tell of this run?"""
        return self._stage.follows(run)

    def wants_frames(self, run: Run) -> bool:
        """It has no pictures."""
        return False

    def committed(self, run: Run, events: Sequence[live.RunEvent]) -> None:
        """Tell what happened."""
        if self._story is None or self._story.run.key != run.key:
            self._tell_waiting_statuses()  # the last of the run before
            self._story = Story(run)
        story = self._story
        story.run = run
        for event in events:
            if story.moved(event):
                self._progress_due()
            standing = story.status(event)
            if standing is not None:
                if standing.event["status"] in ENDS and self._progress_timer is not None:
                    self._progress_timer.cancel()
                    self._tell_progress()  # it came first
                self._status_due(standing)
            for said in story.told(event):
                self._tell(said)

    def framed(self, run: Run, frame: Frame) -> None:
        """It has no pictures."""

    def troubled(self, sentence: str) -> None:
        """Tell it as a line of the log."""
        self._tell(log_event(pb.WARNING, sentence or "The server can store again.", "livetrain"))

    def forgotten(self, run: Run) -> None:
        """Keep nothing of one that was deleted."""
        if run.deleted and self._story is not None and self._story.run.key == run.key:
            self._story = None
            self._statuses.clear()

    def performed(self, run: Run) -> None:
        """The time remaining goes with the next step."""

    def state_changed(self, run: Run) -> None:
        """Tell that nothing is heard of it any more, or is again; all else is told with the records that change it."""
        story = self._story
        if story is not None and story.run.key == run.key:
            story.run = run
            told = story.contact(time.time() * 1000)
            if told is not None:
                self._status_due(Standing(told, urgent=True))

    def _status_due(self, standing: Standing) -> None:
        """Tell how the run stands: at once, or where its text alone is new, a second after what was told before."""
        if standing.urgent:
            self._tell_waiting_statuses()
        elif len(self._statuses) == _STATUSES:
            self._intake.counters.dropped.labels("onetrainer_status").inc(_STATUSES)
            self._statuses.clear()
        self._statuses.append(standing.event)
        wait = self._status_told + _STATUS_SECONDS - time.monotonic()
        if standing.urgent or (wait <= 0 and self._status_timer is None):
            self._tell_status()
        elif self._status_timer is None:
            self._status_timer = asyncio.get_running_loop().call_later(wait, self._tell_status)

    def _tell_status(self) -> None:
        """Tell the status that has waited longest, and have the next one told in a second."""
        if self._status_timer is not None:
            self._status_timer.cancel()
            self._status_timer = None
        if self._statuses:
            self._status_told = time.monotonic()
            self._tell(self._statuses.popleft())
        if self._statuses:
            loop = asyncio.get_running_loop()
            self._status_timer = loop.call_later(_STATUS_SECONDS, self._tell_status)

    def _tell_waiting_statuses(self) -> None:
        while self._statuses:
            self._tell_status()

    def _progress_due(self) -> None:
        """Tell of a step: at once, or with the next when one was told less than a tenth of a second ago."""
        if self._progress_timer is None:
            wait = self._progressed + _PROGRESS_SECONDS - time.monotonic()
            loop = asyncio.get_running_loop()
            self._progress_timer = loop.call_later(max(0.0, wait), self._tell_progress)

    def _tell_progress(self) -> None:
        self._progress_timer = None
        self._progressed = time.monotonic()
        if self._story is not None:
            self._tell(self._story.progress(time.time() * 1000))

    async def _tell_stats(self) -> None:
        """Tell the machine's figures: those of the training, or while none runs the server's."""
        while True:
            run = self._stage.run
            performance = run.performance if run is not None and run.contact == "alive" else None
            if performance is not None and performance.HasField("resource_usage"):
                usage = performance.resource_usage
            else:
                memory = psutil.virtual_memory()
                usage = pb.ResourceUsage(
                    cpu_percent=psutil.cpu_percent(),
                    memory_mb=memory.used / 2**20,
                    memory_total_mb=memory.total / 2**20,
                )
            self._tell(system_stats(usage, time.time() * 1000))
            await asyncio.sleep(_STATS_SECONDS)

    def _tell(self, event: Event) -> None:
        name = event["type"]
        listeners = self._by_event[name]
        if not listeners:
            return
        slot = name if name in _REPLACED else ""
        texts: dict[str, str] = {}
        for client in listeners:
            # What a client is to load has an address of the site as it knows it: its page may be another site's.
            site = client.site if name == "sample_generated" else ""
            if site not in texts:
                texts[site] = write({**event, "path": site + event["path"]} if site else event)
            client.mailbox.put(texts[site], slot)
