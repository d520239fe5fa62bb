"""Every run can be found and is listed once, whatever its name is, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from livetrain.server.run import Run
from livetrain.server.store import schema
from livetrain.server.store.engine import open_store
from livetrain.server.store.reader import Reader
from livetrain.server.store.run_search import RunCursor, RunFilter, count_runs, find_runs

NOW_MS = 1_800_000_000_000


def row_of(number: int, name: str, **fields: object) -> dict[str, object]:
    run = Run(0, f"id{number}", "h", 1, name, "default", (), NOW_MS + number, 0.0)
    fixed = {
        "run_id": run.run_id, "session_hash": "h", "protocol": 1, "project": run.project, "tags": "[]",
        "sealed_offset": 0, "trimmed_offset": 0, "deleted": False, "last_heard_ms": NOW_MS,
    }  # fmt: skip
    return {**run.row(), **fixed, **fields}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('search') / 'test.db'}")
    rows = [
        row_of(1, "alpha 100%", status="finished"),
        row_of(2, "Ärger_straße", status="failed"),
        row_of(3, "beta", status="running"),
        row_of(4, "beta", status="running", last_heard_ms=NOW_MS - 60_000),
        row_of(5, "gone", status="finished", deleted=True),
        row_of(6, "a\\b", status="paused", project="other"),
        # Synced later than the others, but it ran before them.
        row_of(7, "first of all", status="finished", created_ms=NOW_MS - 1),
        row_of(
            8, "relay", status="running", protocol=2, last_heard_ms=NOW_MS - 60_000, created_ms=1
        ),
    ]
    with store.writer.begin() as writer:
        writer.execute(insert(schema.runs), rows)
    with store.reader.connect() as reader:
        yield reader
    store.close()


def found(connection: Connection, **wanted: object) -> list[int]:
    given = RunFilter(heard_since_ms=NOW_MS - 30_000, **wanted)  # type: ignore[arg-type]
    rows = find_runs(connection, given, limit=100, before=None)
    assert count_runs(connection, given) == len(rows)
    return [int(row["run_id"][2:]) for row in rows]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([], [6, 4, 3, 2, 1, 7, 8]),
        (["beta"], [4, 3]),
        (["ärger_strasse"], [2]),
        (["100%"], [1]),
        (["_"], [2]),
        (["%"], [1]),
        (["\\"], [6]),
        (["id3"], [3]),
        (["beta", "default"], [4, 3]),
        (["beta", "alpha"], []),
        (["default\nid3"], [3]),
    ],
)
def test_words_find_what_has_all_of_them(
    connection: Connection, words: list[str], numbers: list[int]
) -> None:
    assert found(connection, words=words) == numbers


def test_who_speaks_once_an_epoch_is_lost_later(connection: Connection) -> None:
    waits = {"guest_heard_since_ms": NOW_MS - 120_000}
    assert found(connection, statuses=["lost"], **waits) == [4]
    assert found(connection, words=["relay"], statuses=["running"], **waits) == [8]
    waits = {"guest_heard_since_ms": NOW_MS - 30_000}
    assert found(connection, words=["relay"], statuses=["lost"], **waits) == [8]


def test_a_run_that_is_not_heard_any_more_is_not_running(connection: Connection) -> None:
    assert found(connection, statuses=["running"]) == [3, 8]
    assert found(connection, statuses=["lost"]) == [4]
    assert found(connection, statuses=["lost", "failed"]) == [4, 2]
    assert found(connection, statuses=["running"], heard=[4]) == [4, 3, 8]
    assert found(connection, project="other") == [6]


@pytest.mark.parametrize(
    ("whole", "numbers"),
    [(["beta"], [4, 3]), (["bet"], []), (["alpha 100%"], [1]), (["id3", "default"], [3])],
)
def test_what_stands_in_quotes_is_meant_as_a_whole(
    connection: Connection, whole: list[str], numbers: list[int]
) -> None:
    assert found(connection, whole=whole) == numbers


@given(limit=st.integers(1, 8))
def test_pages_hold_each_run_once(connection: Connection, limit: int) -> None:
    seen: list[int] = []
    before: RunCursor | None = None
    while rows := find_runs(connection, RunFilter(), limit=limit, before=before):
        seen += [int(row["run_id"][2:]) for row in rows]
        before = RunCursor.read(str(RunCursor(rows[-1]["created_ms"], rows[-1]["key"])))
    assert seen == [6, 4, 3, 2, 1, 7, 8]


@pytest.mark.parametrize(
    "text", ["", "-", "12", "1-", "-1", "1--2", "a-b", "1.5-2", "٣-٤", "9" * 30 + "-1"]
)
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert RunCursor.read(text) is None


def test_a_run_that_came_later_than_it_ran_is_not_too_old(tmp_path: Path) -> None:
    """It was left on a disk for a month, and brought today."""
    store = open_store(f"sqlite:///{tmp_path / 'test.db'}")
    old_ms = NOW_MS - 30 * 86_400_000
    rows = [
        row_of(n, "old", created_ms=old_ms, last_heard_ms=old_ms, last_offset=1) for n in (1, 2)
    ]
    record = {"offset": 1, "stream_key": 1, "notable": False, "record": b""}
    with store.writer.begin() as writer:
        writer.execute(insert(schema.runs), rows)
        came = [{**record, "run_key": 1, "received_ms": NOW_MS}]
        came.append({**record, "run_key": 2, "received_ms": old_ms})
        writer.execute(insert(schema.events), came)
    found = Reader(store.reader).ended_before(NOW_MS - 86_400_000, limit=10)
    store.close()
    assert found == [(2, "id2")]
