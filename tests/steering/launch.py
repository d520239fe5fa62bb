"""Makes the rows of several ranks, all in the same processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.processes import ROOT, Process, free_port
from tests.steering.case import Case, Trace

__all__ = ["Made", "launch"]

PATIENCE = 300.0

Made = tuple[Trace, list[Trace]]
"""The schedule, and what each rank did with the commands."""


def launch(cases: Sequence[Case], folder: Path) -> dict[str, Made]:
    """Make rows of one number of ranks, and return what was seen of each by its name."""
    (size,) = {case.ranks for case in cases}
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder / "rows.json"
    rows.write_text(json.dumps([asdict(case) for case in cases]))
    port = str(free_port())
    processes = [
        Process(
            [
                *(sys.executable, "-m", "tests.steering.worker"),
                *(str(rows), str(folder / f"rank{rank}.json")),
            ],
            folder,
            f"process{rank}",
            env={
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(size),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "LIVETRAIN_MODE": "offline",
                "LIVETRAIN_SPOOL_DIR": str(folder / "spool"),
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
            },
        )
        for rank in range(size)
    ]
    for process in processes:
        process.wait(PATIENCE)
    told = [_read(folder / f"rank{rank}.json") for rank in range(size)]
    nothing = Trace(error=f"its process: {processes[-1].stderr[-2000:]}").as_dict()
    missing = {"schedule": nothing, "trace": nothing}
    return {
        case.name: (
            Trace.read(told[0].get(case.name, missing)["schedule"]),
            [Trace.read(ranks.get(case.name, missing)["trace"]) for ranks in told],
        )
        for case in cases
    }


def _read(path: Path) -> dict[str, dict[str, dict[str, object]]]:
    return json.loads(path.read_text()) if path.exists() else {}
