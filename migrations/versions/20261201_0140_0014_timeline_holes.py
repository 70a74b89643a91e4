"""holes in timelines, and how far back the first pass came

Revision ID: 0014
Revises: 0013
Create Date: 2026-12-01 01:40:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("twitter_user", sa.Column("first_pass_oldest_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "timeline_hole",
        sa.Column("id", ID, nullable=False),
        sa.Column("twitter_user_id", ID, nullable=False),
        sa.Column("after_id", sa.BigInteger(), nullable=True),
        sa.Column("before_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_timeline_hole_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline_hole")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_timeline_hole_twitter_user_id"), "timeline_hole", ["twitter_user_id"])


def downgrade() -> None:
    op.drop_table("timeline_hole")
    op.drop_column("twitter_user", "first_pass_oldest_id")
