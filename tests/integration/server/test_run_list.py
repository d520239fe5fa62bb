"""`GET /api/runs` with ten thousand runs: each can be reached, and the first as quickly as the last."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from tests.integration.server.processes import ServerProcess
from tests.integration.server.trainer import Trainer

RUNS = 10_000


def fill(database: Path) -> None:
    """Copy the one run of a database many times."""
    with closing(sqlite3.connect(database)) as store, store:
        store.row_factory = sqlite3.Row
        row = dict(store.execute("SELECT * FROM runs").fetchone())
        del row["key"]
        began = row["created_ms"]
        rows = [
            {
                **row,
                "run_id": f"run{number}",
                "name": f"name {number}",
                "search": f"name {number}\ndefault\nrun{number}",
                "created_ms": began - RUNS + number,
                "status": "finished" if number % 3 else "running",
                "last_heard_ms": began - 60_000,
            }
            for number in range(1, RUNS)
        ]
        names = ",".join(f'"{name}"' for name in row)
        places = ",".join(f":{name}" for name in row)
        store.executemany(f"INSERT INTO runs ({names}) VALUES ({places})", rows)


def test_the_first_of_ten_thousand_runs_is_found(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with Trainer(server.grpc) as trainer:
            assert trainer.register(run_name="newest").success
        server.stop()
    fill(tmp_path / "data" / "livetrain.db")
    with ServerProcess(tmp_path / "data") as server, httpx.Client(base_url=server.http) as client:

        def ask(**query: object) -> Any:
            began = time.perf_counter()
            answer = client.get("/api/runs", params=query, timeout=30).raise_for_status().json()  # type: ignore[arg-type]
            took.append(time.perf_counter() - began)
            return answer

        took: list[float] = []
        newest = ask()
        assert (len(newest["runs"]), newest["total"]) == (100, RUNS)
        assert newest["runs"][0]["name"] == "newest"
        (found,) = ask(q='"name 1"')["runs"]
        assert found["run_id"] == "run1"
        assert ask(q="Name 77 run")["total"] == sum("77" in str(n) for n in range(RUNS))
        assert ask(status="lost")["total"] - RUNS // 3 in (0, 1)
        assert ask(status="running")["total"] == 0
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = ask(limit=500, **({} if cursor is None else {"cursor": cursor}))
            seen += [run["run_id"] for run in page["runs"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == RUNS
        assert seen[-1] == "run1"
        assert max(took) < 5, "seconds; some milliseconds where nothing else runs"
        for query in ({"cursor": "hm"}, {"status": "dead"}, {"limit": 0}):
            assert client.get("/api/runs", params=query).status_code in (400, 422)  # type: ignore[arg-type]
        print(f"the slowest of {len(took)} answers: {max(took) * 1000:.0f} ms")
