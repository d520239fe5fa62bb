"""A trainer on the bare gRPC calls: it says exactly the bytes that a test wants said."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

import grpc
from tests.integration.server.processes import PATIENCE, until

from livetrain.proto import telemetry_pb2 as pb

LIVETRAIN = ("livetrain.v1.TelemetryService", "StreamTelemetry")
TELEMETRY = ("telemetry.TelemetryService", "StreamTelemetry")
METRICS = ("metrics.MetricsService", "StreamMetrics")


class Trainer:
    """One connection of one stream."""

    def __init__(
        self,
        address: str,
        *,
        service: tuple[str, str] = LIVETRAIN,
        session_id: str | None = None,
        stream_id: str = "rank0-test",
        token: str = "",
        protocol: int = 1,
    ) -> None:
        self.session_id = session_id or secrets.token_hex(16)
        self.stream_id = stream_id
        self.token = token
        self.protocol = protocol
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", 8 << 20)]
        )
        name, method = service
        self._register = self.channel.unary_unary(f"/{name}/RegisterTrainingSession")
        self._stream = self.channel.stream_stream(f"/{name}/{method}")
        self._out: queue.Queue[bytes | None] = queue.Queue()
        self.responses: list[pb.TelemetryResponse] = []
        self.error: grpc.RpcError | None = None
        self.ended = threading.Event()
        self._reader: threading.Thread | None = None

    def register(self, **more: object) -> pb.SessionResponse:
        """Register; what the answer says of the token is remembered."""
        info = pb.SessionInfo(session_id=self.session_id, client_name="test", client_version="1")
        if self.protocol:
            info.protocol_version = 1
            info.stream_id = self.stream_id
            info.resume_token = self.token
        info.MergeFrom(pb.SessionInfo(**more))  # type: ignore[arg-type]
        answer = pb.SessionResponse.FromString(
            self._register(info.SerializeToString(), timeout=PATIENCE)
        )
        if answer.success and answer.resume_token:
            self.token = answer.resume_token
        return answer

    def open(self, **more: object) -> None:
        """Start the stream; a trainer of today says first whose it is."""
        call = self._stream(self._requests())
        self._reader = threading.Thread(target=self._read, args=(call,), daemon=True)
        self._reader.start()
        if self.protocol:
            opening = pb.StreamOpen(
                stream_id=self.stream_id, world_size=1, protocol_version=1, resume_token=self.token
            )
            opening.MergeFrom(pb.StreamOpen(**more))  # type: ignore[arg-type]
            self.send(pb.TelemetryRequest(stream_open=opening))

    def _requests(self) -> Iterator[bytes]:
        while (message := self._out.get()) is not None:
            yield message

    def _read(self, call: grpc.Call) -> None:
        try:
            for raw in call:
                self.responses.append(pb.TelemetryResponse.FromString(raw))
        except grpc.RpcError as error:
            self.error = error
        self.ended.set()

    def send(self, request: pb.TelemetryRequest) -> None:
        """Send a message with the session's id in it."""
        request.session_id = self.session_id
        self._out.put(request.SerializeToString())

    def send_raw(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._out.put(raw)

    def batch(self, seq: int, loss: float = 0.5, **more: object) -> None:
        """Send the batch of step ``seq - 1``."""
        data = pb.BatchData(step=seq - 1, batch_idx=seq - 1, batch_size=16, batch_loss=loss)
        data.MergeFrom(pb.BatchData(**more))  # type: ignore[arg-type]
        self.send(
            pb.TelemetryRequest(seq=seq, timestamp_ms=1_700_000_000_000 + seq, batch_data=data)
        )

    def heartbeat(self) -> None:
        """Send a sign of life."""
        self.send(pb.TelemetryRequest(heartbeat=pb.Heartbeat(sequence_number=1)))

    @property
    def acks(self) -> list[pb.Acknowledgment]:
        """The acknowledgements so far."""
        return [r.ack for r in list(self.responses) if r.HasField("ack")]

    @property
    def errors(self) -> list[pb.ErrorResponse]:
        """The errors so far."""
        return [r.error for r in list(self.responses) if r.HasField("error")]

    @property
    def durable(self) -> int:
        """How far the server said that it is."""
        return max((ack.durable_seq for ack in self.acks), default=0)

    def wait_durable(self, seq: int) -> None:
        """Wait until everything up to ``seq`` is acknowledged."""
        self.wait(lambda: self.durable >= seq, f"record {seq} to be acknowledged")

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something; the last responses are said when it does not come."""
        until(condition, f"{what}; got {self.responses[-3:]} {self.error}")

    def half_close(self) -> None:
        """Say that nothing more comes."""
        self._out.put(None)

    def finish(self) -> None:
        """Half-close and wait for the server to end its side."""
        self.half_close()
        assert self.ended.wait(PATIENCE), "the server did not end its side"

    def __enter__(self) -> Trainer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.put(None)
        self.channel.close()
        if self._reader is not None:
            self._reader.join(PATIENCE)
