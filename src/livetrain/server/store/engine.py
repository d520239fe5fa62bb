"""Opens the database: brings its tables up to date and sets it up to keep what it was told."""

from __future__ import annotations

import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from livetrain.server.errors import StartError
from livetrain.server.store import schema

__all__ = ["BUSY_SECONDS", "Store", "open_store"]

BUSY_SECONDS = 5.0
_READERS = 4


@dataclass(frozen=True, slots=True)
class Store:
    """An open database.

    Attributes:
        writer: holds exactly one connection, and only the journal's thread uses it: releases of SQLite before 3.51.3 can
            corrupt a write-ahead log that several connections of a process write to.
        reader: connections that cannot write.
        epoch: names the life of this database; offsets mean something within it.
    """

    writer: Engine
    reader: Engine
    epoch: str

    def close(self) -> None:
        """Give back every connection."""
        self.reader.dispose()
        self.writer.dispose()


def open_store(url: str) -> Store:
    """Open a database, make or update its tables, and return it.

    Args:
        url: as SQLAlchemy writes it, e.g. ``sqlite:////var/lib/livetrain/livetrain.db``.

    Raises:
        StartError: it cannot be opened or written, or a newer livetrain wrote it.
    """
    try:
        address = make_url(url)
        writer = _engine(address, write=True)
    except (ArgumentError, NoSuchModuleError, ImportError, OSError) as error:
        raise StartError(
            f"The database URL {url!r} cannot be used ({error}); give one such as sqlite:////path/livetrain.db."
        ) from error
    shown = address.render_as_string(hide_password=True)
    try:
        with writer.begin() as connection:
            epoch = _bring_up_to_date(connection, shown)
    except SQLAlchemyError as error:
        writer.dispose()
        reason = str(error.__cause__ or error).splitlines()[0]
        raise StartError(
            f"The database {shown} cannot be opened ({reason}); see that it is one of livetrain's and that this user may write it."
        ) from error
    except BaseException:
        writer.dispose()
        raise
    return Store(writer, _engine(address, write=False), epoch)


def _engine(address: URL, *, write: bool) -> Engine:
    if address.get_backend_name() != "sqlite":
        return create_engine(
            address, pool_size=1 if write else _READERS, max_overflow=0, pool_pre_ping=True
        )
    if write and address.database:
        # The file is there, for this user alone, before SQLite makes it with whatever the umask says.
        os.close(os.open(Path(address.database), os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(
        address,
        pool_size=1 if write else _READERS,
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own idea of when a transaction begins is off: SAVEPOINT and DDL would stand outside of it.
        connection.isolation_level = None
        if write:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "PRAGMA synchronous=FULL"
            )  # an acknowledged record survives loss of power
            connection.execute("PRAGMA wal_autocheckpoint=2000")
            connection.execute(
                "PRAGMA secure_delete=ON"
            )  # what is deleted is not left in free pages
            connection.execute("PRAGMA cache_size=-16000")
        else:
            connection.execute("PRAGMA query_only=ON")
            # Each commit empties a reader's cache anyway, and the system keeps the file in memory.
            connection.execute("PRAGMA cache_size=-1000")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _bring_up_to_date(connection: Connection, shown: str) -> str:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise StartError(
            f"The database {shown} was written by a newer livetrain (its schema is {current}); "
            "update with pip install -U 'livetrain[server]', or give another --data-dir."
        )
    command.upgrade(config, "head")
    epoch = connection.execute(
        select(schema.meta.c.value).where(schema.meta.c.name == "epoch")
    ).scalar()
    if epoch is None:
        epoch = secrets.token_hex(8)
        connection.execute(insert(schema.meta).values(name="epoch", value=epoch))
    return str(epoch)
