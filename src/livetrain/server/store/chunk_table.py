"""Adds chunks to the store and removes them, on a connection whose transaction the journal holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from livetrain.server.store import schema
from livetrain.server.store.bulk import execute_many
from livetrain.server.store.chunk import DATA, STEP_LEVEL, TIME_LEVEL, PackedChunk, part_key

__all__ = ["add_chunks", "delete_chunks", "delete_run_chunks"]

_KEYS = 500


def add_chunks(connection: Connection, made: Sequence[tuple[dict[str, Any], PackedChunk]]) -> None:
    """Add chunks, each with the columns that say whose it is."""
    small = [{**whose, **chunk.row} for whose, chunk in made if not chunk.parts]
    execute_many(connection, insert(schema.chunks), small)
    parts = []
    for whose, chunk in made:
        if not chunk.parts:
            continue
        row = insert(schema.chunks).values(**whose, **chunk.row)
        key = connection.execute(row).inserted_primary_key
        assert key is not None
        parts += [
            {"key": part_key(int(key[0]), part), "data": data} for part, data in chunk.parts.items()
        ]
    execute_many(connection, insert(schema.chunk_parts), parts)


def delete_chunks(connection: Connection, keys: Sequence[int]) -> None:
    """Remove chunks and what is kept beside their rows."""
    chunks, parts, old = schema.chunks, schema.chunk_parts, schema.old_chunks
    beside = [part_key(key, part) for key in keys for part in (DATA, STEP_LEVEL, TIME_LEVEL)]
    for table, doomed in ((parts, beside), (old, keys), (chunks, keys)):
        for start in range(0, len(doomed), _KEYS):
            connection.execute(delete(table).where(table.c.key.in_(doomed[start : start + _KEYS])))


def delete_run_chunks(connection: Connection, run_key: int, *, small: int, large: int) -> bool:
    """Remove some chunks of a run, as many as a transaction may take; return whether there were any."""
    chunks = schema.chunks
    query = (
        select(chunks.c.key, chunks.c.data.is_(None))
        .where(chunks.c.run_key == run_key)
        .limit(small)
    )
    keys: list[int] = []
    for key, is_large in connection.execute(query):
        large -= bool(is_large)
        if keys and large < 0:
            break
        keys.append(int(key))
    delete_chunks(connection, keys)
    return bool(keys)
