"""each filter stores what it connects with, and Users may use the installation's token or not

Filters that took "the one that fits" get what they connect with today: the first app token of their
User that works, else, for active filters, the installation's own; its User then gets the right.

Revision ID: 0015
Revises: 0014
Create Date: 2026-12-01 01:50:00+00:00
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
FILTER = sa.table(
    "twitter_filter",
    sa.column("id", sa.BigInteger),
    sa.column("user_id", sa.BigInteger),
    sa.column("credential_id", sa.BigInteger),
    sa.column("uses_installation_token", sa.Boolean),
    sa.column("is_active", sa.Boolean),
)
CREDENTIAL = sa.table(
    "credential",
    sa.column("id", sa.BigInteger),
    sa.column("user_id", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("state", sa.String),
    sa.column("state_since", MOMENT),
    sa.column("checked_at", MOMENT),
)
USER = sa.table(
    "user_account",
    sa.column("id", sa.BigInteger),
    sa.column("installation_token_allowed", sa.Boolean),
)


def upgrade() -> None:
    no = sa.false()
    op.add_column(
        "user_account",
        sa.Column("installation_token_allowed", sa.Boolean(), nullable=False, server_default=no),
    )
    op.add_column(
        "twitter_filter",
        sa.Column("uses_installation_token", sa.Boolean(), nullable=False, server_default=no),
    )
    for twitter_filter in op.get_bind().execute(sa.select(FILTER)).all():
        _store(twitter_filter)


def _store(twitter_filter: Any) -> None:
    bind = op.get_bind()
    query = sa.select(CREDENTIAL).where(
        CREDENTIAL.c.user_id == twitter_filter.user_id, CREDENTIAL.c.kind == "bearer"
    )
    tokens = bind.execute(query.order_by(CREDENTIAL.c.id)).all()
    if twitter_filter.credential_id in [token.id for token in tokens]:
        return
    change = sa.update(FILTER).where(FILTER.c.id == twitter_filter.id)
    if tokens:
        fitting = min(tokens, key=lambda token: not _is_usable(token))
        bind.execute(change.values(credential_id=fitting.id))
    elif twitter_filter.is_active and current_app.extensions["sfm_settings"].twitter_bearer_token:
        bind.execute(change.values(credential_id=None, uses_installation_token=True))
        owner = sa.update(USER).where(USER.c.id == twitter_filter.user_id)
        bind.execute(owner.values(installation_token_allowed=True))


def _is_usable(token: Any) -> bool:
    if token.state != "out_of_credits":
        return token.state in ("works", "unchecked")
    last = token.checked_at or token.state_since
    last = last if last.tzinfo else last.replace(tzinfo=UTC)
    return last.astimezone(UTC).date() < datetime.now(UTC).date()


def downgrade() -> None:
    op.drop_column("twitter_filter", "uses_installation_token")
    op.drop_column("user_account", "installation_token_allowed")
