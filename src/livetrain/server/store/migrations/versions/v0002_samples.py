"""Sample pictures.

Written out, not taken from the schema module: that one moves on, this step stays what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "samples",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("run_key", sa.BigInteger, nullable=False),
        sa.Column("sample_id", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("picture", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("run_key", "sample_id"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("samples")
