"""Many changes while several ranks train: each is made by all ranks before the same step, and their weights stay the same.

``RANK_CHANGES=1000`` says how many, as ``nox -s commands`` does; a run of the tests makes some.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.faults.conditions import wait_until
from tests.faults.processes import Server
from tests.integration.ranks.world import ENDS, PATIENCE, Ranks

CHANGES = int(os.environ.get("RANK_CHANGES", "40"))
AT_ONCE = 5


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("size", [2, 4])
def test_all_ranks_change_before_the_same_step(server: Server, tmp_path: Path, size: int) -> None:
    ranks = Ranks(tmp_path / "ranks", server, size, scheduler=True)
    ranks.wait_until_steerable()
    rates = [round(0.01 + index * 1e-5, 8) for index in range(CHANGES)]
    told: dict[str, dict[str, object]] = {}
    with ThreadPoolExecutor(4) as pool:
        for start in range(0, CHANGES, AT_ONCE):
            some = rates[start : start + AT_ONCE]
            ids = list(pool.map(lambda rate: ranks.give("set", {"learning_rate": rate}), some))

            def settled(ids: list[str] = ids) -> bool:
                known = {c["command_id"]: c for c in ranks.commands()}
                told.update((name, known[name]) for name in ids)
                return all(
                    told[name]["state"] in ENDS and len(told[name]["ranks"]) == size  # type: ignore[arg-type]
                    for name in ids
                )

            wait_until(settled, PATIENCE, "every rank has answered")
    ranks.do("stop")
    assert ranks.wait() == [0] * size
    assert len(told) == CHANGES
    assert {c["state"] for c in told.values()} == {"applied"}
    assert {str(c["message"]) for c in told.values()} == {""}, "no rank counts another step"
    made = [ranks.rates(rank) for rank in range(size)]
    assert all(other == made[0] for other in made[1:]), "each step was made with one rate by all"
    last: dict[object, float] = {}  # of several before one step the last counts
    for command in sorted(told.values(), key=lambda c: (c["applied_step"], c["issued_at"])):  # type: ignore[arg-type,return-value]
        last[command["applied_step"]] = float(command["parameters"]["learning_rate"])  # type: ignore[index]
    steps = set(last)
    seen = sum(made[0].get(step) in set(rates) for step in steps)  # type: ignore[call-overload]
    assert seen == len(steps), "and each step that was named was made with a rate that was set"
    ranks.assert_weights_are_equal()
    print(
        f"{size} ranks: {CHANGES} changes before {len(steps)} steps, all alike, weights identical"
    )
