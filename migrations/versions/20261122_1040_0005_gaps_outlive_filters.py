"""gaps stay when their filter is deleted, as its files do

An export of the files has to tell what is missing in them.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22 10:40:00+00:00
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = "fk_gap_filter_id_twitter_filter"


def upgrade() -> None:
    _when_a_filter_goes("SET NULL")


def downgrade() -> None:
    _when_a_filter_goes("CASCADE")


def _when_a_filter_goes(action: str) -> None:
    with op.batch_alter_table("gap") as batch:
        batch.drop_constraint(KEY, type_="foreignkey")
        batch.create_foreign_key(KEY, "twitter_filter", ["filter_id"], ["id"], ondelete=action)
