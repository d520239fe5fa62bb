"""gRPC-Web on the HTTP port: ``WatchRun``, and the server stream that older pages know as ``StreamTelemetry``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf.message import DecodeError, Message

from livetrain.proto import live_pb2 as live
from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.dialect_recorder import Conversation, DialectRecorder
from livetrain.server.dialects.batches import Batches
from livetrain.server.dialects.grpc_web_text import with_text
from livetrain.server.dialects.mailbox import Closed
from livetrain.server.dialects.tiles import Tiles
from livetrain.server.guard import App
from livetrain.server.intake import Intake
from livetrain.server.live import Live
from livetrain.server.older_schema import misread_fields
from livetrain.server.registration import Registrar
from livetrain.server.registry import RunGoneError
from livetrain.server.stage import Stage

__all__ = ["GrpcWeb", "OlderStream"]

_REQUEST_BYTES: Final = 64 * 1024
_OLDER: Final = (
    ("telemetry.TelemetryService", "StreamTelemetry"),
    ("metrics.MetricsService", "StreamMetrics"),
)
_REGISTERING: Final = ("RegisterTrainingSession", "RegisterSession")
_TOLD: Final = frozenset({"epoch_data", "performance_data", "status_update"})


class OlderStream(Batches[bytes]):
    """Serves pages of the older protocol: records as trainers send them, with single pictures."""

    def batch(self, record: pb.TelemetryRequest, *, loss: float | None, fps: float) -> bytes:
        """Return a batch as it came."""
        return record.SerializeToString()

    def other(self, record: pb.TelemetryRequest) -> bytes | None:
        """Return what the older protocol has a payload for."""
        told = record.WhichOneof("payload") in _TOLD
        return record.SerializeToString() if told else None

    async def stream(
        self, path: str, requests: AsyncIterator[Message], context: RequestContext[Any, Any]
    ) -> AsyncIterator[bytes]:
        """Yield records for as long as the page is there; nothing that it says matters."""
        if self.full:
            raise ConnectError(Code.RESOURCE_EXHAUSTED, "Too many viewers are connected.")
        host = (context.client_address or "").rpartition(":")[0]
        conversation = self._recorder.begin(
            "telemetry-grpc-web", path, client=pb.TelemetryRequest, server=pb.TelemetryRequest
        )
        listening = asyncio.create_task(_record(requests, conversation))
        try:
            with self.attending(host) as mailbox, suppress(Closed):
                while True:
                    message = await mailbox.get()
                    conversation.server(message)
                    yield message
                    self._intake.counters.sent.inc()
        finally:
            listening.cancel()
            conversation.end()
        raise ConnectError(Code.UNAVAILABLE, "Come again: the server stops.")


async def _record(requests: AsyncIterator[Message], conversation: Conversation) -> None:
    """Record what a page asks, if that is wanted; what cannot be read is not."""
    if conversation.recorded:
        with suppress(Exception):
            async for request in requests:
                conversation.client(request.SerializeToString())


class _Bytes:
    """Messages go out as the bytes that they are: frames are not parsed to be passed on."""

    def name(self) -> str:
        return "proto"

    def encode(self, message: bytes) -> bytes:
        return message

    def decode(self, data: bytes | bytearray, kind: type[Any]) -> Any:
        try:
            return kind.FromString(bytes(data))
        except DecodeError as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"Not a {kind.__name__}: {error}.") from None


class _Application(ConnectASGIApplication[Any]):  # type: ignore[misc]  # mypy does not follow it
    @property
    def path(self) -> str:
        return "/livetrain.v1.TelemetryService"


class GrpcWeb:
    """The calls of one server.

    Args:
        intake: of the runs.
        stage: says which run they see who name none.
        live: what a viewer is sent.
        registrar: answers pages that register.
        tiles: takes frames apart.
        recorder: of what is said.

    Attributes:
        older: the viewers of the older stream.
        paths: the calls, by their services.
        app: answers them.
    """

    def __init__(
        self,
        intake: Intake,
        stage: Stage,
        live: Live,
        registrar: Registrar,
        tiles: Tiles,
        recorder: DialectRecorder,
    ) -> None:
        self._intake = intake
        self._registrar = registrar
        self._recorder = recorder
        self._stage = stage
        self._live = live
        self._begun = asyncio.Event()
        self._closed = False
        stage.on_change(lambda _: self._begun.set())
        self.older = OlderStream(intake, stage, tiles, recorder)
        self.paths = ["/livetrain.v1.TelemetryService", *(f"/{service}" for service, _ in _OLDER)]
        application = _Application(
            service=self,
            endpoints=lambda service: service.endpoints(),
            read_max_bytes=_REQUEST_BYTES,
            compressions=(),
            codecs=[_Bytes()],
        )
        self.app: App = with_text(application)

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        self._begun.set()
        self.older.close()

    def endpoints(self) -> Mapping[str, Any]:
        """Return the calls by their paths."""
        watch = _method("livetrain.v1.TelemetryService", "WatchRun", live.WatchRequest)
        found: dict[str, Any] = {_path(watch): Endpoint.server_stream(watch, self.watch)}
        for service, streaming in _OLDER:
            # Pages may send a request or none; as a stream of requests both are right.
            method = _method(service, streaming, pb.TelemetryRequest, StreamType.BIDI_STREAM)
            path = _path(method)
            found[path] = Endpoint.bidi_stream(method, partial(self.older.stream, path))
            for name in _REGISTERING:
                method = _method(service, name, pb.SessionInfo, StreamType.UNARY)
                path = _path(method)
                found[path] = Endpoint.unary(method, partial(self.register, path))
        return found

    async def register(self, path: str, info: pb.SessionInfo, _: RequestContext[Any, Any]) -> bytes:
        """Return the answer to a page that registers, as a generated client does before it streams."""
        raw = info.SerializeToString()  # with what is not known
        conversation = self._recorder.begin(
            "telemetry-grpc-web", path, client=pb.SessionInfo, server=pb.SessionResponse
        )
        conversation.client(raw)
        answer = self._registrar.greet_page(info, misread_fields(raw, pb.SessionInfo.DESCRIPTOR))
        conversation.server(answer.SerializeToString())
        conversation.end()
        return answer.SerializeToString()

    async def watch(
        self, request: live.WatchRequest, _: RequestContext[Any, Any]
    ) -> AsyncIterator[bytes]:
        """Yield what happens in a run."""
        if self._intake.hub.viewers >= self._intake.limits.viewers:
            self._intake.counters.rejected.labels("viewers").inc()
            raise ConnectError(Code.RESOURCE_EXHAUSTED, "Too many viewers are connected.")
        if request.run_id:
            run = await self._intake.registry.find(request.run_id)
        else:
            if self._stage.run is None:
                await self._begun.wait()
            run = self._stage.run
        if run is None and not self._closed:
            raise ConnectError(Code.NOT_FOUND, f"There is no run {request.run_id[:40]!r}.")
        if run is not None:
            try:
                async for message in self._live.watch(run, request.hello):
                    yield message
            except RunGoneError:
                raise ConnectError(Code.NOT_FOUND, f"There is no run {run.run_id!r}.") from None
        raise ConnectError(Code.UNAVAILABLE, "Come again: the server stops, or this is too slow.")


def _method(
    service: str, name: str, request: type[Any], kind: StreamType = StreamType.SERVER_STREAM
) -> MethodInfo[Any, Any]:
    return MethodInfo(
        name=name,
        service_name=service,
        input=request,
        output=bytes,
        idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS,
        stream_type=kind,
    )


def _path(method: MethodInfo[Any, Any]) -> str:
    return f"/{method.service_name}/{method.name}"
