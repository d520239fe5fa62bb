"""A training, a server and a bad link between them, for as many commands as one likes."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import livetrain
from tests.faults.conditions import wait_until
from tests.faults.processes import Server
from tests.faults.proxy import Proxy

ENDS = frozenset({"applied", "rejected", "expired", "failed"})
PATIENCE = 120.0


@dataclass
class Tally:
    """What happened, over all trainings."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        told = ("given", "repeated", "reconnects", "restarts", "expired", "rejected", "applied")
        lines = [f"{name:16} {self.counts[name]:7,}" for name in told]
        lines += [
            f"{name:16} {self.counts[name]:7,}   to reach: 0"
            for name in ("applied twice", "applied late", "unanswered", "told otherwise")
        ]
        return "\n".join(lines)


@dataclass
class Given:
    """One command as it was given: its id, and the number by which the training knows it."""

    command_id: str
    body: dict[str, Any]
    number: int
    taken: bool = False  # the server said so


class Place:
    """The server and the link, which outlast a training."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder, data_dir=folder / "data")
        self.server.start()
        self.proxy = Proxy(self.server.grpc_port)
        self.proxy.__enter__()
        self.up = True

    def crash(self) -> None:
        self.server.kill()
        self.up = False

    def come_back(self) -> None:
        if not self.up:
            self.server.start()
            self.up = True

    def heal(self) -> None:
        """Let everything through, and have the server there."""
        for way in (self.proxy.up, self.proxy.down):
            way.stalled, way.delay = False, 0.0
        self.come_back()

    def close(self) -> None:
        self.proxy.__exit__(None, None, None)
        if self.up:
            self.server.kill()


class Training:
    """A loop on a thread of its own with a real monitor; it notes what was applied, and when.

    Attributes:
        applied: number to the wall clock times at which it was carried out.
    """

    def __init__(self, place: Place, tally: Tally, spool: Path) -> None:
        self.place, self.tally = place, tally
        self.applied: dict[int, list[float]] = defaultdict(list)
        self.given: dict[str, Given] = {}
        self.steps = 0
        self._hold = 0.0
        self._over = False
        self._numbers = 0
        self._posts = ThreadPoolExecutor(4)
        self.monitor = livetrain.Monitor(
            "storm", server=place.proxy.address, spool_dir=spool, max_overhead=0.5
        )

        @self.monitor.on("mark", parameters={"number": livetrain.Parameter("int", 0)})
        def mark(number: int) -> None:
            self.applied[number].append(time.time())

        self.monitor.on(
            "learning_rate", lambda rate: self.applied[round(rate * 1e6)].append(time.time())
        )
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()
        wait_until(lambda: self.monitor.run_id, PATIENCE, "the run begins")
        self.run_id = self.monitor.run_id
        assert self.monitor.flush(PATIENCE)

    def _train(self) -> None:
        pace = threading.Event()
        while not self._over:
            hold, self._hold = self._hold, 0.0
            pace.wait(hold or 0.005)
            self.monitor.log({"x": 1.0})
            self.steps += 1

    def busy(self, seconds: float) -> None:
        """Let the next step take so long."""
        self._hold = seconds

    # ------------------------------------------------------------ who gives commands

    def give(self, kind: str, lifetime: float, copies: int) -> Given:
        """Give a command, and the same again from elsewhere `copies` times at once."""
        self._numbers += 1
        number = self._numbers
        self.tally.counts["given"] += 1
        self.tally.counts["repeated"] += copies
        verb, parameters = {
            "mark": ("mark", {"number": number}),
            "set": ("set", {"learning_rate": number / 1e6}),
            "wrong": ("mark", {"number": -number}),
            "pause": ("pause", {}),
            "resume": ("resume", {}),
        }[kind]
        body = {
            "verb": verb,
            "parameters": parameters,
            "ttl_seconds": lifetime,
            "command_id": f"c{number}",
        }
        command = Given(f"c{number}", body, number)
        self.given[command.command_id] = command
        for _ in range(copies + 1):
            self._posts.submit(self._post, command)
        return command

    def repeat(self, command: Given) -> None:
        self.tally.counts["repeated"] += 1
        self._posts.submit(self._post, command)

    def _post(self, command: Given) -> None:
        try:
            self.ask("/commands", command.body)
            command.taken = True
        except (OSError, urllib.error.URLError):
            pass  # the server is away, or went in the middle of it: it may have it or not

    def ask(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.place.server.http}/api/runs/{self.run_id}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    # ------------------------------------------------------------ how it ended

    def end(self) -> None:
        """Let everything settle, and count what went wrong."""
        self.place.heal()
        self._posts.shutdown(wait=True)
        for command in self.given.values():
            if not command.taken:  # whoever gave it tries until it is taken
                self._post(command)
        self._posts = ThreadPoolExecutor(1)
        for name in ("resume", "mark"):
            self.give(name, 60.0, 0)
        self._posts.shutdown(wait=True)
        known: dict[str, dict[str, Any]] = {}

        def answered() -> bool:
            try:
                commands = self.ask("/commands?limit=1000")["commands"]
            except OSError:
                return False
            known.update((c["command_id"], c) for c in commands)
            return all(
                name in known and known[name]["state"] in ENDS and self._agrees(known[name])
                for name, command in self.given.items()
                if command.taken
            )

        deadline = time.monotonic() + PATIENCE
        while not answered() and time.monotonic() < deadline:
            time.sleep(0.1)
        self._over = True
        self._thread.join(20)
        self.tally.counts["reconnects"] += self.monitor.stats().reconnects
        self.monitor.close()
        self._judge(known)

    def _agrees(self, command: dict[str, Any]) -> bool:
        """Say whether what is told of a command is what the training did."""
        if command["verb"] not in ("mark", "set"):
            return True
        times = self.applied.get(self.given[command["command_id"]].number, [])
        return (command["state"] == "applied") == bool(times)

    def _judge(self, known: dict[str, dict[str, Any]]) -> None:
        for name, given in self.given.items():
            if not given.taken:
                self._wrong("unanswered", f"{name} was never taken")
                continue
            command = known.get(name)
            if command is None or command["state"] not in ENDS:
                self._wrong("unanswered", f"{name}: {command}")
                continue
            self.tally.counts[command["state"]] += 1
            times = self.applied.get(given.number, [])
            if len(times) > 1:
                self._wrong("applied twice", f"{name} at {times}: {command}")
            if any(moment > command["expires_at"] for moment in times):
                self._wrong("applied late", f"{name} at {times}: {command}")
            if not self._agrees(command):
                self._wrong("told otherwise", f"{name} at {times}: {command}")

    def _wrong(self, what: str, detail: str) -> None:
        self.tally.counts[what] += 1
        self.tally.wrong.append(f"{what}: {detail}")
