"""no number is given out twice

SQLite gives the number of a deleted row to the next one unless a table says AUTOINCREMENT. What
that changes is one word of the table's definition, no byte of its rows: so the definitions are
edited in place, as SQLite's own manual describes it for such changes (lang_altertable, 8: "making
other kinds of table schema changes"), and no table is copied. One transaction.
What a deleted filter left, and SQLite gave to the filter that got its number, is taken from that one:
a stream file or a gap that began before a filter was made is not that filter's.
On both databases counting goes on above every number that a row still remembers, in the audit
log, in names of stream files, in what exports and runs were asked for (docs/decisions/0029).

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-30 22:00:00+00:00
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY, COUNTED_KEY = "PRIMARY KEY (id)", "PRIMARY KEY (id AUTOINCREMENT)"
HIGHEST = 2**62  # what is above was no number of ours

AUDITED = {
    "user": "user_account",
    "twitter_user": "twitter_user",
    "set": "twitter_user_set",
    "filter": "twitter_filter",
    "export": "export_file",
    "run": "run",
    "run_error": "run_error",
    "link": "link",
}
PARAMS = {
    "export_id": "export_file",
    "twitter_user_ids": "twitter_user",
    "item_ids": "twitter_user_item",
    "gap": "gap",
    "stream_files": "stream_file",
}
SELECTED = {"set": "twitter_user_set", "account": "twitter_user"}
FILTERS = re.compile("twitterfilter(-[0-9]{1,19})+")


def upgrade() -> None:
    highest = _highest_numbers()
    if op.get_bind().dialect.name == "sqlite":
        _edit_definitions(KEY, COUNTED_KEY)
        _begin_counting(highest)
    else:
        _raise_sequences(highest)
    for table, column in (("stream_file", "begun_at"), ("gap", "began_at")):
        _take_from_later_filters(table, column)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _edit_definitions(COUNTED_KEY, KEY)
        op.execute("DELETE FROM sqlite_sequence")


def _tables() -> list[str]:
    """The tables whose key is a number of their own."""
    inspector = sa.inspect(op.get_bind())
    return [
        name
        for name in inspector.get_table_names()
        if not name.startswith(("tweet_search", "alembic"))
        and inspector.get_pk_constraint(name)["constrained_columns"] == ["id"]
    ]


def _edit_definitions(present: str, wanted: str) -> None:
    connection, tables = op.get_bind(), _tables()
    # SQLite makes its table of numbers with the first table that needs it.
    op.execute("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    op.execute("DROP TABLE counted")
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    edit = sa.text(
        "UPDATE sqlite_master SET sql = replace(sql, :present, :wanted) "
        "WHERE type = 'table' AND name = :name AND instr(sql, :present)"
    )
    op.execute("PRAGMA writable_schema = ON")
    try:
        for name in tables:
            values = {"name": name, "present": present, "wanted": wanted}
            if connection.execute(edit, values).rowcount != 1:
                raise RuntimeError(f"the definition of table {name} is not as it was made")
        op.execute(f"PRAGMA schema_version = {int(version or 0) + 1}")
    finally:
        op.execute("PRAGMA writable_schema = OFF")


def _begin_counting(highest: dict[str, int]) -> None:
    begin = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)")
    for name in _tables():
        op.get_bind().execute(begin, {"name": name, "seq": highest[name]})


def _raise_sequences(highest: dict[str, int]) -> None:
    raised = sa.text(
        "SELECT setval(sequence, greatest(pg_sequence_last_value(sequence), :number)) "
        "FROM CAST(pg_get_serial_sequence(:name, 'id') AS regclass) AS sequence"
    )
    for name in _tables():
        if highest[name]:
            op.get_bind().execute(raised, {"name": name, "number": highest[name]})


def _take_from_later_filters(name: str, began_at: str) -> None:
    table = sa.table(name, sa.column("filter_id"), sa.column(began_at))
    made = sa.table("twitter_filter", sa.column("id"), sa.column("created_at"))
    later = sa.exists().where(made.c.id == table.c.filter_id, made.c.created_at > table.c[began_at])
    op.execute(sa.update(table).where(later).values(filter_id=None))


def _highest_numbers() -> dict[str, int]:
    """The highest number of each table: of its rows, and of rows that others remember."""
    highest: dict[str, int] = defaultdict(int)
    for name in _tables():
        largest = sa.select(sa.func.max(sa.column("id"))).select_from(sa.table(name))
        highest[name] = op.get_bind().scalar(largest) or 0
    for name, number in _remembered():
        if number < HIGHEST:
            highest[name] = max(highest[name], number)
    return highest


def _remembered() -> Iterator[tuple[str, int]]:
    for kind, subject_id in _rows("audit_entry", "subject_kind", "subject_id"):
        if kind in AUDITED and re.fullmatch("[0-9]{1,19}", subject_id):
            yield AUDITED[kind], int(subject_id)
    for (run_id,) in _rows("twitter_user_item", "run_id", distinct=True):
        yield "run", run_id or 0
    for (params,) in _rows("run", "params"):
        yield from _named(params, PARAMS)
    for table in ("export_file", "recurring_export"):
        for (criteria,) in _rows(table, "criteria"):
            yield from _named((criteria or {}).get("selection"), SELECTED)
            yield from _named(criteria, {"stream_files": "stream_file"})
    streams = (("stream_file", "prefix"), ("gap", "prefix"))
    for table, column in (*streams, ("heartbeat", "program"), ("program_retry", "program")):
        for (name,) in _rows(table, column, distinct=True):
            yield from (("twitter_filter", number) for number in _filters_of(name))


def _rows(table: str, *columns: str, distinct: bool = False) -> Iterator[Any]:
    json = {"params": sa.JSON(), "criteria": sa.JSON()}
    typed = [sa.column(name, json.get(name)) for name in columns]
    query = sa.select(*typed).select_from(sa.table(table))
    return iter(op.get_bind().execute(query.distinct() if distinct else query))


def _named(values: Any, meaning: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The numbers in plain values: one, several, or words with commas between."""
    for key, table in meaning.items():
        value = values.get(key) if isinstance(values, dict) else None
        several: Iterable[Any] = value if isinstance(value, list) else str(value or "").split(",")
        for number in several:
            if re.fullmatch("[0-9]{1,19}", str(number)):
                yield table, int(number)


def _filters_of(name: str) -> list[int]:
    """The filters of `twitterfilter-5`, a stream, or of `twitterfilter-5-8`, a program."""
    if not FILTERS.fullmatch(name):
        return []
    return [int(number) for number in name.split("-")[1:]]
