"""full-text search over tweets

Written by hand, for each database in its own words; see docs/decisions on full-text search.
SQLite: FTS5 without a copy of the text, rowid = the tweet's id. The words come ready-made
(sfm/posts/tokenizer.py), so the tokenizer only has to part them at blanks.
PostgreSQL: the same words as a tsvector beside the tweet's id, with a GIN index.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22 01:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQLITE = """
CREATE VIRTUAL TABLE tweet_search USING fts5(
    words, marks, content = '', columnsize = 0, tokenize = "ascii tokenchars '#@=_'"
)
"""
POSTGRESQL = """
CREATE TABLE tweet_search (
    twitter_id BIGINT NOT NULL, words TSVECTOR NOT NULL,
    CONSTRAINT pk_tweet_search PRIMARY KEY (twitter_id)
);
CREATE INDEX ix_tweet_search_words ON tweet_search USING gin (words)
"""


def upgrade() -> None:
    op.execute(SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL)
    op.create_table(
        "tweet_search_state",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("done_to_id", sa.BigInteger(), nullable=True),
        sa.Column("goes_to_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("version", name="pk_tweet_search_state"),
    )
    op.execute("INSERT INTO tweet_search_state (version) VALUES (1)")


def downgrade() -> None:
    op.drop_table("tweet_search_state")
    op.execute("DROP TABLE tweet_search")
