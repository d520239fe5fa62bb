"""Runs the migrations on the connection that the server hands in."""

from __future__ import annotations

from alembic import context

from livetrain.server.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    transactional_ddl=True,
)
context.run_migrations()
