"""Chunks whose rows lie close together, with what is large beside them; summaries of curves; whose points a chunk holds.

The chunks that are there stay as they are, in a table of their own: they are made anew one by one while the server runs.

Written out, not taken from the schema module: that one moves on, this step stays what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Make the tables, and note in the new one what is in the old one."""
    op.drop_index("ix_chunks_metric", "chunks")
    op.drop_index("ix_chunks_run_key", "chunks")
    op.rename_table("chunks", "old_chunks")
    op.create_table(
        "chunks",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        _big("run_key"),
        _big("metric_key"),
        _big("stream_key"),
        _big("place"),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("odd", sa.Integer, nullable=False),
        _big("first_step"),
        _big("last_step"),
        _big("first_us"),
        _big("last_us"),
        sa.Column("ordered", sa.Boolean, nullable=False),
        _big("step_width"),
        _big("time_width"),
        sa.Column("summary", sa.LargeBinary, nullable=True),
        sa.Column("data", sa.LargeBinary, nullable=True),
    )
    op.create_table(
        "chunk_parts",
        sa.Column("key", _KEY, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    # Times and what is not finite are not known without reading the points; places are before those of all later chunks.
    op.execute(
        sa.text(
            "INSERT INTO chunks (key, run_key, metric_key, stream_key, place, version, points, odd, first_step, last_step, "
            "first_us, last_us, ordered, step_width, time_width) "
            "SELECT key, run_key, metric_key, 0, key - :far, 1, points, 0, first_step, last_step, "
            "-:far, :far, :unknown, 0, 0 FROM old_chunks"
        ).bindparams(far=2**62, unknown=False)
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            sa.text(
                "SELECT setval(pg_get_serial_sequence('chunks', 'key'), (SELECT coalesce(max(key), 1) FROM chunks))"
            )
        )
    op.create_index("ix_chunks_run_key", "chunks", ["run_key"])
    op.create_index("ix_chunks_metric", "chunks", ["metric_key", "first_step", "last_step"])
    for column in (
        sa.Column("sealed_offset", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("fresh", sa.Integer, nullable=False, server_default="0"),
        sa.Column("summary", sa.LargeBinary, nullable=True),
    ):
        op.add_column("metrics", column)
    op.create_index(
        "ix_metrics_fresh",
        "metrics",
        ["run_key"],
        sqlite_where=sa.text("fresh >= 4"),
        postgresql_where=sa.text("fresh >= 4"),
    )


def downgrade() -> None:
    """Put the older table back; chunks that were made since then are lost."""
    op.drop_index("ix_metrics_fresh", "metrics")
    for name in ("summary", "fresh", "sealed_offset"):
        op.drop_column("metrics", name)
    op.drop_table("chunk_parts")
    op.drop_table("chunks")
    op.rename_table("old_chunks", "chunks")
    op.create_index("ix_chunks_run_key", "chunks", ["run_key"])
    op.create_index("ix_chunks_metric", "chunks", ["metric_key", "first_step"])
