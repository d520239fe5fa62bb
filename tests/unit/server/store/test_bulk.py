"""Many rows with few calls of the driver: what is in the table is what was given, whatever the numbers of rows and columns."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, create_engine, insert, select

from livetrain.server.store.bulk import execute_many, insert_many


@pytest.mark.parametrize("fill", [insert_many, execute_many])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 1000, 1003])
def test_every_row_is_there(fill: object, columns: int, count: int) -> None:
    assert callable(fill)
    table = Table(
        "rows",
        MetaData(),
        *[Column("key", Integer), Column("a", LargeBinary), Column("b", Integer)][:columns],
    )
    rows = [{"key": n, "a": b"%d" % n, "b": None} for n in range(count)]
    rows = [dict(list(row.items())[:columns]) for row in rows]
    with create_engine("sqlite://").begin() as connection:
        table.create(connection)
        fill(connection, insert(table), rows)
        found = connection.execute(select(table).order_by(table.c.key)).all()
    assert [tuple(row) for row in found] == [tuple(row.values()) for row in rows]
