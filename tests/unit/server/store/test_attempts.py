"""Attempts in the store: when an earlier start is heard late, what is sealed of later ones counts on by one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from livetrain.server.store import schema
from livetrain.server.store.engine import open_store
from livetrain.server.store.statements import insert_row, move_attempts


def test_only_later_attempts_of_the_rank_move(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'test.db'}")
    chunk = {"first_step": 0, "last_step": 1, "points": 2, "rollup": b"", "data": b""}
    with store.writer.begin() as connection:
        for run_key, name in [(1, "loss"), (1, "rank3/loss"), (1, "rankings"), (2, "loss")]:
            key = insert_row(connection, schema.metrics, {"run_key": run_key, "name": name})
            rows = [
                {**chunk, "run_key": run_key, "metric_key": key, "attempt": attempt}
                for attempt in (1, 2)
            ]
            connection.execute(insert(schema.chunks), rows)
        move_attempts(connection, 1, rank=0, first=2)
        move_attempts(connection, 1, rank=3, first=1)
        found = connection.execute(
            select(schema.metrics.c.run_key, schema.metrics.c.name, schema.chunks.c.attempt)
            .join_from(
                schema.chunks, schema.metrics, schema.chunks.c.metric_key == schema.metrics.c.key
            )
            .order_by(schema.chunks.c.key)
        ).all()
    store.close()
    assert [tuple(row) for row in found] == [
        (1, "loss", 1),
        (1, "loss", 3),
        (1, "rank3/loss", 2),
        (1, "rank3/loss", 3),
        (1, "rankings", 1),
        (1, "rankings", 3),
        (2, "loss", 1),
        (2, "loss", 2),
    ]
