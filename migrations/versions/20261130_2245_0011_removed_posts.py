"""a register of removed posts, asked wherever posts come in

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-30 22:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "removed_post",
        sa.Column("id", ID, nullable=False),
        sa.Column("twitter_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_by", sa.String(200), nullable=False),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("refused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("taken_out_version", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_removed_post_run_id_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removed_post")),
        sa.UniqueConstraint("twitter_id", name=op.f("uq_removed_post_twitter_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_removed_post_version"), "removed_post", ["version"])
    op.create_index(
        op.f("ix_removed_post_taken_out_version"), "removed_post", ["taken_out_version"]
    )


def downgrade() -> None:
    op.drop_table("removed_post")
