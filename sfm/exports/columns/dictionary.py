"""The data dictionary: of an export's own columns, and of all there are. Made from the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sfm.exports.columns.classic import CLASSIC
from sfm.exports.columns.column import Column
from sfm.exports.columns.extended import EXTENDED

HEAD = """# Data dictionary

<!-- Made from sfm/exports/ by `make docs`; edit there. -->

What each column of a CSV, TSV, Excel or Parquet export holds. The classic columns come in this
order unless others are chosen; the extended ones are added by the set `extended` or by name.
Figures of an account and counts of a post are those of the moment of collection.
"""


def as_csv(columns: Sequence[Column]) -> str:
    """The dictionary of these columns as CSV: name, title, what it holds, what it is."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["column", "title", "holds", "description"])
    for column in columns:
        writer.writerow([column.name, column.title, column.type_in_words, column.description])
    return out.getvalue()


def as_markdown() -> str:
    """The page of the docs."""
    return "\n".join(
        [
            HEAD,
            "## Classic columns\n",
            _table(CLASSIC),
            "\n## Extended columns\n",
            _table(EXTENDED) + "\n",
        ]
    )


def _table(columns: Sequence[Column]) -> str:
    rows = ["| column | title | holds | description |", "|---|---|---|---|"]
    rows += [
        " | ".join((f"| `{column.name}`", column.title, column.type_in_words, column.description))
        + " |"
        for column in columns
    ]
    return "\n".join(rows)
