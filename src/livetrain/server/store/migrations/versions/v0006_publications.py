"""What publishers of the relay call their runs, and how they count.

Written out, not taken from the schema module: that one moves on, this step stays what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; runs of before are known by their own ids alone."""
    op.create_table(
        "publications",
        sa.Column("run_key", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("theirs", sa.Text, nullable=False),
        sa.Column("first_epoch", sa.Integer, nullable=True),
        sa.Column("first_of_batches", sa.Integer, nullable=True),
    )
    op.create_index("ix_publications_theirs", "publications", ["theirs"])
    op.create_index("ix_publications_host", "publications", ["host"])
