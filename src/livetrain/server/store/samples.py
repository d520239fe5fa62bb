"""Sample pictures in the store: as many bytes a run as are allowed, the oldest go first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from livetrain.server.store import schema

__all__ = ["SAMPLE_COLUMNS", "add_samples", "delete_samples", "list_samples", "read_picture"]

RUN_BYTES = 256 * 1024 * 1024
"""Of one run's pictures; their records stay in its log."""

SAMPLE_COLUMNS = tuple(column for column in schema.samples.c if column.name != "picture")


def add_samples(
    connection: Connection, rows: Sequence[dict[str, Any]], *, run_bytes: int = RUN_BYTES
) -> None:
    """Write pictures, and forget the oldest of runs that have too many.

    One that comes again under its id takes the place of the one before.
    """
    samples = schema.samples
    newest = {(row["run_key"], row["sample_id"]): row for row in rows}
    for run_key, sample_id in newest:
        connection.execute(
            delete(samples).where(samples.c.run_key == run_key, samples.c.sample_id == sample_id)
        )
    connection.execute(insert(samples), list(newest.values()))
    for run_key in {key for key, _ in newest}:
        _forget(connection, run_key, run_bytes)


def _forget(connection: Connection, run_key: int, run_bytes: int) -> None:
    samples = schema.samples
    of_run = samples.c.run_key == run_key
    total = int(
        connection.execute(
            select(func.coalesce(func.sum(samples.c.size), 0)).where(of_run)
        ).scalar()
        or 0
    )
    doomed = []
    for key, size in connection.execute(
        select(samples.c.key, samples.c.size).where(of_run).order_by(samples.c.key)
    ):
        if total <= run_bytes:
            break
        doomed.append(key)
        total -= size
    if doomed:
        connection.execute(delete(samples).where(samples.c.key.in_(doomed)))


def delete_samples(connection: Connection, run_key: int, *, limit: int) -> bool:
    """Remove up to `limit` pictures of a run; return whether there were any."""
    samples = schema.samples
    keys = (
        connection.execute(select(samples.c.key).where(samples.c.run_key == run_key).limit(limit))
        .scalars()
        .all()
    )
    if keys:
        connection.execute(delete(samples).where(samples.c.key.in_(keys)))
    return bool(keys)


def list_samples(
    connection: Connection, run_key: int, *, limit: int, before: int | None
) -> Sequence[RowMapping]:
    """Return samples without their pictures, newest first; `before`: older than the one with this key."""
    samples = schema.samples
    query = (
        select(*SAMPLE_COLUMNS)
        .where(samples.c.run_key == run_key)
        .order_by(samples.c.key.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(samples.c.key < before)
    return connection.execute(query).mappings().all()


def read_picture(connection: Connection, run_key: int, sample_id: str) -> tuple[str, bytes] | None:
    """Return a picture and its format, or None: there is none of this id."""
    samples = schema.samples
    row = connection.execute(
        select(samples.c.format, samples.c.picture).where(
            samples.c.run_key == run_key, samples.c.sample_id == sample_id
        )
    ).one_or_none()
    return None if row is None else (str(row.format), bytes(row.picture))
