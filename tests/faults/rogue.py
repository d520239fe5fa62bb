"""A client that sends whatever bytes it is given, and the worst that can be given to it."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Callable

import grpc

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["HOSTILE", "MESSAGE_LIMIT", "Rogue", "no_utf8"]

SERVICE = "/livetrain.v1.TelemetryService"
MESSAGE_LIMIT = 4 << 20


class Rogue:
    """A client that sends whatever bytes it is given, on a registered stream of its own."""

    def __init__(self, address: str) -> None:
        options = [("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options=options)
        self.session_id = uuid.uuid4().hex
        register = self._channel.unary_unary(f"{SERVICE}/RegisterTrainingSession")
        info = pb.SessionInfo(session_id=self.session_id, protocol_version=1, stream_id="rogue")
        self.registered = pb.SessionResponse.FromString(
            register(info.SerializeToString(), timeout=10)
        )

    def record(self, seq: int, **payload: object) -> bytes:
        request = pb.TelemetryRequest(session_id=self.session_id, seq=seq, **payload)  # type: ignore[arg-type]
        return request.SerializeToString()

    def send(self, *messages: bytes) -> tuple[list[pb.TelemetryResponse], grpc.StatusCode]:
        """Open a stream, send, half-close; return what was answered, and how the stream ended."""
        stream = self._channel.stream_stream(f"{SERVICE}/StreamTelemetry")
        opening = pb.StreamOpen(
            stream_id="rogue", protocol_version=1, resume_token=self.registered.resume_token
        )
        first = pb.TelemetryRequest(session_id=self.session_id, stream_open=opening)
        call = stream(iter([first.SerializeToString(), *messages]), timeout=20)
        answers: list[pb.TelemetryResponse] = []
        with contextlib.suppress(grpc.RpcError):
            answers.extend(pb.TelemetryResponse.FromString(data) for data in call)
        return answers, call.code()

    def close(self) -> None:
        self._channel.close()


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def empty_submessages(rogue: Rogue) -> bytes:
    """A batch of two million empty images: 36 times its size when it is parsed."""
    return rogue.record(1) + field(3, field(4, b"") * 1_900_000)


def deep_nesting(rogue: Rogue) -> bytes:
    record = rogue.record(1, scalars=pb.Scalars(step=1))
    for _ in range(500):
        record = pb.TelemetryRequest(bundle=pb.RecordBundle(records=[record])).SerializeToString()
    return record


def many_scalars(rogue: Rogue) -> bytes:
    return rogue.record(1) + field(24, field(2, b"") * 1_900_000)


def no_utf8(rogue: Rogue, seq: int = 1) -> bytes:
    return rogue.record(seq) + field(28, field(2, b"\xff\xfe\x00"))


def junk(rogue: Rogue) -> bytes:
    return random.Random(1).randbytes(4096)


def over_the_limit(rogue: Rogue) -> bytes:
    return rogue.record(1, log=pb.Log(message="x" * (MESSAGE_LIMIT + 1000)))


HOSTILE: dict[str, Callable[[Rogue], bytes]] = {
    make.__name__: make
    for make in (empty_submessages, deep_nesting, many_scalars, no_utf8, junk, over_the_limit)
}
