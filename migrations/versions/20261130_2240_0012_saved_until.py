"""a collector says up to when all that it received is on the disk

What was missed begins there, and not with the last byte that was read.

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-30 22:40:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("heartbeat", sa.Column("saved_until", moment, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("heartbeat") as batch:
        batch.drop_column("saved_until")
