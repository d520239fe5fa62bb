"""Lightning on several ranks: the callback makes one run of them, and broadcasts in the loop what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.conditions import wait_until
from tests.faults.processes import Server
from tests.integration.ranks.world import PATIENCE, Ranks

pytestmark = pytest.mark.timeout(240)


def test_lightning_under_ddp_is_steered_as_one(server: Server, tmp_path: Path) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, script="lightning_training.py")
    ranks.wait_until_steerable()
    done = ranks.do("set", {"learning_rate": 0.05})
    step = done["applied_step"]
    ranks.wait_for_step(step + 2)
    for rank in range(2):
        rates = ranks.rates(rank)
        assert {rates[made] for made in range(step)} == {0.1}
        assert {rates[made] for made in rates if made >= step} == {0.05}
    paused = ranks.do("pause")
    assert paused["ranks"] == [0, 1]
    assert [len(ranks.told(rank)) for rank in range(2)] == [paused["applied_step"]] * 2
    ranks.do("resume")
    stopped = ranks.do("stop")
    assert ranks.wait() == [0, 0]
    steps = stopped["applied_step"]
    assert [len(ranks.told(rank)) for rank in range(2)] == [steps] * 2
    ranks.assert_weights_are_equal()
    assert [path.name for path in ranks.folder.glob("*.ckpt")] == [f"last-step={steps}.ckpt"]
    wait_until(lambda: ranks.run()["status"] == "finished", PATIENCE, "the end is told")
    run = ranks.run()
    assert run["message"] == "stopped by ada"
    assert [r["steps"] for r in run["ranks"]] == [steps, steps]
    assert run["ranks"][1]["own_ms"] > 0
    assert {name for name in run["metrics"] if name.startswith("rank1/")} <= {
        f"rank1/{name}"
        for name in (
            *("loss", "accuracy", "perf/fps", "perf/time_per_batch_ms"),
            *("system/cpu_percent", "system/memory_mb"),
        )
    }, "epochs and validation are told once"
