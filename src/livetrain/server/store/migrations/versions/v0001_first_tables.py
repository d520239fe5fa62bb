"""The first tables.

Written out, not taken from the schema module: that one moves on, this step stays what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table("meta", sa.Column("name", sa.String(64), primary_key=True), _text("value"))
    op.create_table(
        "runs",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(32), nullable=False, unique=True),
        sa.Column("session_hash", sa.String(64), nullable=False),
        sa.Column("protocol", sa.SmallInteger, nullable=False),
        _text("name"),
        _text("project"),
        _text("tags"),
        _big("created_ms"),
        _bytes("config"),
        _bytes("controls"),
        _bytes("report"),
        sa.Column("status", sa.String(16), nullable=False),
        _text("message"),
        _big("ended_ms"),
        _big("last_heard_ms"),
        _big("steps"),
        _big("epoch"),
        _big("last_offset"),
        _big("sealed_offset"),
        _big("trimmed_offset"),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_session_hash", "runs", ["session_hash"])
    op.create_table(
        "streams",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        _big("run_key"),
        _text("stream_id"),
        _big("rank"),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("opened", sa.Boolean, nullable=False),
        _big("durable_seq"),
        sa.UniqueConstraint("run_key", "stream_id"),
    )
    op.create_table(
        "events",
        sa.Column("run_key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        _big("stream_key"),
        _big("received_ms"),
        sa.Column("notable", sa.Boolean, nullable=False),
        _bytes("record"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_events_notable",
        "events",
        ["run_key", "offset"],
        sqlite_where=sa.text("notable"),
        postgresql_where=sa.text("notable"),
    )
    op.create_table(
        "metrics",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        _big("run_key"),
        _text("name"),
        sa.UniqueConstraint("run_key", "name"),
    )
    op.create_table(
        "chunks",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        _big("run_key"),
        _big("metric_key"),
        _big("first_step"),
        _big("last_step"),
        sa.Column("points", sa.Integer, nullable=False),
        _bytes("rollup"),
        _bytes("data"),
    )
    op.create_index("ix_chunks_run_key", "chunks", ["run_key"])
    op.create_index("ix_chunks_metric", "chunks", ["metric_key", "first_step"])
    op.create_table(
        "deleted_sessions",
        sa.Column("session_hash", sa.String(64), primary_key=True),
        _big("deleted_ms"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("deleted_sessions", "chunks", "metrics", "events", "streams", "runs", "meta"):
        op.drop_table(table)
