"""Executes one statement for many rows, without the work that SQLAlchemy does for each where the driver needs none of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Insert, Update

__all__ = ["execute_many", "insert_many"]

_VARIABLES: Final = 999
"""So many every release of SQLite takes in one statement."""


def execute_many(
    connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement once for each row.

    Args:
        connection: within a transaction.
        statement: an insert of whole rows, or an update with a ``bindparam`` for each name.
        rows: all with the same names; numbers, texts, bytes and None, as the driver takes them.
    """
    if (plain := _plain(connection, statement, rows)) is not None:
        text, values, _ = plain
        connection.exec_driver_sql(text, [values(row) for row in rows])


def insert_many(
    connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert whole rows, many with each call of the driver.

    The driver lets go of the interpreter with each call and has to wait for it again. Beside a thread that computes, that is what
    a row by itself costs. The arguments are those of `execute_many`.
    """
    if (plain := _plain(connection, statement, rows)) is None:
        return
    text, values, width = plain
    head, _, places = text.rpartition(" VALUES ")
    at, size = 0, 1 << (_VARIABLES // width).bit_length() - 1
    while at < len(rows):
        # Sizes are powers of two, so that the driver knows the statement again.
        while size > len(rows) - at:
            size //= 2
        parameters = tuple(chain.from_iterable(map(values, rows[at : at + size])))
        connection.exec_driver_sql(f"{head} VALUES {', '.join([places] * size)}", parameters)
        at += size


def _plain(
    connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]
) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]], int] | None:
    """Return a statement as the driver's own text, what picks a row's values for it, and how many these are.

    None: there is nothing left to do, since there are no rows, or a driver of another kind was given them.
    """
    if not rows:
        return None
    if connection.dialect.paramstyle != "qmark":
        connection.execute(statement, list(rows))
        return None
    compiled = statement.compile(connection, column_keys=list(rows[0]))
    names = compiled.positiontup
    assert names is not None
    pick = itemgetter(*names)
    return str(compiled), (pick if len(names) > 1 else lambda row: (pick(row),)), len(names)
