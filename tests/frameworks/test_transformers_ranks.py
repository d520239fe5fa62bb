"""Two ranks of one Hugging Face training: one run, and a stop that both obey."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from livetrain._console.server_process import ServerProcess
from tests.faults.processes import free_port
from tests.frameworks.world import get, only_run, same

STEPS = 12


def rank(folder: Path) -> None:
    """What each rank runs."""
    import livetrain.transformers
    from tests.frameworks.test_transformers import train

    torch.set_num_threads(1)
    watched = folder.name != "alone"
    callbacks = [livetrain.transformers.LiveTrainCallback()] if watched else []
    trainer = train(
        folder, *callbacks, ddp_backend="gloo", max_steps=STEPS, per_device_train_batch_size=4
    )
    state = {name: w.detach().clone() for name, w in trainer.model.named_parameters()}
    torch.save(state, folder / f"rank{os.environ['RANK']}.pt")


def run_ranks(folder: Path) -> list[dict[str, torch.Tensor]]:
    folder.mkdir()
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "import tests.frameworks.conftest, tests.frameworks.test_transformers_ranks as t; t.rank(Path(sys.argv[2]))"
    )
    port = str(free_port())
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(Path(__file__).parents[2]), str(folder)],
            env={
                **os.environ,
                "RANK": str(number),
                "LOCAL_RANK": str(number),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(2)
    ]
    try:
        said = [process.communicate(timeout=100)[0] for process in ranks]
    finally:
        for process in ranks:
            process.kill()
            process.wait()
    assert [process.returncode for process in ranks] == [0, 0], "\n".join(said)[-3000:]
    return [torch.load(folder / f"rank{number}.pt") for number in range(2)]


@pytest.mark.timeout(300)  # each process imports all of PyTorch and Transformers
def test_two_ranks_are_one_run_and_learn_what_they_learn_alone(
    tmp_path: Path, server: ServerProcess
) -> None:
    alone = run_ranks(tmp_path / "alone")
    assert get(server, "/api/runs")["runs"] == []
    watched = run_ranks(tmp_path / "watched")
    assert same(alone[0].values(), watched[0].values())
    assert same(watched[0].values(), watched[1].values())
    run, curves = only_run(server)
    assert run["status"] == "finished"
    streams: list[dict[str, Any]] = run["streams"]
    assert sorted(stream["rank"] for stream in streams) == [0, 1]
    assert curves["loss"]["steps"] == curves["rank1/loss"]["steps"] == list(range(STEPS))
    assert "rank1/learning_rate" not in curves
