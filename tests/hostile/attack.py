"""What an attack is, and the process that it runs in: ``python -m tests.hostile.attack NAME TARGET SECONDS``.

An attack has a process of its own, so that what it costs is not taken from those beside it. It says "ready" once it is under way,
and has to end by itself when its time is over.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import grpc

from livetrain.proto import telemetry_pb2 as pb

__all__ = ["Attack", "Hostile", "Target"]

SERVICE = "/livetrain.v1.TelemetryService"


@dataclass(frozen=True)
class Target:
    """Where the server is, and a run that others stream and watch."""

    grpc: str
    http: str
    relay: str
    run_id: str

    @property
    def live(self) -> str:
        """The WebSocket address of the server."""
        return self.http.replace("http", "ws", 1)


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: as it is called on the command line and in the table.
        act: does it until a moment of ``time.monotonic()``; calls its third argument once it is under way.
        slice: whether it is part of every test run; of attacks of one kind the strongest is enough.
        log_lines: so many lines of the server's log it may cause.
        flags: of the server, which then is one of its own.
        before: what its command line begins with, such as ``prlimit`` and its options.
    """

    name: str
    act: Callable[[Target, float, Callable[[], None]], None]
    slice: bool = True
    log_lines: int = 10
    flags: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


class Hostile:
    """A trainer on the bare calls, with a run and a connection of its own, that sends what it is told to."""

    def __init__(self, target: Target, stream_id: str = "hostile") -> None:
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            # Without it all channels of a process share one connection.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self.channel = grpc.insecure_channel(target.grpc, options=options)
        self.session_id = secrets.token_hex(16)
        self.stream_id = stream_id
        self.registered = pb.SessionResponse()
        self._register = self.channel.unary_unary(f"{SERVICE}/RegisterTrainingSession")
        self._stream = self.channel.stream_stream(f"{SERVICE}/StreamTelemetry")

    def register(self, timeout: float = 30.0, **more: object) -> pb.SessionResponse:
        """Register a run of its own."""
        info = pb.SessionInfo(
            session_id=self.session_id, protocol_version=1, stream_id=self.stream_id
        )
        info.MergeFrom(pb.SessionInfo(**more))  # type: ignore[arg-type]
        raw = self._register(info.SerializeToString(), timeout=timeout)
        self.registered = pb.SessionResponse.FromString(raw)
        return self.registered

    def opening(self) -> bytes:
        """Return the first message of a stream."""
        opening = pb.StreamOpen(
            stream_id=self.stream_id,
            protocol_version=1,
            resume_token=self.registered.resume_token,
        )
        return pb.TelemetryRequest(
            session_id=self.session_id, stream_open=opening
        ).SerializeToString()

    def stream(self, messages: object, timeout: float = 30.0) -> grpc.Call:
        """Open a stream that says these messages and no others."""
        return self._stream(messages, timeout=timeout)

    def close(self) -> None:
        """End its connection."""
        self.channel.close()


def main(name: str, target: str, seconds: str) -> None:
    """Carry one attack out."""
    from tests.hostile.attacks import attack_called

    attack = attack_called(name)
    attack.act(
        Target(**json.loads(target)),
        time.monotonic() + float(seconds),
        lambda: print("ready", flush=True),
    )


def command(attack: Attack, target: Target, seconds: float) -> list[str]:
    """Return the command line of the process that carries an attack out."""
    return [
        sys.executable,
        *("-m", "tests.hostile.attack"),
        *(attack.name, json.dumps(asdict(target)), str(seconds)),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
