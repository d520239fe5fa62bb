"""Attacks on the runs of others: joins that are none of theirs, and commands that nobody gave."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import grpc

from livetrain._protobuf import bytes_field
from livetrain.proto import telemetry_pb2 as pb
from tests.hostile.attack import Attack, Hostile, Target

__all__ = ["ATTACKS"]

_RECORDS = 2_000
_RANKS = 4


def _forged(seq: int) -> bytes:
    """Return a record with a command behind it that nobody gave."""
    record = pb.TelemetryRequest(seq=seq, log=pb.Log(message="a"))
    issued = pb.CommandIssued(command_id=f"{seq}", verb="stop", issued_by="the boss")
    return (
        record.SerializeToString() + pb.TelemetryRequest(command_issued=issued).SerializeToString()
    )


def forge(target: Target, end: float, ready: Callable[[], None]) -> None:
    """Send bundles of records of which each is refused and replaced."""

    def one() -> None:
        hostile = Hostile(target)
        hostile.register()

        def messages() -> Iterator[bytes]:
            yield hostile.opening()
            first = 1
            while time.monotonic() < end:
                pieces = [_forged(seq) for seq in range(first, first + _RECORDS)]
                records = [part for piece in pieces for part in bytes_field(1, [piece])]
                yield b"".join(bytes_field(30, records))
                first += _RECORDS

        with contextlib.suppress(grpc.RpcError):
            for _ in hostile.stream(messages()):
                pass
        hostile.close()

    threads = [threading.Thread(target=one, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()) + 0.5)


def join(target: Target, end: float, ready: Callable[[], None]) -> None:
    """Ask over and over to be a rank of a run that has one."""
    victim = Hostile(target)
    assert victim.register(world_size=1).success

    def one() -> None:
        turn = 0
        newcomer = Hostile(target)
        newcomer.session_id = victim.session_id
        while time.monotonic() < end:
            turn += 1
            newcomer.stream_id = f"{turn}"
            with contextlib.suppress(grpc.RpcError):
                assert not newcomer.register(rank=turn, world_size=turn + 1).success
        newcomer.close()

    threads = [threading.Thread(target=one, daemon=True) for _ in range(_RANKS)]
    for thread in threads:
        thread.start()
    ready()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()) + 0.5)
    victim.close()


ATTACKS = [
    Attack("commands that nobody gave", forge, slice=False),
    Attack("joins of another's run", join, slice=False),
]
