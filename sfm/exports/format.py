"""The formats there are, and how an export is laid out: columns, marks, line breaks, packing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from sfm.errors import WrongInput
from sfm.exports.columns.classic import CLASSIC
from sfm.exports.columns.column import COMPANION_MARK, COMPANION_SUFFIX, Cell, Column
from sfm.exports.columns.extended import EXTENDED
from sfm.messages import Message

Packing = Literal["none", "gzip", "zip", "bag"]
PACKINGS: dict[str, str] = {
    "none": Message("one plain file"),
    "gzip": Message("one file, compressed with gzip"),
    "zip": Message("a zip with the data, a README, the data dictionary and checksums"),
    "bag": Message("a zipped BagIt bag, raw JSON and provenance included"),
}


@dataclass(frozen=True)
class Format:
    """One format. `hydrated`: holds more of a post than its id."""

    key: str
    label: str
    suffix: str
    media_type: str
    is_table: bool = False
    hydrated: bool = True


FORMATS: dict[str, Format] = {
    entry.key: entry
    for entry in (
        Format("csv", "CSV", ".csv", "text/csv", is_table=True),
        Format("tsv", "TSV", ".tsv", "text/tab-separated-values", is_table=True),
        Format(
            "xlsx",
            Message("Excel (XLSX)"),
            ".xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            is_table=True,
        ),
        Format("json", Message("JSON lines, as received"), ".jsonl", "application/jsonl"),
        Format(
            "v1json", Message("JSON lines in the shape of v1.1"), ".v1.jsonl", "application/jsonl"
        ),
        Format("ids", Message("Post ids only"), ".ids.txt", "text/plain", hydrated=False),
        Format(
            "parquet",
            Message("Parquet"),
            ".parquet",
            "application/vnd.apache.parquet",
            is_table=True,
        ),
    )
}
OTHER_NAMES = {"xls": "xlsx", "excel": "xlsx", "jsonl": "json", "txt": "ids"}


@dataclass(frozen=True)
class Layout:
    """How an export is written. `columns` are names of columns or of sets of them."""

    format: str = "csv"
    columns: tuple[str, ...] = ("classic",)
    packing: Packing = "zip"
    excel_mark: bool = False
    keep_line_breaks: bool = False
    guard_formulas: bool = True
    id_companions: bool = False

    def __post_init__(self) -> None:
        self._check_names()
        if self.packing == "gzip" and self.format in ("xlsx", "parquet"):
            raise WrongInput(
                Message("%(label)s is compressed already: leave gzip out.", label=self.kind.label)
            )
        columns_named(self.columns)

    def _check_names(self) -> None:
        if self.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise WrongInput(
                Message(
                    "There is no format “%(format)s”. There are: %(known)s.",
                    format=self.format,
                    known=known,
                )
            )
        if self.packing not in PACKINGS:
            known = ", ".join(PACKINGS)
            raise WrongInput(
                Message(
                    "There is no packing “%(packing)s”. There are: %(known)s.",
                    packing=self.packing,
                    known=known,
                )
            )

    @property
    def kind(self) -> Format:
        """The format itself."""
        return FORMATS[self.format]

    @property
    def table_columns(self) -> tuple[Column, ...]:
        """The columns of the table, companions included; none for formats that are no table."""
        if not self.kind.is_table:
            return ()
        columns = columns_named(self.columns)
        return with_companions(columns) if self.id_companions else columns

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a JSON column; `layout_from` reads them again."""
        return {**asdict(self), "columns": list(self.columns)}


def format_named(name: str) -> str:
    """The key of the format of this name, other names included. Raises WrongInput."""
    key = OTHER_NAMES.get(name.lower(), name.lower())
    Layout(format=key)
    return key


def layout_from(values: Mapping[str, Any]) -> Layout:
    """A layout out of `as_json`; unknown keys of another release are passed over."""
    known = {entry.name for entry in fields(Layout)}
    kept = {name: value for name, value in values.items() if name in known}
    if "columns" in kept:
        kept["columns"] = tuple(kept["columns"])
    return Layout(**kept)


ALL_COLUMNS: dict[str, Column] = {column.name: column for column in (*CLASSIC, *EXTENDED)}
COLUMN_SETS: dict[str, tuple[Column, ...]] = {"classic": CLASSIC, "extended": (*CLASSIC, *EXTENDED)}


def columns_named(names: Iterable[str]) -> tuple[Column, ...]:
    """The columns of these names, in their order; a set's name stands for all of its columns.

    Raises WrongInput for an unknown name, for none at all, and for one named twice.
    """
    columns: list[Column] = []
    for name in names:
        if name in COLUMN_SETS:
            columns += [column for column in COLUMN_SETS[name] if column not in columns]
        elif name in ALL_COLUMNS:
            columns.append(ALL_COLUMNS[name])
        else:
            raise WrongInput(
                Message(
                    "There is no column “%(name)s”. The data dictionary lists them all.", name=name
                )
            )
    counts = Counter(column.name for column in columns)
    twice = {name for name, count in counts.items() if count > 1}
    if twice:
        raise WrongInput(Message("The column “%(name)s” is named twice.", name=min(twice)))
    if not columns:
        raise WrongInput(Message("Choose at least one column."))
    return tuple(columns)


def with_companions(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns, each id followed by a twin that no spreadsheet can take for a number."""
    both: list[Column] = []
    for column in columns:
        both.append(column)
        if column.type == "id":
            both.append(_companion(column))
    return tuple(both)


def _companion(column: Column) -> Column:
    def value(post: Any) -> Cell:
        cell = column.value(post)
        return None if cell is None else f"{COMPANION_MARK}{cell}"

    return Column(
        name=column.name + COMPANION_SUFFIX,
        title=Message("%(title)s, safe in spreadsheets", title=column.title),
        type="text",
        description=Message(
            "%(name)s with “%(mark)s” before it: spreadsheets take long numbers in CSV files for "
            "numbers and round them.",
            name=column.name,
            mark=COMPANION_MARK,
        ),
        needs=column.needs,
        value=value,
    )
