"""Two processes under Accelerate: what the documentation shows runs as it stands, as one run that is steered as one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livetrain._console.server_process import ServerProcess
from tests.faults.conditions import wait_until
from tests.faults.processes import free_port
from tests.frameworks.world import get, only_run

PAGE = Path(__file__).parents[2] / "docs/howto/transformers.md"
BATCHES = 4000

BEFORE = f"""
import sys, time, torch
from torch.nn.functional import cross_entropy
torch.set_num_threads(1)
rank = sys.argv[1]
torch.manual_seed(7)
class Net(torch.nn.Linear):
    def forward(self, images):
        time.sleep(0.002)
        rates.write(f"{{optimizer.param_groups[0]['lr']}}\\n")
        return super().forward(images.flatten(1))
model = Net(36, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = torch.utils.data.TensorDataset(torch.rand({BATCHES * 8}, 1, 6, 6), torch.arange({BATCHES * 8}) % 3)
loader = torch.utils.data.DataLoader(data, batch_size=4)
loss_of = cross_entropy
rates = open(f"rank{{rank}}.txt", "w", buffering=1)
"""
AFTER = """
print("weights", [float(w.double().sum()) for w in model.parameters()], flush=True)
"""


def documented() -> str:
    """Return the snippet of the page."""
    section = PAGE.read_text().split("## Accelerate")[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1].replace("Accelerator(", "Accelerator(cpu=True, ")


@pytest.fixture
def processes(server: ServerProcess, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    (tmp_path / "script.py").write_text(BEFORE + documented() + AFTER)
    port = str(free_port())
    started = [
        subprocess.Popen(
            [sys.executable, "script.py", str(rank)],
            cwd=tmp_path,
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    yield started
    for process in started:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.timeout(180)
def test_the_documented_script_is_steered_on_both_processes(
    server: ServerProcess, tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    def run() -> dict[str, Any]:
        for process in processes:
            assert process.poll() is None, process.communicate()[0][-3000:]
        runs = get(server, "/api/runs")["runs"]
        return get(server, f"/api/runs/{runs[0]['run_id']}") if runs else {"controls": []}

    def steerable() -> bool:
        said = {c["verb"]: c.get("impossible") for c in run()["controls"]}
        return "set" in said and not said["set"]

    wait_until(steerable, 90, "both processes loop")
    run_id = run()["run_id"]

    def do(verb: str, **parameters: Any) -> dict[str, Any]:
        body = json.dumps({"verb": verb, "parameters": parameters, "issued_by": "ada"}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{server.http}/api/runs/{run_id}/commands", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            command_id = json.load(answer)["command_id"]

        def done() -> dict[str, Any] | None:
            commands = get(server, f"/api/runs/{run_id}/commands")["commands"]
            found = next(c for c in commands if c["command_id"] == command_id)
            return found if found["state"] == "applied" and found["ranks"] == [0, 1] else None

        return wait_until(done, 60, f"both processes did {verb}")  # type: ignore[return-value]

    changed = do("set", learning_rate=0.001)["applied_step"]
    stopped = do("stop")["applied_step"]
    told = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    for rank in range(2):
        rates = [float(line) for line in (tmp_path / f"rank{rank}.txt").read_text().split()]
        assert rates == [0.1] * changed + [0.001] * (stopped - changed)
    weights = [re.findall("weights (.*)", text)[0] for text in told]
    assert weights[0] == weights[1]
    found, curves = only_run(server)
    assert (found["status"], found["message"]) == ("finished", "stopped by ada")
    assert [(r["rank"], r["status"], r["steps"]) for r in found["ranks"]] == [
        (0, "finished", stopped),
        (1, "finished", stopped),
    ]
    assert found["remarks"] == []
    assert found["config"]["settings"] == {"lr": 0.1}
    assert "loss_of_main_process" in curves
    assert "rank1/loss_of_main_process" not in curves
