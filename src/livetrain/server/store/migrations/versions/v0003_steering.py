"""Which events are commands and what became of them: a run in memory again has to know all that are open.

Written out, not taken from the schema module: that one moves on, this step stays what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark, and a way to find what bears it."""
    op.add_column(
        "events", sa.Column("steering", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "ix_events_steering",
        "events",
        ["run_key", "offset"],
        sqlite_where=sa.text("steering"),
        postgresql_where=sa.text("steering"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_events_steering", "events")
    op.drop_column("events", "steering")
