"""The export command: posts out of the database or out of stream files, as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from sfm.exports.format import Layout
    from sfm.exports.request import Criteria, ExportRequest, TypedExport
    from sfm.exports.result import ExportResult

FORMATS = ("csv", "tsv", "xls", "xlsx", "json", "v1json", "ids", "parquet")
NEEDS_A_NAME = ("xlsx", "parquet")


@click.command("export")
@click.option("--twitter-user", metavar="NAME", help="The account whose posts to export.")
@click.option("--set-name", metavar="NAME", help="The set whose members' posts to export.")
@click.option("--owner", default="", metavar="USER", help="Whose set, where several have the name.")
@click.option("--all", "everything", is_flag=True, help="All posts there are.")
@click.option(
    "--ids-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A list of post ids, one a line; those held here are exported.",
)
@click.option(
    "--stream-file",
    "stream_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A stream file, read without the database; may be given several times.",
)
@click.option(
    "--twitter-filter",
    type=click.IntRange(min=1),
    metavar="ID",
    help="The posts of all sealed stream files of this filter, merged without doubles.",
)
@click.option(
    "--day",
    metavar="YYYY-MM-DD",
    help="The posts of this day of --zone, out of all stream files or those of --twitter-filter.",
)
@click.option("--start-date", default="", metavar="YYYY-MM-DD", help="The first day.")
@click.option("--end-date", default="", metavar="YYYY-MM-DD", help="The last day, included.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of these days.")
@click.option("--text", default="", help="Only posts found by this search.")
@click.option("--language", default="", help="Only posts in this language, such as en.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["post", "retweet", "reply", "quote"]),
    help="Only posts of this kind; may be given several times.",
)
@click.option("--no-retweets", is_flag=True, help="Leave retweets out.")
@click.option("--with-links", is_flag=True, help="Only posts with links.")
@click.option("--with-media", is_flag=True, help="Only posts with pictures or films.")
@click.option("--sample", type=click.IntRange(min=1), help="So many of them, drawn by chance.")
@click.option("--seed", type=click.IntRange(min=0), help="Draws the sample of an earlier export.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default="csv",
    show_default=True,
    help="xls means xlsx; json is JSON lines as received, v1json in the shape of v1.1.",
)
@click.option(
    "--columns",
    default="classic",
    show_default=True,
    help="Of tables: classic, extended, or names with commas between them.",
)
@click.option(
    "--filename",
    type=click.Path(path_type=Path),
    help="The file to make; without it, text formats go to standard output.",
)
@click.option(
    "--excel-mark", is_flag=True, help="Begin CSV with the mark by which Excel knows UTF-8."
)
@click.option("--keep-line-breaks", is_flag=True, help="Keep line breaks inside texts.")
@click.option(
    "--no-formula-guard",
    is_flag=True,
    help="Write texts that look like formulas to CSV as they are. Not for spreadsheets.",
)
@click.option("--id-companions", is_flag=True, help="Add a column id:… beside each id.")
@click.option("--gzip", "gzipped", is_flag=True, help="Compress the file with gzip.")
@click.option("--package", is_flag=True, help="Make a zip with README, dictionary and checksums.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace the file, or the folder of an earlier export, that has the name.",
)
@click.option("--bag", is_flag=True, help="Make a BagIt bag: a folder, or a zip if named so.")
@with_appcontext
def export(**given: Any) -> None:
    """Export posts of an account, a set, a list of ids, stream files, or all.

    The file gets its name only when it is whole and its rows have been counted again. What is
    there already stays, unless --force is given; a folder that holds anything but an earlier
    export stays always. What was read, written and left out is told on standard error.
    """
    from sfm.exports.format import Layout
    from sfm.exports.request import read_criteria

    layout = _layout(Layout, given)
    target: Path | None = given["filename"]
    if target is None and (layout.packing in ("zip", "bag") or layout.format in NEEDS_A_NAME):
        raise click.UsageError("Name the file to make with --filename.")
    criteria = read_criteria(_typed(given), reader=None)
    request = _request(criteria, layout, replaces_target=given["force"])
    if target is None:
        _to_standard_output(request)
    else:
        _print_facts(_make(request, target.absolute()))


def _layout(layout: type[Layout], given: dict[str, Any]) -> Layout:
    from sfm.exports.format import format_named

    packings = [
        name
        for name, option in (("gzip", "gzipped"), ("zip", "package"), ("bag", "bag"))
        if given[option]
    ]
    if len(packings) > 1:
        raise click.UsageError("Choose one of --gzip, --package and --bag.")
    return layout(
        format=format_named(given["format_name"]),
        columns=tuple(name.strip() for name in given["columns"].split(",") if name.strip()),
        packing=packings[0] if packings else "none",  # type: ignore[arg-type]
        excel_mark=given["excel_mark"],
        keep_line_breaks=given["keep_line_breaks"],
        guard_formulas=not given["no_formula_guard"],
        id_companions=given["id_companions"],
    )


def _typed(given: dict[str, Any]) -> TypedExport:
    from sfm.exports.request import TypedExport

    _check_one_source(given)
    id_list: Path | None = given["ids_file"]
    return TypedExport(
        args=_address_arguments(given),
        account=given["twitter_user"] or "",
        set_name=given["set_name"] or "",
        set_owner=given["owner"],
        stream_paths=given["stream_files"],
        id_list=id_list,
        id_list_name=id_list.name if id_list else "",
        sample=given["sample"],
        seed=given["seed"],
    )


def _check_one_source(given: dict[str, Any]) -> None:
    ways = ("twitter_user", "set_name", "everything", "ids_file", "stream_files")
    of_stream = bool(given["twitter_filter"] or given["day"])
    if sum(bool(given[way]) for way in ways) + of_stream != 1:
        raise click.UsageError(
            "Say what to export by one of --twitter-user, --set-name, --ids-file, --stream-file, "
            "--twitter-filter (with --day or without) and --all."
        )


def _address_arguments(given: dict[str, Any]) -> dict[str, str]:
    """The conditions under the names that the address of a page has for them."""
    return {
        "from": given["start_date"],
        "to": given["end_date"],
        "zone": given["zone"],
        "q": given["text"],
        "lang": given["language"],
        "kind": ",".join(given["kinds"]),
        "retweets": "no" if given["no_retweets"] else "",
        "link": "yes" if given["with_links"] else "",
        "media": "yes" if given["with_media"] else "",
        "filter": str(given["twitter_filter"] or ""),
        "day": given["day"] or "",
    }


def _request(criteria: Criteria, layout: Layout, *, replaces_target: bool) -> ExportRequest:
    from dataclasses import replace

    from sfm.exports.request import prepare

    request = prepare(criteria, layout, asked_by="the command line", reader_id=None)
    return replace(request, replaces_target=replaces_target)


def _make(request: ExportRequest, target: Path) -> ExportResult:
    from sfm.exports.build import build_export

    if not sys.stderr.isatty():
        return build_export(request, target)
    with click.progressbar(length=1, label="Writing", file=sys.stderr) as bar:

        def watch(done: int, total: int | None) -> None:
            bar.length = max(total or done, 1)
            bar.update(done - bar.pos)

        return build_export(request, target, watch)


def _to_standard_output(request: ExportRequest) -> None:
    """Made and counted first, then copied: a pipe never gets half an export."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        result = _make(request, Path(folder) / "export")
        try:
            with open(result.path, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            sys.stderr.close()  # the reader of the pipe has gone
            raise SystemExit(1) from None
    _print_facts(result)


def _print_facts(result: ExportResult) -> None:
    from sfm.exports.writers.text_rules import CHANGE_WORDS
    from sfm.messages import PluralMessage

    facts = result.facts
    left_out = sum(facts.left_out.values())
    read = PluralMessage("%(num)s row read", "%(num)s rows read", facts.rows_read)
    click.echo(
        f"{read}, {facts.rows_written:,} written, {left_out:,} left out.",
        err=True,
    )
    for reason, count in sorted(facts.left_out.items()):
        click.echo(f"  left out: {count:,} {reason}", err=True)
    for name, count in facts.changes.items():
        click.echo(f"  changed: {count:,} {CHANGE_WORDS[name]}", err=True)
    for warning in facts.warnings:
        click.echo(f"  look at this: {warning}", err=True)
    if result.sha256:
        click.echo(f"  SHA-256 {result.sha256}", err=True)
