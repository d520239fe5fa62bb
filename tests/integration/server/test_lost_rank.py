"""A rank of a real training is killed at step 400 while the others go on to the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from tests.integration.server.processes import ServerProcess, until
from tests.integration.server.runs import get, run_of
from tests.integration.server.viewer import LiveViewer

from livetrain.cli import main
from livetrain.proto import live_pb2 as live

RANK = """
import os, signal, livetrain
rank = int(os.environ["RANK"])
with livetrain.Monitor("four") as monitor:
    for step in range(600):
        monitor.log_batch(None, None, 1 / (step + 1))
        if step == 400:
            assert monitor.flush(60)
            if rank == 3:
                os.kill(os.getpid(), signal.SIGKILL)
    assert monitor.flush(60)
"""


def shown(server: ServerProcess, *command: str) -> str:
    return CliRunner().invoke(main, command, env={"LIVETRAIN_HTTP": server.http}).output


def check(server: ServerProcess) -> None:
    run = run_of(server, "four")
    assert (run["status"], run["contact"], run["steps"]) == ("finished", "ended", 600)
    found = [(rank["contact"], rank["status"], rank["last_step"]) for rank in run["ranks"]]
    assert found == [("ended", "finished", 599)] * 3 + [("lost", "lost", 400)]
    assert run["remarks"] == ["Rank 3 was lost at step 400."]
    events = get(server, f"/api/runs/{run['run_id']}/events?notable=true")["events"]
    assert sum(e["record"].get("event", {}).get("kind") == "rank_lost" for e in events) == 1
    assert "  finished · rank 3 was lost at step 400  599  " in shown(server, "runs")
    watched = shown(server, "watch", "four").splitlines()
    assert "finished · rank 3 was lost at step 400" in watched[0]
    assert watched[1] == "Rank 3 was lost at step 400."
    with LiveViewer(server, run["run_id"], live.Hello()) as viewer:
        state = viewer.wait(lambda m: m.HasField("snapshot")).snapshot.state
        assert (state.ranks[3].contact, state.ranks[3].steps) == ("lost", 401)


def test_a_killed_rank_is_lost_at_its_step_on_every_surface(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        base = {**os.environ, "LIVETRAIN_SERVER": server.grpc, "WORLD_SIZE": "4"}
        base |= {"LIVETRAIN_SESSION": "a secret word", "LIVETRAIN_SPOOL_DIR": str(tmp_path / "s")}
        ranks = [
            subprocess.Popen([sys.executable, "-c", RANK], env={**base, "RANK": str(rank)})
            for rank in range(4)
        ]
        codes = [process.wait(120) for process in ranks]
        assert codes == [0, 0, 0, -9]
        assert shown(server, "watch", "four").splitlines()[-1] == "Rank 3 was lost at step 400."
        until(lambda: run_of(server, "four")["remarks"], "the loss to be seen")
        check(server)
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        check(server)
