"""Every fault as something that goes on for as long as a training runs: set up, done over and over, undone at the end.

A scene is a context manager that yields a `Stage`: where the training is to be sent and under what it runs, one round of
the fault, and what ends it so that everything can arrive.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.deaf import DeafServer
from tests.faults.disks import SmallDisk
from tests.faults.ledger import read_store
from tests.faults.netns import Network
from tests.faults.processes import Server, Trainer, Viewer, free_port
from tests.faults.proxy import Proxy
from tests.faults.rogue import HOSTILE, Rogue
from tests.faults.wrong_clock import WrongClock

__all__ = ["SCENES", "Scene", "Stage"]


def nothing() -> None:
    """Do nothing."""


@dataclass
class Stage:
    """What a training runs in.

    Attributes:
        address: where it is sent.
        server: whose store gets its records in the end; None: nobody's.
        act: one round of the fault, begun anew until the training is done.
        mend: ends the fault.
        prefix: a command that runs the training.
        env: its environment, on top of ours.
        spool_dir: where its records wait; None: a folder of its own.
        punctual: False: the scene itself slows its steps.
        delivers: False: its records have nowhere to go.
        plan: what else it is to do.
    """

    address: str
    server: Server | None
    act: Callable[[Trainer], None]
    mend: Callable[[], None] = nothing
    prefix: Sequence[str] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    spool_dir: Path | None = None
    punctual: bool = True
    delivers: bool = True
    plan: Mapping[str, object] = field(default_factory=dict)


Scene = Callable[[Path, random.Random], contextlib.AbstractContextManager[Stage]]
SCENES: dict[str, Scene] = {}


def scene(name: str) -> Callable[[Callable[..., Iterator[Stage]]], Scene]:
    """Enter a scene into `SCENES`."""

    def enter(make: Callable[..., Iterator[Stage]]) -> Scene:
        SCENES[name] = contextlib.contextmanager(make)
        return SCENES[name]

    return enter


def go_on(trainer: Trainer, steps: int) -> None:
    """Wait until the training and the one that it takes turns with have each done about so many steps more, or it is done.

    Both are counted: a fault that came with the steps of one would fall into the turns of that one.
    """

    def done() -> int:
        return trainer.steps + (trainer.partner.steps if trainer.partner is not None else 0)

    goal = done() + 2 * steps
    wait_until(
        lambda: done() >= goal or trainer.finished or not trainer.alive,
        120,
        "the training goes on",
    )


@scene("F00 none")
def none(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:
        yield Stage(server.grpc, server, lambda trainer: go_on(trainer, 10))


@scene("F01 server killed")
def server_killed(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:

        def act(trainer: Trainer) -> None:
            go_on(trainer, chance.randint(3, 30))
            server.kill()
            go_on(trainer, chance.randint(0, 20))
            server.start()

        yield Stage(server.grpc, server, act)


@scene("F02 server restarted")
def server_restarted(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:

        def act(trainer: Trainer) -> None:
            go_on(trainer, chance.randint(3, 30))
            assert server.stop() == 0
            server.start()

        yield Stage(server.grpc, server, act)


@scene("F05, F19 spools left and damaged")
def spools_left(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:
        spool = folder / "spool"
        nobody = f"127.0.0.1:{free_port()}"
        for number in range(3):
            left = Trainer(
                folder, nobody, name=f"left{number}", steps=0, seed=900 + number, spool_dir=spool
            )
            left.wait_for_steps(60, 40)
            left.kill()
        for segment in spool.glob("**/*.seg"):
            data = bytearray(segment.read_bytes())
            data[chance.randrange(len(data))] ^= 1
            segment.write_bytes(data)
        yield Stage(server.grpc, server, lambda trainer: go_on(trainer, 10), spool_dir=spool)


def vanishing(folder: Path, *, up: bool, away: int, here: int) -> Iterator[Stage]:
    with Network() as network, Server(folder, prefix=network.prefix) as server:

        def act(trainer: Trainer) -> None:
            network.lose(server.grpc_port, up=up)
            go_on(trainer, away)
            network.heal()
            go_on(trainer, here)

        yield Stage(server.grpc, server, act, network.heal, prefix=network.prefix)


@scene("F06 half-open link")
def half_open(folder: Path, chance: random.Random) -> Iterator[Stage]:
    yield from vanishing(folder, up=True, away=100, here=60)


@scene("F07 acknowledgements vanish")
def one_way(folder: Path, chance: random.Random) -> Iterator[Stage]:
    yield from vanishing(folder, up=False, away=100, here=60)


@scene("F08 resets in storms")
def resets(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server, Proxy(server.grpc_port, chance.randrange(1 << 30)) as proxy:

        def act(trainer: Trainer) -> None:
            go_on(trainer, chance.randint(1, 8))
            proxy.reset_all()

        yield Stage(proxy.address, server, act)


@scene("F09 256 kbit")
def narrow(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server, Proxy(server.grpc_port) as proxy:
        proxy.up.rate = proxy.down.rate = 256_000 / 8
        yield Stage(proxy.address, server, lambda trainer: go_on(trainer, 10))


@scene("F10 delays and stalls")
def delays(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server, Proxy(server.grpc_port, chance.randrange(1 << 30)) as proxy:
        for way in (proxy.up, proxy.down):
            way.delay = way.jitter = 0.5

        def act(trainer: Trainer) -> None:
            go_on(trainer, 60)
            proxy.up.stalled = proxy.down.stalled = True
            go_on(trainer, 60)
            proxy.up.stalled = proxy.down.stalled = False

        def mend() -> None:
            for way in (proxy.up, proxy.down):
                way.delay = way.jitter = 0.0
                way.stalled = False

        yield Stage(proxy.address, server, act, mend)


@scene("F11 5 % of packets lost")
def packets_lost(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Network() as network, Server(folder, prefix=network.prefix) as server:
        network.lose(server.grpc_port, share=0.05)
        yield Stage(
            server.grpc,
            server,
            lambda trainer: go_on(trainer, 10),
            network.heal,
            prefix=network.prefix,
        )


def another_first(folder: Path, port: int) -> Iterator[Stage]:
    """Something else stands where the server is to be, and then the server."""
    with Server(folder) as server, Proxy(port) as proxy:

        def mend() -> None:
            proxy.upstream = server.grpc_port
            proxy.reset_all()

        yield Stage(proxy.address, server, lambda trainer: go_on(trainer, 10), mend)


@scene("F12 a server that never acknowledges")
def never_acknowledges(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with DeafServer(reads=True) as deaf:
        yield from another_first(folder, deaf.port)


@scene("F12 a server that never reads")
def never_reads(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with DeafServer(reads=False) as deaf:
        yield from another_first(folder, deaf.port)


@scene("F12 nobody listens")
def nobody_listens(folder: Path, chance: random.Random) -> Iterator[Stage]:
    # Frames as large as they come: what waits for the server must not be they.
    yield Stage(
        f"127.0.0.1:{free_port()}",
        None,
        lambda trainer: go_on(trainer, 10),
        delivers=False,
        plan={"image_size": 256},
    )


@scene("F13 a port that speaks something else")
def something_else(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)))

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield from another_first(folder, listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)


@scene("F14 a name server that never answers")
def name_server(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Network(name_server=True) as network:
        network.lose(53)
        yield Stage(
            "slow.example.org:50051",
            None,
            lambda trainer: go_on(trainer, 10),
            prefix=network.prefix,
            delivers=False,
        )


@scene("F15 a viewer that never reads")
def stuck_viewer(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:
        viewers: list[Viewer] = []

        def act(trainer: Trainer) -> None:
            if not viewers and trainer.acknowledged:
                (stream,) = read_store(server.data_dir)
                for mode, count in (("stuck", 1), ("read", 9)):
                    viewers.append(
                        Viewer(folder, server, stream.run_id, name=mode, mode=mode, count=count)
                    )
            go_on(trainer, 10)

        yield Stage(server.grpc, server, act)


@scene("F17 server's disk full")
def server_disk_full(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with (
        SmallDisk(folder / "disk", "8m") as disk,
        Server(folder, data_dir=disk.path / "data") as server,
    ):

        def act(trainer: Trainer) -> None:
            go_on(trainer, 30)
            disk.fill()
            go_on(trainer, 60)
            disk.empty()

        def mend() -> None:
            if (disk.path / "ballast").exists():
                disk.empty()

        yield Stage(server.grpc, server, act, mend)


@scene("F17 server's disk gives errors")
def server_disk_errors(folder: Path, chance: random.Random) -> Iterator[Stage]:
    if shutil.which("strace") is None:
        pytest.skip("injecting errors needs strace")
    prefix = ["strace", "-D", "-f", "-qq", "-o", str(folder / "strace")]
    prefix += ["-e", "trace=fsync,fdatasync"]
    prefix += ["-e", "inject=fsync,fdatasync:error=EIO:when=60+7"]
    with Server(folder, prefix=prefix) as server:
        yield Stage(server.grpc, server, lambda trainer: go_on(trainer, 10))


def trainers_disk(folder: Path, ruin: Callable[[SmallDisk], None]) -> Iterator[Stage]:
    """The server comes and goes, and the disk where records wait cannot be used."""
    with SmallDisk(folder / "disk", "2m") as disk, Server(folder) as server:
        ruin(disk)

        def act(trainer: Trainer) -> None:
            go_on(trainer, 20)
            server.kill()
            go_on(trainer, 60)
            server.start()

        yield Stage(server.grpc, server, act, spool_dir=disk.path / "spool")


@scene("F18 trainer's disk full")
def trainer_disk_full(folder: Path, chance: random.Random) -> Iterator[Stage]:
    yield from trainers_disk(folder, SmallDisk.fill)


@scene("F18 trainer's disk read-only")
def trainer_disk_read_only(folder: Path, chance: random.Random) -> Iterator[Stage]:
    yield from trainers_disk(folder, lambda disk: disk.remount("ro"))


@scene("F18 trainer's disk gives errors")
def trainer_disk_errors(folder: Path, chance: random.Random) -> Iterator[Stage]:
    if shutil.which("strace") is None:
        pytest.skip("injecting errors needs strace")
    prefix = ["strace", "-D", "-f", "-qq", "-o", str(folder / "strace-trainer")]
    # Files are a few hundred bytes, so that one is closed and synced often; of those syncs most fail.
    prefix += ["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=3+2"]
    with Server(folder) as server:

        def act(trainer: Trainer) -> None:
            go_on(trainer, 20)
            server.kill()
            go_on(trainer, 60)
            server.start()

        yield Stage(
            server.grpc,
            server,
            act,
            prefix=prefix,
            env={"LIVETRAIN_SPOOL_MIB": "0.25"},
            punctual=False,
        )


@scene("the space for waiting records is full")
def spool_full(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:

        def act(trainer: Trainer) -> None:
            server.kill()
            go_on(trainer, 250)
            server.start()
            go_on(trainer, 40)

        yield Stage(server.grpc, server, act, env={"LIVETRAIN_SPOOL_MIB": "0.03"})


@scene("F20 server's clock jumps")
def clock_jumps(folder: Path, chance: random.Random) -> Iterator[Stage]:
    clock = WrongClock(folder, "server")
    with Server(folder, env=clock.env) as server:

        def act(trainer: Trainer) -> None:
            go_on(trainer, 20)
            clock.set(chance.choice([-1, 1]) * chance.choice([3600, 365 * 86400]))

        yield Stage(server.grpc, server, act)


@scene("F21 clocks a day apart")
def clock_skew(folder: Path, chance: random.Random) -> Iterator[Stage]:
    clock = WrongClock(folder, "server")
    clock.set(-86_400)
    with Server(folder, env=clock.env) as server:
        yield Stage(server.grpc, server, lambda trainer: go_on(trainer, 10))


@scene("F25 to F28 hostile streams")
def hostile_streams(folder: Path, chance: random.Random) -> Iterator[Stage]:
    with Server(folder) as server:

        def act(trainer: Trainer) -> None:
            rogue = Rogue(server.grpc)
            rogue.send(chance.choice(list(HOSTILE.values()))(rogue))
            rogue.close()
            go_on(trainer, 2)

        yield Stage(server.grpc, server, act)


@scene("F45 nowhere to write, nothing known")
def bare_surroundings(folder: Path, chance: random.Random) -> Iterator[Stage]:
    unknown = ("HOME", "XDG_STATE_HOME", "USER", "LOGNAME", "TMPDIR")
    with SmallDisk(folder / "disk", "64k") as disk, Server(folder) as server:
        disk.remount("ro")
        env: dict[str, str | None] = dict.fromkeys(unknown)
        yield Stage(
            server.grpc,
            server,
            lambda trainer: go_on(trainer, 10),
            env={**env, "HOME": str(disk.path), "PATH": os.environ.get("PATH", "")},
            spool_dir=disk.path / "spool",
        )
