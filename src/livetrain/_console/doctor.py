"""`livetrain doctor`: what is installed, and whether the server can be reached."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

import grpc

import livetrain
from livetrain._console.server_api import ServerApi, ServerApiError
from livetrain._requirements import too_old

__all__ = ["Finding", "examine"]

PACKAGES = ("grpcio", "protobuf", "numpy", "simplejpeg")
EXTRAS = {"server": "uvicorn", "lightning": "lightning", "demo": "sklearn"}
GRPC_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `good` None: neither good nor bad."""

    good: bool | None
    text: str


def examine(grpc_address: str, api: ServerApi, mode: str) -> Iterator[Finding]:
    """Look at one thing after the other."""
    yield Finding(True, f"livetrain {livetrain.__version__}, Python {platform.python_version()}")
    yield Finding(True, ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES))
    for old in too_old():
        yield Finding(False, old.sentence("livetrain"))
    for extra, package in EXTRAS.items():
        if find_spec(package) is None:
            yield Finding(None, f"without the extra {extra}: pip install 'livetrain[{extra}]'")
        else:
            yield Finding(True, f"with the extra {extra}")
            own = [old for old in too_old(extra) if old not in too_old()]
            yield from (Finding(False, old.sentence(f"the extra {extra}")) for old in own)
    if mode != "online":
        yield Finding(None, f"LIVETRAIN_MODE={mode}: trainings here send nothing")
    yield _trainers_way(grpc_address)
    yield _browsers_way(api)


def _trainers_way(address: str) -> Finding:
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=GRPC_SECONDS)
        except grpc.FutureTimeoutError:
            mend = "start `livetrain-server`, or say where it is with LIVETRAIN_SERVER"
            return Finding(False, f"trainers reach no server at {address}: {mend}")
    return Finding(True, f"trainers reach the server at {address}")


def _browsers_way(api: ServerApi) -> Finding:
    try:
        health = api.health()
    except ServerApiError as error:
        return Finding(False, str(error))
    if health.get("status") != "ok":
        return Finding(
            False, f"the server at {api.base} is {health.get('status')}: {health.get('reason')}"
        )
    return Finding(True, f"browsers reach the server at {api.base}, and its store takes records")
