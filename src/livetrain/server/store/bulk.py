"""Executes one statement for many rows, without the work that SQLAlchemy does for each where the driver needs none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Insert, Update

__all__ = ["execute_many"]


def execute_many(
    connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement once for each row.

    Args:
        connection: within a transaction.
        statement: an insert of whole rows, or an update with a ``bindparam`` for each name.
        rows: all with the same names; numbers, texts, bytes and None, as the driver takes them.
    """
    if not rows:
        return
    if connection.dialect.paramstyle != "qmark":
        connection.execute(statement, list(rows))
        return
    compiled = statement.compile(connection, column_keys=list(rows[0]))
    names = compiled.positiontup
    assert names is not None
    pick = itemgetter(*names)
    one = len(names) == 1
    connection.exec_driver_sql(str(compiled), [(pick(row),) if one else pick(row) for row in rows])
