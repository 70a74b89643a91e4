"""The README of a package: what it is, of whom, how made, what is missing, how to cite it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sfm import clock
from sfm.exports.format import PACKINGS
from sfm.exports.package.account_completeness import account_lines
from sfm.exports.package.filter_versions import version_lines
from sfm.exports.request import ExportRequest
from sfm.exports.result import ExportFacts
from sfm.exports.writers.text_rules import CHANGE_WORDS
from sfm.messages import Message, PluralMessage

PLATFORM_RULE = Message(
    "The platform's rules let a collection pass on whole posts only in small numbers (at most 500 "
    "a person and day, not by machine). To share a data set, share the post ids: a list of ids "
    "alone can be exported here, and whoever has it can ask the platform for the posts."
)


def readme(request: ExportRequest, facts: ExportFacts, names: Iterable[str]) -> str:
    """The text of README.txt."""
    about = request.about
    parts = [
        f"{request.criteria.title}\n{'=' * min(len(request.criteria.title), 72)}",
        PluralMessage("%(num)s post", "%(num)s posts", facts.rows_written)
        + f", exported by {about.software}"
        + (f" at {about.institution}" if about.institution else "")
        + f".\n{about.address}".rstrip("\n"),
        _section("What was asked for", request.criteria.in_words() | _layout_words(request)),
        _section("The account", _counts(facts)),
        _section("What the posts are", _posts(facts)),
        _list_section("Please look at", facts.warnings),
        _list_section("Gaps in what was collected", facts.gaps),
        _list_section("What the filters listened for", version_lines(facts.streams)),
        _list_section("How complete the accounts are", account_lines(facts.accounts)),
        _section("Files", dict.fromkeys(names, "")),
        f"How to cite\n-----------\n{_citation(request, facts)}",
        f"Passing it on\n-------------\n{PLATFORM_RULE}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _layout_words(request: ExportRequest) -> dict[str, str]:
    layout, labels = request.layout, {"Format": request.layout.kind.label}
    labels["Packing"] = PACKINGS[layout.packing]
    if layout.kind.is_table:
        labels["Columns"] = f"{len(layout.table_columns)}; see data-dictionary.csv"
        labels["Line breaks in texts"] = (
            "kept" if layout.keep_line_breaks else "each replaced by a blank"
        )
    if layout.format in ("csv", "tsv"):
        labels["Formulas"] = (
            "a text that a spreadsheet would take for a formula has ' before it; take that one "
            "character off to have the text as it was"
            if layout.guard_formulas
            else "texts are as they were; do not open this file in a spreadsheet"
        )
    return labels


def _counts(facts: ExportFacts) -> dict[str, str]:
    labels = {
        "Rows read": f"{facts.rows_read:,}",
        "Rows written": f"{facts.rows_written:,} (counted again in the finished file)",
        "Rows left out": f"{sum(facts.left_out.values()):,}",
    }
    labels |= {f"  {reason}": f"{count:,}" for reason, count in sorted(facts.left_out.items())}
    for name, count in facts.changes.items():
        labels[f"Changed: {CHANGE_WORDS[name]}"] = f"{count:,}"
    if not facts.changes:
        labels["Changed"] = "nothing"
    labels["State of the collection"] = f"as of {clock.iso(facts.read_at)}, one moment for all rows"
    return labels


def _posts(facts: ExportFacts) -> dict[str, str]:
    summary = facts.summary
    if not facts.rows_written:
        return {}
    ways = ", ".join(f"{way} {count:,}" for way, count in summary.captured_by.most_common() if way)
    labels = {
        "Published": f"{summary.first_at} to {summary.last_at}",
        "Account names": f"{len(summary.accounts):,}",
    }
    if ways:
        labels["Collected by"] = ways
    return labels


def _citation(request: ExportRequest, facts: ExportFacts) -> str:
    publisher = request.about.institution or "Social Feed Manager"
    number = f" Export {request.about.number}." if request.about.number is not None else ""
    posts = PluralMessage("%(num)s post", "%(num)s posts", facts.rows_written)
    return (
        f"{publisher}. “{request.criteria.title}”: {posts}, as held on "
        f"{facts.read_at:%Y-%m-%d}. Collected with {request.about.software}.{number} The checksum "
        "of the data file tells this version from any other."
    )


def _section(title: str, lines: Mapping[str, str]) -> str:
    if not lines:
        return ""
    shown = [f"{label}: {value}" if value else label for label, value in lines.items()]
    return "\n".join([title, "-" * len(title), *shown])


def _list_section(title: str, lines: Iterable[str]) -> str:
    return _section(title, dict.fromkeys(lines, ""))
