"""when a timeline run last asked for an account, whatever came of it

Revision ID: 0017
Revises: 0016
Create Date: 2026-12-01 02:10:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("twitter_user", sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE twitter_user SET polled_at = collected_at")


def downgrade() -> None:
    op.drop_column("twitter_user", "polled_at")
