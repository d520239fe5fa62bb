"""What publishers of the relay call their runs: the newest is found, and what was deleted is not."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from livetrain.server.store import schema
from livetrain.server.store.publishers import FoundPublication, Publication, put_publication
from livetrain.server.store.statements import delete_slice, mark_deleted
from tests.unit.server.store.world import StoreWorld


def test_the_newest_run_that_is_there_answers(tmp_path: Path) -> None:
    world = StoreWorld(tmp_path / "livetrain.db")
    runs = [world.add_run() for _ in range(3)]
    with world.store.writer.begin() as connection:
        for run, host, theirs in zip(runs, "aba", ("7", "7", ""), strict=True):
            put_publication(connection, Publication(run.key, host, "old", None, None))
            put_publication(connection, Publication(run.key, host, theirs, 0, None))
    reader = world.reader
    second = reader.publication(theirs="7", host=None)
    first = reader.publication(theirs="7", host="a")
    assert first is not None
    assert second is not None
    assert second == FoundPublication(second.run_id, "7", 0, None)
    assert first.run_id != second.run_id
    assert reader.published_run("7") == second.run_id
    assert reader.published_run("old") is None, "what it was called before is not its name"
    assert reader.publisher_id(runs[0].key) == "7"
    assert reader.publisher_id(999) == ""
    newest = reader.publication(theirs=None, host="a")
    assert newest is not None
    assert newest.theirs == ""
    with world.store.writer.begin() as connection:
        mark_deleted(connection, runs[1].key)
    assert reader.published_run("7") == first.run_id
    with world.store.writer.begin() as connection:
        while not delete_slice(connection, runs[1].key, 100):
            pass
        left = connection.execute(select(func.count()).select_from(schema.publications)).scalar()
    assert left == 2
    world.close()
