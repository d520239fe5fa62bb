"""``torchrun`` starts a training again: with a session of one's own it goes on in its run, and is seen in any case.

Only ``nox -s steering`` has it, for the time that it takes; `tests/integration/server/test_restarts.py` has it without PyTorch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.processes import ROOT, Server
from tests.integration.endings.runs import Runs
from tests.steering.table import FULL

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not FULL, reason="nox -s steering has it"),
]

TRAINING = """
import os, sys, time
import torch.distributed as dist, livetrain
# A process group with the launcher's store and no links: those of gloo may find addresses of the start before in it, and fail.
import torch.testing._internal.distributed.fake_pg
store, rank, size = next(dist.rendezvous("env://"))
dist.init_process_group("fake", store=store, rank=rank, world_size=size)
restarts = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
with livetrain.Monitor(sys.argv[1]) as monitor:
    for step in range(10 * restarts, 30):
        monitor.log_batch(None, None, 1 / (step + 1), step=step)
        if step == 15 and not restarts:
            assert monitor.flush(90)
            if rank:
                os._exit(3)
            time.sleep(120)  # until the launcher ends it
    assert monitor.flush(60)
"""


def launch(server: Server, folder: Path, name: str, **env: str) -> subprocess.CompletedProcess[str]:
    script = folder / "training.py"
    script.write_text(TRAINING)
    options = ("--standalone", "--nproc-per-node", "2", "--max-restarts", "1")
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *options, str(script), name],
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{os.environ.get('PYTHONPATH', '')}",
            "LIVETRAIN_SERVER": server.grpc,
            "LIVETRAIN_SPOOL_DIR": str(folder / "spool"),
            "OMP_NUM_THREADS": "1",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_a_training_that_torchrun_starts_again_is_seen(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        runs = Runs(server)
        done = launch(server, tmp_path, "again", LIVETRAIN_SESSION="the-secret-of-one")
        assert done.returncode == 0, done.stderr
        run = runs.only()
        assert (run["status"], run["steps"], run["remarks"]) == ("finished", 30, [])
        assert [a["from_step"] for a in run["attempts"]] == [0, 10]
        assert [(r["status"], r["steps"]) for r in run["ranks"]] == [("finished", 30)] * 2

        # Without a word the ranks of the second start find the run of the first in torchrun's store.
        silent = Runs(server)
        done = launch(server, tmp_path, "silent")
        assert done.returncode == 0, done.stderr
        run = silent.only()
        assert (run["status"], run["steps"], run["remarks"]) == ("finished", 30, [])
        assert [a["from_step"] for a in run["attempts"]] == [0, 10]

        # The same word once more, and nobody says that this is another start: a run of its own, of both ranks.
        more = Runs(server)
        done = launch(server, tmp_path, "more", LIVETRAIN_SESSION="the-secret-of-one")
        assert done.returncode == 0, done.stderr
        assert "it shows as a run of its own" in done.stderr
        (run,) = [more.whole(run) for run in more.all() if run["status"] == "finished"]
        assert (run["name"], run["steps"], len(run["ranks"])) == ("more", 30, 2)
