"""the ledger of coverage: when streams should collect, what is saved, what filters listened for

Of the time before it only the gaps are known that stand in the database: each filter's record
begins now, and gaps that went on end with it. What search was asked for has a row of its own.

Revision ID: 0018
Revises: 0017
Create Date: 2026-12-01 02:15:00+00:00
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
SECOND_COLUMNS = {
    "coverage_due": "began_at",
    "coverage_saved": "saved_until",
    "filter_version": "began_at",
    "gap_fill": "began_at",
}
CRITERIA = (
    "words", "people", "locations", "rule_text", "uids", "people_not_found", "notes",
    "credential_id", "uses_installation_token", "name", "username",
)  # fmt: skip


def upgrade() -> None:
    _make("coverage_due", _due_columns())
    _make("coverage_saved", _saved_columns())
    _make("filter_version", _version_columns())
    _make(
        "gap_fill",
        _fill_columns(),
        sa.ForeignKeyConstraint(
            ["gap_id"], ["gap.id"], name=op.f("fk_gap_fill_gap_id_gap"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_gap_fill_run_id_run"), ondelete="SET NULL"
        ),
    )
    op.create_index(op.f("ix_gap_fill_gap_id"), "gap_fill", ["gap_id"])
    op.create_index(op.f("ix_gap_fill_run_id"), "gap_fill", ["run_id"])
    _begin_the_record()
    _carry_fills_over()


def downgrade() -> None:
    for table in reversed(SECOND_COLUMNS):
        op.drop_table(table)


def _make(table: str, columns: Iterable[sa.Column[Any]], *constraints: sa.Constraint) -> None:
    op.create_table(
        table,
        sa.Column("id", ID, nullable=False),
        sa.Column("filter_id", ID, nullable=True),
        sa.Column("prefix", sa.String(40), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["filter_id"], ["twitter_filter.id"],
            name=op.f(f"fk_{table}_filter_id_twitter_filter"), ondelete="SET NULL",
        ),
        *constraints,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sqlite_autoincrement=True,
    )  # fmt: skip
    second = SECOND_COLUMNS[table]
    op.create_index(op.f(f"ix_{table}_filter_id"), table, ["filter_id"])
    op.create_index(f"ix_{table}_prefix_{second}", table, ["prefix", second])


def _due_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("begin_cause", sa.String(30), nullable=False),
        sa.Column("begun_by", sa.String(150), nullable=False),
        sa.Column("end_cause", sa.String(30), nullable=False),
        sa.Column("ended_by", sa.String(150), nullable=False),
    ]


def _saved_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("program", sa.String(255), nullable=False),
        sa.Column("host", sa.String(100), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("saved_until", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("cause", sa.String(30), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("posts_a_minute", sa.Double(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=True),
    ]


def _version_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("changed_by", sa.String(150), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("locations", sa.Text(), nullable=False),
        sa.Column("rule_text", sa.Text(), nullable=False),
        sa.Column("uids", sa.JSON(), nullable=False),
        sa.Column("people_not_found", sa.JSON(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("username", sa.String(150), nullable=False),
        sa.Column("credential_id", sa.BigInteger(), nullable=True),
        sa.Column("uses_installation_token", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
    ]


def _fill_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("gap_id", ID, nullable=True),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.Column("queries", sa.JSON(), nullable=False),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("not_searched", sa.JSON(), nullable=True),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
    ]


def _begin_the_record() -> None:
    """Each filter's record begins: whether it should collect, and what it listens for. Gaps that
    go on are gone on with by it."""
    now = datetime.now(UTC)
    connection = op.get_bind()
    gaps = sa.table("gap", sa.column("ended_at", MOMENT))
    connection.execute(sa.update(gaps).where(gaps.c.ended_at.is_(None)).values(ended_at=now))
    filters = sa.table(
        "twitter_filter",
        *(sa.column(name) for name in ("id", "user_id", "credential_id", "name")),
        *(sa.column(name, sa.Boolean()) for name in ("is_active", "uses_installation_token")),
        *(sa.column(name, sa.JSON()) for name in ("uids", "people_not_found")),
        *(sa.column(name) for name in ("words", "people", "locations", "rule_text", "notes")),
        *(sa.column(name, MOMENT) for name in ("held_at", "criteria_since")),
    )
    users = sa.table("user_account", sa.column("id"), sa.column("username"))
    query = sa.select(filters, users.c.username).join(users, users.c.id == filters.c.user_id)
    for row in connection.execute(query.order_by(filters.c.id)).mappings().all():
        key = {"filter_id": row["id"], "prefix": f"twitterfilter-{row['id']}"}
        is_due = row["is_active"] and row["held_at"] is None
        end_cause = "" if is_due else "stopped" if row["is_active"] else "not_active"
        connection.execute(
            sa.insert(_table("coverage_due", _due_columns())).values(
                began_at=now, ended_at=None if is_due else now, begin_cause="carried_over",
                begun_by="", end_cause=end_cause, ended_by="", **key,
            )
        )  # fmt: skip
        connection.execute(
            sa.insert(_table("filter_version", _version_columns())).values(
                began_at=row["criteria_since"] or now, changed_by="", rules=[],
                **{name: row[name] for name in CRITERIA}, **key,
            )
        )  # fmt: skip


def _carry_fills_over() -> None:
    """What search was asked for, of the gaps that say it."""
    connection = op.get_bind()
    gaps = sa.table(
        "gap",
        *(sa.column(name) for name in ("id", "filter_id", "prefix", "filled", "filled_posts")),
        *(sa.column(name, MOMENT) for name in ("searched_from", "searched_to")),
        *(sa.column(name, sa.JSON()) for name in ("searched_queries", "not_searched")),
        sa.column("run_id"),
    )
    asked = sa.select(gaps).where(gaps.c.searched_from.is_not(None), gaps.c.filled != "")
    for row in connection.execute(asked.order_by(gaps.c.id)).mappings().all():
        connection.execute(
            sa.insert(_table("gap_fill", _fill_columns())).values(
                gap_id=row["id"], filter_id=row["filter_id"], prefix=row["prefix"],
                began_at=row["searched_from"], ended_at=row["searched_to"],
                queries=row["searched_queries"] or [], posts=row["filled_posts"],
                state=row["filled"], method="search", not_searched=row["not_searched"],
                run_id=row["run_id"], at=row["searched_to"],
            )
        )  # fmt: skip


def _table(name: str, columns: Iterable[sa.Column[Any]]) -> sa.TableClause:
    own = (sa.column(column.name, column.type) for column in columns)
    return sa.table(name, sa.column("filter_id"), sa.column("prefix"), *own)
