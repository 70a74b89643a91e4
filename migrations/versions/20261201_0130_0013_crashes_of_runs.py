"""how often the process of a run ended without a word, apart from how often it was begun

Revision ID: 0013
Revises: 0012
Create Date: 2026-12-01 01:30:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default stays: a process of the earlier release may add runs until it is started anew.
    crashes = sa.Column("crashes", sa.Integer(), nullable=False, server_default="0")
    op.add_column("run", crashes)


def downgrade() -> None:
    op.drop_column("run", "crashes")
