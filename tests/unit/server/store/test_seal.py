"""Each point is in one chunk, whoever packs a run and however often."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from livetrain.server.series import Series
from livetrain.server.store.seal import SealPlan, finish_seal, write_slice
from tests.unit.server.store.world import START_US, RunWorld, opened


def points(first: int, count: int) -> Series:
    steps = np.arange(first, first + count)
    return Series(steps, steps / 3, START_US + steps)


def planned(run: RunWorld) -> SealPlan:
    plan = run.reader.plan_seal(run.key)
    assert plan is not None
    return plan


def test_two_that_pack_a_run_at_once_double_nothing_and_lose_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "store.db") as world:
        run = world.add_run()
        for first in range(0, 100, 10):
            run.log({"a": points(first, 10), "b": points(first, 10)})
        early = planned(run)
        for first in range(100, 200, 10):
            run.log({"a": points(first, 10), "c": points(first, 10)})
        late = planned(run)
        made = {
            id(plan): [run.reader.prepare_slice(plan, names) for names in (["a"], ["b", "c"])]
            for plan in (early, late)
        }

        def write(plan: SealPlan, part: int) -> bool:
            with world.store.writer.begin() as connection:
                return write_slice(connection, made[id(plan)][part])

        assert write(early, 0)
        # The one that planned later finds a curve in another state than it was: it begins anew.
        assert not write(late, 0)
        assert write(early, 1)
        with world.store.writer.begin() as connection:
            finish_seal(connection, early)
        assert not write(late, 1)
        assert not write(early, 0)
        run.seal()
        found = run.curves()
    assert found["a"].steps.tolist() == list(range(200))
    assert found["b"].steps.tolist() == list(range(100))
    assert found["c"].steps.tolist() == list(range(100, 200))
