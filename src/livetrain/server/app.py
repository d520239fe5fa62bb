"""The composition root: makes the parts, connects them, starts them and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc.aio
import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

import livetrain
from livetrain.server.api import Api
from livetrain.server.bounded_websocket import bounded_websocket
from livetrain.server.budget import Budget
from livetrain.server.counters import Counters, MemoryFigures
from livetrain.server.datadir import DataDir
from livetrain.server.descriptors import raise_descriptor_limit, share_of_descriptors
from livetrain.server.desk import Desk
from livetrain.server.dialect_recorder import DialectRecorder
from livetrain.server.dialects.dialects import Dialects
from livetrain.server.errors import StartError
from livetrain.server.guard import AllowList, App, Guard
from livetrain.server.heap import give_back_freed_memory
from livetrain.server.http_connections import HttpConnections, bounded_http
from livetrain.server.hub import Hub
from livetrain.server.ingest import Ingest, options
from livetrain.server.intake import Intake
from livetrain.server.limits import Limits
from livetrain.server.live import Live
from livetrain.server.logs import Complaints, set_up
from livetrain.server.lookup import answer_gone
from livetrain.server.memory_guard import MemoryGuard
from livetrain.server.memory_watch import MemoryWatch
from livetrain.server.orders import Orders
from livetrain.server.paced_websocket import Pace
from livetrain.server.packer import Packer
from livetrain.server.pages import Pages, read_index
from livetrain.server.refused_request import refuse_request
from livetrain.server.registration import Registrar
from livetrain.server.registry import Registry, RunGoneError
from livetrain.server.replies import Replies
from livetrain.server.request_turns import RequestTurns
from livetrain.server.settings import Address, Settings
from livetrain.server.store.engine import Store, open_store
from livetrain.server.store.journal import Journal
from livetrain.server.store.reader import Reader
from livetrain.server.upkeep import Upkeep

__all__ = ["run"]

log = logging.getLogger(__name__)

_STATIC: Final = Path(__file__).parent / "static"
_STOP_SECONDS: Final = 8.0
_RESTARTING: Final = 1012
_STUCK_MS: Final = 30_000
_SEND_BUFFER: Final = 512 * 1024
_PACE: Final = Pace(messages=200, bytes=64 * 1024)
"""Pages say of each frame that they have painted it; nobody says more."""
_RELAY_PACE: Final = Pace(messages=1_000, bytes=1024 * 1024)
"""Publishers send what they measure in each step of a training."""
_SWITCH_SECONDS: Final = 0.0005
_WORKERS: Final = 2
_BACKLOG: Final = 256
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Raises:
        StartError: it cannot start; nothing is left half started.
    """
    give_back_freed_memory()
    # A thread that computes gives way to the event loop after this time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    set_up(settings.log_format, settings.log_level)
    with contextlib.ExitStack() as stack:
        # The ports first: when one is taken, nothing has been written yet. gRPC would complain in its own words, so its
        # port is tried before it is asked to take it.
        _listen(settings.grpc, "--grpc").close()
        http = stack.enter_context(contextlib.closing(_listen(settings.http, "--http")))
        relay = _listen_for_relay(settings)
        if relay is not None:
            stack.enter_context(contextlib.closing(relay))
        return asyncio.run(_serve(settings, http, relay, stack))


def _listen(address: Address, flag: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # A server that comes back must not wait for connections of the one before to time out.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by accepted connections: a frame goes to the kernel in one piece, and a viewer that does not read holds no more.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        # Accepted connections inherit it: one that takes nothing for so long is gone, though it may never say so.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_MS)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(
            f"The address {address} cannot be used ({error.strerror}); give another with {flag}, or port 0 for a free one."
        ) from error
    return listener


def _listen_for_relay(settings: Settings) -> socket.socket | None:
    """Take the relay's port, if it is wanted. A default that is taken keeps nobody from training: few need the relay."""
    if settings.relay is None:
        return None
    try:
        return _listen(settings.relay, "--relay")
    except StartError as error:
        if "relay" in settings.model_fields_set:
            raise
        log.warning("there is no metrics relay: %s", error)
        return None


async def _serve(
    settings: Settings,
    http: socket.socket,
    relay: socket.socket | None,
    stack: contextlib.ExitStack,
) -> int:
    # Before gRPC's server: older releases of it keep a process from ending whose server never started.
    data_dir = stack.enter_context(contextlib.closing(DataDir(settings.data_dir)))
    store = stack.enter_context(
        contextlib.closing(open_store(settings.database or data_dir.database))
    )
    recorder = stack.enter_context(contextlib.closing(DialectRecorder(settings.record_dialect)))
    limits = Limits.within(Budget.of_mib(settings.memory_mib).points.limit)
    grpc_server = grpc.aio.server(
        options=options(limits.message_bytes, share_of_descriptors(raise_descriptor_limit()))
    )
    try:
        grpc_port = grpc_server.add_insecure_port(str(settings.grpc))
    except RuntimeError:
        grpc_port = 0
    if not grpc_port:
        raise StartError(
            f"The address {settings.grpc} cannot be used; give another with --grpc, or port 0 for a free one."
        )
    site = f"http://{Address(*http.getsockname()[:2])}"
    server = Server(settings, limits, store, recorder, site=site)
    await server.serve(grpc_server, grpc_port, http, relay)
    return 0


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us: HTTP is only one part of what has to end in order."""
        yield


class Server:
    """All parts of one server."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        store: Store,
        recorder: DialectRecorder,
        *,
        site: str,
    ) -> None:
        self._site = site
        self._settings = settings
        self._counters = Counters()
        budget = Budget.of_mib(settings.memory_mib)
        self._budget = budget
        self._memory = MemoryWatch(budget.memory_bytes)
        self._counters.show(MemoryFigures(budget, self._memory))
        self._registry = Registry(Reader(store.reader, budget.points), limits, budget.runs)
        self._hub = Hub(store.epoch, limits, budget)
        self._intake = Intake(
            self._registry,
            self._hub,
            limits,
            self._counters,
            epoch=store.epoch,
        )
        desk = Desk(self._intake)
        packer = Packer(self._intake, retain_events=settings.retain_events)
        self._intake.pack = packer.pack
        self._upkeep = Upkeep(self._intake, desk, packer, retain_days=settings.retain_days)
        self._journal = self._intake.journal = Journal(
            store.writer,
            pool=budget.journal,
            committed=self._intake.committed,
            troubled=self._intake.troubled,
        )
        registrar = Registrar(self._intake, site)
        self._ingest = Ingest(self._intake, registrar, desk, recorder)
        live = Live(self._intake, settings.data_dir)
        self._api = Api(self._intake, self._upkeep, live, Orders(self._intake, desk))
        self._dialects = Dialects(self._intake, registrar, desk, live, recorder)
        self._websocket = bounded_websocket(budget.viewers)
        self._web_connections = share_of_descriptors(raise_descriptor_limit())
        self._guard = MemoryGuard(self._memory, self._intake, self._ingest)
        self._stop = asyncio.Event()
        self._complaints = Complaints(log)

    async def serve(
        self,
        grpc_server: grpc.aio.Server,
        grpc_port: int,
        http: socket.socket,
        relay: socket.socket | None,
    ) -> None:
        """Serve until told to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.set_exception_handler(self._report)
        # Few at once: what they do holds the interpreter.
        loop.set_default_executor(ThreadPoolExecutor(_WORKERS, "livetrain-worker"))
        self._journal.start()
        grpc_server.add_generic_rpc_handlers(tuple(self._ingest.handlers()))
        await grpc_server.start()
        replies = Replies(self._app(), self._budget.replies)
        app = RequestTurns(replies, self._intake.turns, self._counters)
        webs = [(_Uvicorn(self._config(app, http)), http)]
        if relay is not None:
            # As large a message as the relays that it stands in for took by default.
            config = self._config(
                self._dialects.relay, relay, ws_max_size=1024 * 1024, pace=_RELAY_PACE
            )
            webs.append((_Uvicorn(config), relay))
        tasks = [asyncio.create_task(web.serve(sockets=[taken])) for web, taken in webs]
        sweeper = asyncio.create_task(self._look_after())
        stop = asyncio.create_task(self._stop.wait())
        while not all(web.started for web, _ in webs) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.005)
        for _, taken in webs:
            # asyncio knows one number for how many wait and how many it takes at once.
            taken.listen(_BACKLOG)
        self._api.ready = True
        self._memory.begin()
        print(f"grpc: {Address(self._settings.grpc.host, grpc_port)}", flush=True)
        print(f"http: {self._site}", flush=True)
        if relay is not None:
            print(f"relay: ws://{Address(*relay.getsockname()[:2])}", flush=True)
        done, _ = await asyncio.wait({stop, *tasks, sweeper}, return_when=asyncio.FIRST_COMPLETED)
        if stop not in done:
            log.error("a part of the server ended by itself; it stops")
        await self._end(grpc_server, [web for web, _ in webs], tasks, sweeper)

    async def _look_after(self) -> None:
        """Look after the runs and the memory, for good."""
        await asyncio.gather(self._upkeep.run(), self._guard.run())

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what asyncio has to tell; where no connection can be taken, it would say so thousands of times."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            self._counters.rejected.labels("descriptors").inc()
            self._complaints.warn(
                "descriptors",
                "no connection can be taken (%s); raise the limit of open files (ulimit -n)",
                error.strerror,
            )
        else:
            loop.default_exception_handler(context)

    async def _end(
        self,
        grpc_server: grpc.aio.Server,
        webs: Sequence[uvicorn.Server],
        tasks: Sequence[asyncio.Task[None]],
        sweeper: asyncio.Task[None],
    ) -> None:
        """Stop taking, commit, acknowledge, close; one deadline spans it all."""
        deadline = time.monotonic() + _STOP_SECONDS

        def left() -> float:
            return max(0.1, deadline - time.monotonic())

        log.info("stopping")
        self._api.ready = False
        sweeper.cancel()
        self._ingest.stop()
        # A publisher of the relay says something and goes: it has said it.
        await self._registry.published.wait(min(1.0, left()))
        self._upkeep.conclude()
        if not await self._journal.close(left() / 2):
            log.error(
                "records could not be committed before the end; they were not acknowledged, and trainers keep them"
            )
        self._ingest.finish()
        await grpc_server.stop(min(1.0, left()))
        self._hub.close(_RESTARTING)
        for web in webs:
            web.should_exit = True
        self._dialects.close()
        _, pending = await asyncio.wait(tasks, timeout=left())
        for task in pending:
            task.cancel()
        self._registry.close()
        log.info("stopped")

    def _app(self) -> FastAPI:
        app = FastAPI(
            title="livetrain-server",
            version=livetrain.__version__,
            openapi_url="/api/openapi.json",
            # Their pages load scripts from another host.
            docs_url=None,
            redoc_url=None,
        )
        app.add_exception_handler(RequestValidationError, refuse_request)
        app.add_exception_handler(RunGoneError, answer_gone)
        app.include_router(self._api.router)
        self._dialects.mount(app)
        app.include_router(Pages(read_index(_STATIC)).router)
        return app

    def _config(
        self,
        app: App,
        listener: socket.socket,
        *,
        ws_max_size: int = 64 * 1024,
        pace: Pace = _PACE,
    ) -> uvicorn.Config:
        port = listener.getsockname()[1]
        allowed = AllowList(port, self._settings.allow_host, self._settings.allow_origin)
        return uvicorn.Config(
            Guard(app, allowed, self._counters),
            # h11 alone holds to the bound of what comes before a request is complete.
            http=bounded_http(HttpConnections(self._web_connections, self._counters)),
            ws=self._websocket(pace),
            ws_per_message_deflate=False,  # its default costs 13 to 23 ms a frame and viewer
            ws_max_size=ws_max_size,
            ws_ping_interval=10.0,
            ws_ping_timeout=10.0,
            h11_max_incomplete_event_size=16 * 1024,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            # So many connections asyncio takes in one go, and so often it says that it could not.
            backlog=8,
        )
