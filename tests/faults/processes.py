"""Server, trainer and viewer as processes of their own: started, waited for, killed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from tests.faults.conditions import wait_until
from tests.faults.trainer import Plan

__all__ = [
    "ROOT",
    "Process",
    "Script",
    "Server",
    "Trainer",
    "Viewer",
    "free_port",
    "kill_leftovers",
]

ROOT = Path(__file__).parents[2]
SERVER = "import sys; from livetrain.server.cli import main; sys.exit(main())"
START_SECONDS = 40.0
TIED = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
"""Has the kernel end a child when the suite is killed: in a session of its own nobody else would."""
_started: list[Process] = []


def kill_leftovers() -> None:
    """End what a test that failed left running."""
    while _started:
        _started.pop().kill()


def free_port() -> int:
    """Return a port that nobody listens at, and that no connection of somebody's is given before it is used.

    Those are taken from 32768 on; at random, because other tests look at the same time.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """A child process whose output goes to files.

    Args:
        command: what to run.
        folder: where its output goes.
        name: of the output's files.
        prefix: a command that runs it, such as ``ip netns exec NAME``.
        env: on top of this process's environment; None as a value takes a variable away.
        cwd: where it runs; None: in `folder`.
        lasting: it outlives the test that started it.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        name: str,
        *,
        prefix: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        lasting: bool = False,
    ) -> None:
        self.stdout_file, self.stderr_file = folder / f"{name}.out", folder / f"{name}.err"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            **(env or {}),
        }
        with self.stdout_file.open("ab") as out, self.stderr_file.open("ab") as err:
            self._process = subprocess.Popen(
                [*TIED, *prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={key: value for key, value in environment.items() if value is not None},
                cwd=cwd or folder,
                start_new_session=True,
            )
        if not lasting:
            _started.append(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def stderr(self) -> str:
        return self.stderr_file.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would, and wait for that."""
        if self.alive:
            self._process.kill()
        self._process.wait(10)

    def terminate(self, seconds: float = 20.0) -> int:
        """Ask it to end, and return its exit code."""
        if self.alive:
            self._process.terminate()
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        """Return its exit code; it must end within `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.stderr_file.stem} did not end within {seconds:g} s; it said:\n{self.stderr[-3000:]}"
            ) from None

    def memory_bytes(self) -> int:
        """Return its resident memory."""
        fields = Path(f"/proc/{self.pid}/statm").read_bytes().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak_memory_bytes(self) -> int:
        """Return the most resident memory that it ever had."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("this kernel gives no VmHWM")

    def descriptors(self) -> int:
        """Return how many files it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        """Return how many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Server:
    """A livetrain-server that keeps its ports and its data from start to start.

    Attributes:
        grpc: ``host:port`` for trainers.
        http: the address for everything else.
    """

    def __init__(
        self,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        prefix: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        data_dir: Path | None = None,
        host: str = "127.0.0.1",
        lasting: bool = False,
    ) -> None:
        self._lasting = lasting
        self.folder = folder
        self.data_dir = data_dir or folder / "data"
        self.grpc_port, self.http_port, self.relay_port = free_port(), free_port(), free_port()
        self.grpc = f"{host}:{self.grpc_port}"
        self.http = f"http://127.0.0.1:{self.http_port}"
        self.arguments, self.prefix, self.env = list(arguments), list(prefix), dict(env or {})
        self.starts = 0
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process is not None, "the server was not started"
        return self._process

    def launch(self) -> Process:
        """Start it without waiting."""
        self.starts += 1
        command = [sys.executable, "-c", SERVER, "--grpc", self.grpc]
        command += ["--http", f"127.0.0.1:{self.http_port}"]
        command += ["--data-dir", str(self.data_dir), *self.arguments]
        env = {
            "LIVETRAIN_SERVER_NO_AUTH": "1",
            "LIVETRAIN_SERVER_RELAY": f"127.0.0.1:{self.relay_port}",
            **self.env,
        }
        name = f"server{self.starts:03d}"
        self._process = Process(
            command, self.folder, name, prefix=self.prefix, env=env, lasting=self._lasting
        )
        return self._process

    def start(self) -> Self:
        """Start it and wait until it gives its addresses."""
        process = self.launch()

        def ready() -> bool:
            if not process.alive:
                raise AssertionError(f"the server ended at its start:\n{process.stderr[-3000:]}")
            said = process.stdout_file.read_text()
            return "grpc: " in said and "http: " in said

        wait_until(ready, START_SECONDS, "the server gives its addresses")
        return self

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> int:
        return self.process.terminate()

    def log(self) -> str:
        """Return what it said on stderr, over all its starts."""
        return "".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("server*.err"))
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()


class Trainer(Process):
    """The training of `tests.faults.trainer`; see its `Plan`."""

    def __init__(
        self,
        folder: Path,
        server: str,
        *,
        name: str = "trainer",
        prefix: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        spool_dir: Path | None = None,
        **plan: Any,
    ) -> None:
        self.produced_file = folder / f"{name}.jsonl"
        monitor = {
            "server": server,
            "max_overhead": 0.5,  # so that images go with nearly every step
            "spool_dir": str(spool_dir or folder / "spool"),
            **plan.pop("monitor", {}),
        }
        self.plan = Plan(produced=str(self.produced_file), monitor=monitor, **plan)
        command = [
            sys.executable,
            str(Path(__file__).with_name("trainer.py")),
            json.dumps(asdict(self.plan)),
        ]
        self.partner: Trainer | None = None  # that it takes turns with
        super().__init__(command, folder, name, prefix=prefix, env=env)

    def entries(self) -> list[dict[str, Any]]:
        """Return what it has written down so far."""
        if not self.produced_file.exists():
            return []
        lines = self.produced_file.read_bytes().split(b"\n")[
            :-1
        ]  # a last line without its end is not there yet
        return [json.loads(line) for line in lines]

    @property
    def steps(self) -> int:
        """How many steps it has done."""
        entry = self.last()
        return int(entry.get("steps", entry.get("step", entry.get("quiet", -1)) + 1))

    @property
    def finished(self) -> bool:
        """Whether all its steps are done."""
        return bool(self.plan.steps) and self.steps >= self.plan.steps

    @property
    def acknowledged(self) -> int:
        """How many of its records it knows to be committed."""
        return int(self.last().get("acknowledged", 0))

    def last(self) -> dict[str, Any]:
        """Return the newest entry; empty: there is none."""
        if not self.produced_file.exists():
            return {}
        with self.produced_file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            lines = file.read().split(b"\n")[:-1]
        entry: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return entry

    def wait_for_steps(self, count: int, seconds: float) -> None:
        """Wait until it has done `count` steps in all."""

        def reached() -> bool:
            if not self.alive:
                raise AssertionError(
                    f"the training ended before step {count}:\n{self.stderr[-3000:]}"
                )
            return self.steps >= count

        wait_until(reached, seconds, f"the training reaches step {count}")

    def finish(self) -> None:
        """Ask it to end after the step that it is at."""
        wait_until(lambda: self.entries() or not self.alive, START_SECONDS, "the training starts")
        self.signal(signal.SIGUSR1)

    def wait_for_acknowledged(self, count: int, seconds: float) -> float:
        """Wait until it knows that `count` records are committed; return how long that took."""
        started = time.monotonic()
        wait_until(lambda: self.acknowledged >= count, seconds, f"{count} records are acknowledged")
        return time.monotonic() - started


class Viewer(Process):
    """The headless viewer of `tests.faults.viewer`."""

    def __init__(
        self,
        folder: Path,
        server: Server,
        run_id: str,
        *,
        name: str = "viewer",
        prefix: Sequence[str] = (),
        mode: str = "read",
        count: int = 1,
    ) -> None:
        self.seen_file = folder / f"{name}.jsonl"
        url = f"{server.http.replace('http', 'ws')}/api/runs/{run_id}/live"
        script = str(Path(__file__).with_name("viewer.py"))
        command = [sys.executable, script, url, str(self.seen_file), mode, str(count)]
        super().__init__(command, folder, name, prefix=prefix)

    def entries(self) -> list[dict[str, Any]]:
        """Return what it has written down so far."""
        if not self.seen_file.exists():
            return []
        return [json.loads(line) for line in self.seen_file.read_bytes().split(b"\n")[:-1]]

    def stop(self) -> None:
        """End it in order."""
        if self.alive:
            self.signal(signal.SIGTERM)
        self.wait(10)


class Script(Process):
    """A short training of the scenario's own; ``sys.argv[1]`` is the server's address.

    Its text is a file of its own, as a user's is, because spawned children and tracebacks go by that.
    """

    def __init__(
        self,
        folder: Path,
        text: str,
        server: str,
        *,
        name: str = "script",
        prefix: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        arguments: Sequence[str] = (),
        command: Sequence[str] = (sys.executable,),
    ) -> None:
        path = folder / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        environment = {"LIVETRAIN_SPOOL_DIR": str(folder / "spool"), **(env or {})}
        super().__init__(
            [*command, str(path), server, *arguments], folder, name, prefix=prefix, env=environment
        )

    @property
    def stdout(self) -> str:
        return self.stdout_file.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Wait until it has printed `text`."""

        def printed() -> bool:
            if text in self.stdout:
                return True
            assert self.alive, f"it ended without saying {text!r}; it said:\n{self.stderr[-3000:]}"
            return False

        wait_until(printed, seconds, f"it prints {text!r}")


def synchronize(folder: Path, server: Server) -> Process:
    """``livetrain sync`` of what the trainings of a folder left."""
    code = "import sys; from livetrain.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "sync"]
    env = {"LIVETRAIN_SERVER": server.grpc, "LIVETRAIN_SPOOL_DIR": str(folder / "spool")}
    return Process(command, folder, "sync", env=env)
