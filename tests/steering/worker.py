"""One rank of several: makes all rows of a file, one after the other, and writes what it saw of each.

python -m tests.steering.worker ROWS.json RESULTS.json
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from tests.steering.case import Case, Trace
from tests.steering.table import train

__all__: list[str] = []


def main(rows: Path, results: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=30))
    made: dict[str, dict[str, object]] = {}
    for values in json.loads(rows.read_text()):
        case = Case.read(values)
        pair: dict[str, object] = {}
        for key, disturbed in (("schedule", False), ("trace", True)):
            try:
                trace = train(case, disturbed=disturbed)
            except Exception as error:
                trace = Trace(error=f"{type(error).__name__}: {error}"[:500])
            pair[key] = trace.as_dict()
        made[case.name] = pair
        results.write_text(json.dumps(made))
        if trace.lost:
            os.kill(os.getpid(), signal.SIGKILL)
        if trace.error:
            return  # the ranks are not at the same place any more: nothing that follows would be true
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
