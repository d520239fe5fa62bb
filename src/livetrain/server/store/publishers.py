"""What the store knows of the publishers of runs that the relay recorded: what each calls its run, and how it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from livetrain.server.store import schema

__all__ = [
    "FoundPublication",
    "Publication",
    "find_publication",
    "find_published_run",
    "find_publisher_id",
    "put_publication",
]


@dataclass(frozen=True, slots=True)
class Publication:
    """One run and its publisher.

    Attributes:
        run_key: of the run.
        host: of the publisher that told of it last.
        theirs: the publisher's own id of it; empty: not known.
        first_epoch: the first number of its epochs; None: none was told.
        first_of_batches: the same of the epochs that its batches name.
    """

    run_key: int
    host: str
    theirs: str
    first_epoch: int | None
    first_of_batches: int | None


class FoundPublication(NamedTuple):
    """The same, with the id of the run."""

    run_id: str
    theirs: str
    first_epoch: int | None
    first_of_batches: int | None


def put_publication(connection: Connection, publication: Publication) -> None:
    """Write what is known of a run and its publisher."""
    table = schema.publications
    connection.execute(delete(table).where(table.c.run_key == publication.run_key))
    connection.execute(
        insert(table).values(
            run_key=publication.run_key,
            host=publication.host,
            theirs=publication.theirs,
            first_epoch=publication.first_epoch,
            first_of_batches=publication.first_of_batches,
        )
    )


def find_publication(
    connection: Connection, *, theirs: str | None, host: str | None
) -> FoundPublication | None:
    """Return the newest run that was published, or None.

    Args:
        connection: to the store.
        theirs: what its publisher calls it; None: whatever it calls it.
        host: of the publisher; None: any.
    """
    runs, table = schema.runs, schema.publications
    query = (
        select(runs.c.run_id, table.c.theirs, table.c.first_epoch, table.c.first_of_batches)
        .select_from(table.join(runs, runs.c.key == table.c.run_key))
        .where(runs.c.deleted.is_(False))
        .order_by(runs.c.key.desc())
        .limit(1)
    )
    if theirs is not None:
        query = query.where(table.c.theirs == theirs)
    if host is not None:
        query = query.where(table.c.host == host)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else FoundPublication(**row)


def find_published_run(connection: Connection, theirs: str) -> str | None:
    """Return the id of the newest run that a publisher called so, or None."""
    found = find_publication(connection, theirs=theirs, host=None)
    return None if found is None else found.run_id


def find_publisher_id(connection: Connection, run_key: int) -> str:
    """Return what its publisher calls a run; empty: that is not known."""
    table = schema.publications
    query = select(table.c.theirs).where(table.c.run_key == run_key)
    return connection.execute(query).scalar() or ""
