"""accounts that Twitter says are gone, while that is not confirmed

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-30 22:35:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME = "gone_unconfirmed_since"


def upgrade() -> None:
    op.add_column("twitter_user", sa.Column(NAME, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("twitter_user", NAME)
