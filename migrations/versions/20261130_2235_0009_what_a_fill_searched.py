"""a gap keeps what was listened for in it, and what search was asked to fill it

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-30 22:35:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

GAP = ("criteria", "searched_from", "searched_to", "searched_queries", "not_searched")
MOMENTS = ("searched_from", "searched_to")


def upgrade() -> None:
    for name in GAP:
        kind = sa.DateTime(timezone=True) if name in MOMENTS else sa.JSON()
        op.add_column("gap", sa.Column(name, kind, nullable=True))
    since = sa.Column("criteria_since", sa.DateTime(timezone=True), nullable=True)
    op.add_column("twitter_filter", since)
    op.execute("UPDATE twitter_filter SET criteria_since = changed_at")


def downgrade() -> None:
    op.drop_column("twitter_filter", "criteria_since")
    for name in reversed(GAP):
        op.drop_column("gap", name)
