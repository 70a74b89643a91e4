"""what earlier looks at a link found is kept

Until now each look took the place of the one before, so a good one was lost by a later failure.
An address that gave no answer is no longer named as an end; the steps still name it.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-30 22:20:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ANSWERED = ("ok", "gone", "refused", "server_error")


def upgrade() -> None:
    op.create_table(
        "link_look",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.Column("final_url", sa.Text(), nullable=False),
        sa.Column("final_status", sa.Integer(), nullable=True),
        sa.Column("final_headers", sa.JSON(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("canonical_url", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_link_look_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_look")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_link_look_link_id"), "link_look", ["link_id"])
    op.drop_index("ix_link_final_domain", "link")
    link = sa.table("link", sa.column("outcome"), sa.column("final_url"), sa.column("final_status"))
    unanswered = link.c.outcome.not_in(ANSWERED)
    op.execute(sa.update(link).where(unanswered).values(final_url="", final_status=None))
    op.create_index("ix_link_final_domain", "link", ["final_domain", "final_status"])


def downgrade() -> None:
    op.drop_index("ix_link_final_domain", "link")
    op.create_index("ix_link_final_domain", "link", ["final_domain"])
    op.drop_table("link_look")
