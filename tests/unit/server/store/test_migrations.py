"""A database of any earlier livetrain becomes one of today, with what was in it; and the tables are what the code says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, create_engine

from livetrain.server.store import engine, schema
from livetrain.server.store.engine import open_store
from livetrain.server.store.statements import insert_row


def test_the_steps_lead_to_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'test.db'}")
    with store.writer.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    store.close()
    assert differences == []


def test_a_database_of_the_first_livetrain_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    older = create_engine(f"sqlite:///{path}")
    with older.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        tables = MetaData()
        tables.reflect(connection)
        then = tables.tables["runs"]
        row = {name: 0 for name in then.c.keys() if name != "key"}  # noqa: SIM118
        text = {name: "" for name in ("session_hash", "name", "project", "tags", "message")}
        blank = {name: b"" for name in ("config", "controls", "report")}
        insert_row(
            connection, then, {**row, **text, **blank, "run_id": "old", "status": "finished"}
        )
    older.dispose()
    store = open_store(f"sqlite:///{path}")
    store.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT run_id FROM runs").fetchall() == [("old",)]
        assert database.execute("SELECT count(*) FROM samples").fetchone() == (0,)
