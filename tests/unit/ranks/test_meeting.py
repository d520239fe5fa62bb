"""Ranks find the same run through a store, and never wait for each other."""

from __future__ import annotations

from pathlib import Path

import torch.distributed as dist

from livetrain._ranks.meeting import GIVE_UP_SECONDS, LOOK_SECONDS, Meeting, torch_store


def store(path: Path) -> dist.Store:
    return dist.FileStore(str(path / "store"), 2)


def test_the_others_take_the_session_of_rank_0_whoever_comes_first(tmp_path: Path) -> None:
    kept = store(tmp_path)
    first = Meeting(0, "of rank 0", lambda: kept, number=1)
    second = Meeting(1, "its own", lambda: kept, number=1)
    assert not second.ready(now=0.0)
    assert first.ready(now=0.0)
    assert not second.ready(now=LOOK_SECONDS / 2), "it looks now and then"
    assert second.ready(now=LOOK_SECONDS)
    assert (first.session, second.session, second.alone) == ("of rank 0", "of rank 0", False)


def test_the_second_monitor_of_a_process_meets_the_second_of_the_others(tmp_path: Path) -> None:
    kept = store(tmp_path)
    for number in (1, 2):
        assert Meeting(0, f"session {number}", lambda: kept, number=number).ready(0.0)
    later = Meeting(1, "own", lambda: kept, number=2)
    assert later.ready(0.0)
    assert later.session == "session 2"


def test_rank_0_waits_for_no_store_and_says_it_when_there_is_one(tmp_path: Path) -> None:
    kept: list[dist.Store] = []
    first = Meeting(0, "session", lambda: kept[0] if kept else None, number=1)
    assert first.ready(now=0.0)
    kept.append(store(tmp_path))
    assert first.ready(now=LOOK_SECONDS)
    second = Meeting(1, "own", lambda: kept[0], number=1)
    assert second.ready(now=0.0)
    assert second.session == "session"


def test_who_meets_nobody_goes_alone(tmp_path: Path) -> None:
    def broken() -> None:
        raise RuntimeError("the store is gone")

    for find in (lambda: None, broken):
        lonely = Meeting(1, "own", find, number=1)
        assert not lonely.ready(now=0.0)
        assert not lonely.ready(now=GIVE_UP_SECONDS - 1)
        assert lonely.ready(now=GIVE_UP_SECONDS)
        assert (lonely.session, lonely.alone) == ("own", True)


def test_who_ends_looks_a_last_time_and_goes_alone(tmp_path: Path) -> None:
    kept = store(tmp_path)
    lonely = Meeting(1, "own", lambda: kept, number=1)
    assert not lonely.ready(now=0.0)
    assert lonely.ready(now=LOOK_SECONDS / 2, last=True)
    assert (lonely.session, lonely.alone) == ("own", True)
    late = Meeting(1, "own", lambda: kept, number=2)
    assert not late.ready(now=0.0)
    assert Meeting(0, "of rank 0", lambda: kept, number=2).ready(now=0.0)
    assert late.ready(now=LOOK_SECONDS / 2, last=True)
    assert (late.session, late.alone) == ("of rank 0", False)


def test_the_store_of_torch_is_found_once_there_is_a_process_group(tmp_path: Path) -> None:
    assert torch_store() is None
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        found = torch_store()
        assert found is not None
        found.set("livetrain/test", "here")
        assert found.check(["livetrain/test"])
        assert found.get("livetrain/test") == b"here"
    finally:
        dist.destroy_process_group()
    assert torch_store() is None


def test_a_start_that_follows_goes_on_with_the_session_that_the_store_still_has(
    tmp_path: Path,
) -> None:
    kept = store(tmp_path)
    for start in range(3):
        others = Meeting(1, "its own", lambda: kept, number=1, start=start)
        assert not others.ready(now=0.0), "what the start before left is not for this one"
        first = Meeting(0, f"session {start}", lambda: kept, number=1, start=start)
        assert first.ready(now=0.0)
        assert others.ready(now=LOOK_SECONDS)
        assert first.session == others.session == "session 0"


def test_who_may_not_go_on_there_meets_the_others_in_another_session(tmp_path: Path) -> None:
    kept = store(tmp_path)
    Meeting(0, "refused", lambda: kept, number=1, start=1).ready(now=0.0)
    others = Meeting(1, "its own", lambda: kept, number=1, start=1, another=True)
    assert not others.ready(now=0.0)
    assert Meeting(0, "fresh", lambda: kept, number=1, start=1, another=True).ready(now=0.0)
    assert others.ready(now=LOOK_SECONDS)
    assert others.session == "fresh"
    following = Meeting(0, "later", lambda: kept, number=1, start=2)
    assert following.ready(now=0.0)
    assert following.session == "fresh"


def test_rank_0_that_was_started_again_waits_some_seconds_for_the_store_and_then_begins_anew(
    tmp_path: Path,
) -> None:
    kept = store(tmp_path)
    Meeting(0, "before", lambda: kept, number=1).ready(now=0.0)
    there: list[dist.Store] = []
    first = Meeting(0, "its own", lambda: there[0] if there else None, number=1, start=1)
    assert not first.ready(now=0.0)
    assert first.ready(now=6.0)
    there.append(kept)
    assert first.ready(now=7.0)
    assert first.session == "its own", "it is in use"
    others = Meeting(1, "other", lambda: kept, number=1, start=1)
    assert others.ready(now=0.0)
    assert others.session == "its own"
