"""Which run older viewers see."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from livetrain.server.registry import Registry
from livetrain.server.run import Run
from livetrain.server.stage import Stage
from tests.unit.server.dialects.world import run


@dataclasses.dataclass
class Runs:
    runs: list[Run]


def stage(*runs: Run) -> Stage:
    return Stage(cast("Registry", Runs(list(runs))))


def begun(key: int, **more: Any) -> Run:
    return run(key, **{"offset": 5, "committed": 5, "status": "running", **more})


def test_the_newest_that_is_under_way_is_in_view() -> None:
    older, newer = begun(1), begun(2)
    shown = stage(older, newer)
    assert shown.run is None
    assert not shown.follows(older), "a newer one is under way"
    assert shown.run is newer
    assert shown.follows(newer)


def test_one_that_begins_comes_into_view() -> None:
    older, newer = begun(1), begun(2)
    runs = Runs([older])
    shown = Stage(cast("Registry", runs))
    left: list[Run | None] = []
    shown.on_change(left.append)
    assert shown.follows(older)
    runs.runs.append(newer)
    assert shown.follows(older), "nobody heard of the newer one yet"
    assert shown.follows(newer)
    assert not shown.follows(older)
    assert left == [None, older]


def test_one_that_ended_stays_until_another_speaks() -> None:
    older, newer = begun(1), begun(2)
    shown = stage(older, newer)
    assert shown.follows(newer)
    newer.status = "finished"
    assert shown.follows(newer)
    assert shown.shows(newer)
    assert shown.follows(older)
    assert not shown.follows(newer), "it is over"


def test_an_end_that_is_not_told_yet_is_waited_for() -> None:
    older, newer = begun(1), begun(2)
    shown = stage(older, newer)
    assert shown.follows(newer)
    newer.status, newer.offset = "finished", 6
    assert not shown.follows(older)
    newer.committed = 6
    assert shown.follows(older)


def test_one_that_is_lost_gives_way() -> None:
    older, newer = begun(1), begun(2)
    shown = stage(older, newer)
    assert shown.follows(newer)
    newer.contact = "lost"
    assert shown.follows(older)


def test_one_that_never_spoke_or_was_deleted_is_not_shown() -> None:
    older, silent, gone = begun(1), begun(2, offset=0, committed=0), begun(3, deleted=True)
    shown = stage(older, silent, gone)
    assert shown.follows(older)
    assert not shown.follows(gone)


def test_a_run_that_was_loaded_anew_is_the_same() -> None:
    first, again = begun(1), begun(1)
    shown = stage(again)
    assert shown.follows(first)
    assert shown.follows(again)
    assert shown.run is again
