"""What each stream and run was last known to be: attempts, ranks and their ends, clocks, tracebacks; and a text to search by.

Written out, not taken from the schema module: that one moves on, this step stays what it was.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _attempt() -> sa.Column[int]:
    return sa.Column("attempt", sa.Integer, nullable=False, server_default="1")


def _columns() -> list[tuple[str, sa.Column[Any]]]:
    """Return each new column with its table."""
    return [
        ("streams", _attempt()),
        ("streams", sa.Column("from_step", sa.BigInteger, nullable=True)),
        ("streams", _big("first_us")),
        ("streams", _big("steps")),
        ("streams", _text("step_name")),
        ("streams", sa.Column("status", sa.String(16), nullable=False, server_default="")),
        ("streams", _text("message")),
        ("streams", _big("last_heard_ms")),
        ("streams", _big("clock_offset_us")),
        ("runs", _big("first_point_us")),
        ("runs", _text("traceback")),
        ("runs", sa.Column("exit_code", sa.Integer, nullable=True)),
        ("runs", _text("remarks", "{}")),
        ("runs", _text("search")),
        ("events", _big("clock_offset_us")),
        ("chunks", _attempt()),
    ]


def upgrade() -> None:
    """Add the columns, and fill in what the older ones say."""
    for table, column in _columns():
        op.add_column(table, column)
    op.create_index("ix_runs_created", "runs", ["created_ms", "key"])
    connection = op.get_bind()
    # Which of several streams made which points of a chunk is not known any more: together they are the first attempt.
    connection.execute(sa.text("UPDATE streams SET from_step = 0 WHERE durable_seq > 0"))
    rows = connection.execute(sa.text("SELECT key, run_id, name, project, tags FROM runs"))
    found = [
        {"of": key, "search": _search_text(run_id, name, project, tags)}
        for key, run_id, name, project, tags in rows
    ]
    if found:
        connection.execute(sa.text("UPDATE runs SET search = :search WHERE key = :of"), found)


def _search_text(run_id: str, name: str, project: str, tags: str) -> str:
    try:
        labels = [str(tag) for tag in json.loads(tags)]
    except (ValueError, TypeError):
        labels = []
    return "\n".join((name, project, run_id, *labels)).casefold()


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_runs_created", "runs")
    for table, column in reversed(_columns()):
        op.drop_column(table, column.name)
