"""polls, articles and a quote's media of a post; and whether its entities were read from the text

Filled for posts that are stored already by `refill_items`.

Revision ID: 0016
Revises: 0015
Create Date: 2026-12-01 02:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NAMES = ("entities_from_text", "quoted_media", "polls", "article_title", "article_text")


def upgrade() -> None:
    for column in (
        sa.Column("entities_from_text", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("quoted_media", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("polls", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("article_title", sa.Text(), nullable=False, server_default=""),
        sa.Column("article_text", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("twitter_user_item", column)


def downgrade() -> None:
    for name in NAMES:
        # Not as a batch: that would write the whole table anew.
        op.execute(f"ALTER TABLE twitter_user_item DROP COLUMN {name}")
