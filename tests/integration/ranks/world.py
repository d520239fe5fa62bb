"""Several ranks of one training as processes of their own, and the server that they report to."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import torch
from tests.faults.conditions import wait_until
from tests.faults.processes import Process, Server, free_port

PATIENCE = 90.0
ENDS = ("applied", "rejected", "expired", "failed")


class Ranks:
    """One training of `size` ranks.

    Args:
        folder: where they write.
        server: where they report.
        script: what each of them runs; it is given the folder and `options` as JSON.
        mode: of livetrain: online, offline or disabled.
    """

    def __init__(
        self,
        folder: Path,
        server: Server,
        size: int,
        script: str = "training.py",
        mode: str = "online",
        **options: Any,
    ) -> None:
        self.folder, self.server, self.size = folder, server, size
        folder.mkdir(exist_ok=True)
        port = str(free_port())
        path = str(Path(__file__).with_name(script))
        self.processes = [
            Process(
                [sys.executable, path, str(folder), json.dumps(options)],
                folder,
                f"process{rank}",
                env={
                    "RANK": str(rank),
                    "LOCAL_RANK": str(rank),
                    "WORLD_SIZE": str(size),
                    "MASTER_ADDR": "127.0.0.1",
                    "MASTER_PORT": port,
                    "LIVETRAIN_SERVER": server.grpc,
                    "LIVETRAIN_MODE": mode,
                    "LIVETRAIN_SPOOL_DIR": str(folder / "spool"),
                    "OMP_NUM_THREADS": "1",
                },
            )
            for rank in range(size)
        ]

    def told(self, rank: int) -> list[dict[str, Any]]:
        """Return what a rank wrote of each step so far."""
        file = self.folder / f"rank{rank}.jsonl"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text().split("\n")[:-1]]

    def rates(self, rank: int) -> dict[int, float]:
        return {entry["step"]: entry["rate"] for entry in self.told(rank)}

    def wait_for_step(self, step: int) -> None:
        """Wait until every rank made this step."""

        def made() -> bool:
            for rank, process in enumerate(self.processes):
                assert process.alive, f"rank {rank} ended:\n{process.stderr[-3000:]}"
            return all(len(self.told(rank)) > step for rank in range(self.size))

        wait_until(made, PATIENCE, f"every rank makes step {step}")

    def wait(self) -> list[int]:
        """Return the exit code of each rank."""
        return [process.wait(PATIENCE) for process in self.processes]

    def weights(self, rank: int) -> dict[str, torch.Tensor]:
        loaded: dict[str, torch.Tensor] = torch.load(self.folder / f"rank{rank}.pt")
        return loaded

    def assert_weights_are_equal(self) -> None:
        """See that every rank has the weights of rank 0, bit for bit."""
        first = self.weights(0)
        for rank in range(1, self.size):
            for name, weight in self.weights(rank).items():
                assert torch.equal(weight, first[name]), f"{name} of rank {rank}"

    def frames_sent(self, rank: int) -> int:
        """Return how many frames a rank said to have sent, at its end."""
        said = self.processes[rank].stdout_file.read_text()
        return int(said.split("frames ")[1].split()[0])

    # ------------------------------------------------------------ as the server has it

    @property
    def run_id(self) -> str:
        (run,) = ask(self.server, "/api/runs")["runs"]
        return str(run["run_id"])

    def ask(self, path: str = "", body: Any = None) -> Any:
        return ask(self.server, f"/api/runs/{self.run_id}{path}", body)

    def run(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask()
        return answer

    def wait_until_here(self) -> None:
        def all_here() -> bool:
            runs = ask(self.server, "/api/runs")["runs"]
            return bool(runs) and len(self.run()["ranks"]) == self.size

        wait_until(all_here, PATIENCE, "all ranks report")

    def wait_until_steerable(self) -> None:
        self.wait_until_here()
        wait_until(
            lambda: any(not control.get("impossible") for control in self.run()["controls"]),
            PATIENCE,
            "rank 0 can be steered",
        )

    def give(self, verb: str, parameters: dict[str, Any] | None = None, **more: Any) -> str:
        body = {"verb": verb, "parameters": parameters or {}, "issued_by": "ada", **more}
        return str(self.ask("/commands", body)["command_id"])

    def commands(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.ask("/commands?limit=1000")["commands"]
        return answer

    def settled(self, command_id: str, ranks: int | None = None) -> dict[str, Any]:
        """Wait until a command came to its end; one that was applied, on so many ranks."""

        def found() -> dict[str, Any] | None:
            command = next(c for c in self.commands() if c["command_id"] == command_id)
            whole = command["state"] != "applied" or len(command["ranks"]) == (ranks or self.size)
            return command if command["state"] in ENDS and whole else None

        return wait_until(found, PATIENCE, "the command is settled on every rank")  # type: ignore[return-value]

    def do(self, verb: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.settled(self.give(verb, parameters))


def ask(server: Server, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        server.http + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
