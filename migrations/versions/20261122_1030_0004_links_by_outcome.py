"""links are counted and listed by outcome out of an index

Without it every link was read, with its steps, for the counts on one page.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22 10:30:00+00:00
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_link_outcome", "link", ["outcome"])


def downgrade() -> None:
    op.drop_index("ix_link_outcome", "link")
