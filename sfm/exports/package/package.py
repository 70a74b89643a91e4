"""What goes with the data: README, data dictionary, account in JSON, checksums; or a BagIt bag."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sfm import clock
from sfm.atomic_file import sha256_of
from sfm.exports.columns import dictionary
from sfm.exports.format import Layout
from sfm.exports.package.readme import readme
from sfm.exports.request import About, Criteria, ExportRequest
from sfm.exports.result import ExportFacts
from sfm.exports.storage import slug

CHECKSUMS = "checksums-sha256.txt"
PACKED_ALREADY = (".gz", ".xlsx", ".parquet", ".zip")


def data_files(request: ExportRequest, folder: Path) -> list[tuple[Layout, Path]]:
    """The files to write into a package: the data, and in a bag the JSON as received too."""
    stem = slug(request.criteria.title)
    layout = request.layout
    places = [(layout, folder / (stem + layout.kind.suffix))]
    if layout.packing == "bag" and layout.format != "json":
        raw = Layout(format="json", packing="gzip")
        places.append((raw, folder / "raw" / f"{stem}.jsonl.gz"))
    return places


def add_documentation(request: ExportRequest, facts: ExportFacts, folder: Path) -> None:
    """Put beside the data what explains and proves it; or make a bag of it all."""
    columns = request.layout.table_columns
    if columns:
        text = dictionary.as_csv(columns)
        (folder / "data-dictionary.csv").write_text(text, encoding="utf-8", newline="")
    account = json.dumps(facts_as_json(request, facts), indent=1, ensure_ascii=False)
    (folder / "export.json").write_text(account + "\n", encoding="utf-8")
    names = [*_names(folder), "README.txt"]
    (folder / "README.txt").write_text(readme(request, facts, sorted(names)), encoding="utf-8")
    if request.layout.packing == "bag":
        _make_bag(request, facts, folder)
    else:
        sums = [f"{sha256_of(folder / name)}  {name}\n" for name in _names(folder)]
        (folder / CHECKSUMS).write_text("".join(sums), encoding="utf-8")


def facts_as_json(request: ExportRequest, facts: ExportFacts) -> dict[str, object]:
    """The whole account for machines: what was asked, read, written, left out, changed."""
    return {
        **_about_as_json(request.about),
        "collection_as_of": clock.iso(facts.read_at),
        "criteria": _without_folders(request.criteria),
        "layout": request.layout.as_json(),
        "columns": [column.name for column in request.layout.table_columns],
        "rows_read": facts.rows_read,
        "rows_written": facts.rows_written,
        "rows_left_out": facts.left_out,
        "changes": facts.changes,
        "warnings": list(facts.warnings),
        "gaps": list(facts.gaps),
        "published": [facts.summary.first_at, facts.summary.last_at],
        "captured_by": dict(facts.summary.captured_by),
        "runs": list(facts.runs),
        "accounts": list(facts.accounts),
        "streams": list(facts.streams),
    }


def _about_as_json(about: About) -> dict[str, object]:
    return {
        "software": about.software,
        "institution": about.institution,
        "asked_by": about.asked_by,
        "export": about.number,
        "started_again_after_interruption": about.restarts,
    }


def _without_folders(criteria: Criteria) -> dict[str, Any]:
    """The title in words alone; file names without folders, which tell about this machine."""
    return criteria.as_json() | {
        "title": str(criteria.title),
        "ids_file": Path(criteria.ids_file).name,
        "files": [Path(path).name for path in criteria.files],
    }


def _make_bag(request: ExportRequest, facts: ExportFacts, folder: Path) -> None:
    import bagit

    info = {
        "Source-Organization": request.about.institution or "Social Feed Manager",
        "Contact-Name": request.about.asked_by,
        "External-Description": request.criteria.title,
        "External-Identifier": f"export {request.about.number}" if request.about.number else "",
        "Bagging-Date": f"{clock.now():%Y-%m-%d}",
        "Bag-Software-Agent": request.about.software,
        "Posts": str(facts.rows_written),
    }
    known = {name: value for name, value in info.items() if value}
    bag = bagit.make_bag(str(folder), bag_info=known, checksums=["sha256", "sha512"])
    bag.validate()


def zip_folder(folder: Path, target: Path) -> None:
    """All files of a folder as one zip, the folder's name at the front of each."""
    now = clock.now().timetuple()[:6]
    with zipfile.ZipFile(target, "w", allowZip64=True) as archive:
        for name in _names(folder):
            path = folder / name
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", now)
            entry.external_attr = 0o644 << 16
            packed = path.suffix in PACKED_ALREADY
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size  # lets the archive choose the long form at once
            with open(path, "rb") as source, archive.open(entry, "w") as sink:
                while chunk := source.read(1 << 20):
                    sink.write(chunk)


def _names(folder: Path) -> list[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in files]


SOFTWARE = "Social Feed Manager"
BAG_LISTS = ("manifest-sha256.txt", "tagmanifest-sha256.txt")
BAG_LISTS_TOO = {"tagmanifest-sha256.txt", "tagmanifest-sha512.txt"}  # which list not themselves
PARQUET = re.compile(r"month=[^/]+/part-\d+\.parquet")


def is_earlier_export(folder: Path) -> bool:
    """Whether everything in this folder was put there by one export, and nothing by anybody else.

    A package or bag says what belongs to it; a file that it does not list is somebody's own.
    """
    names = set(_entries(folder))
    try:
        return bool(names) and (_is_package(folder, names) or _is_parquet(folder, names))
    except (OSError, ValueError):
        return False


def _entries(folder: Path) -> Iterator[str]:
    """Paths of all files, links and empty folders below."""
    for at, folders, files in os.walk(folder):
        here = Path(at)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            yield (here / name).relative_to(folder).as_posix()
        if not folders and not files and here != folder:
            yield here.relative_to(folder).as_posix()


def _is_package(folder: Path, names: set[str]) -> bool:
    lists: tuple[str, ...]
    if CHECKSUMS in names:
        lists, account, others = (CHECKSUMS,), "export.json", {CHECKSUMS}
    elif names >= set(BAG_LISTS):
        lists, account, others = BAG_LISTS, "data/export.json", BAG_LISTS_TOO
    else:
        return False
    listed = {name for list_name in lists for name in _listed(folder / list_name)}
    return account in names and names <= listed | others and _is_ours(folder / account)


def _listed(path: Path) -> Iterator[str]:
    """The names in a list of checksums."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield line.partition(" ")[2].strip()


def _is_ours(account: Path) -> bool:
    values = json.loads(account.read_text(encoding="utf-8"))
    return isinstance(values, dict) and str(values.get("software", "")).startswith(SOFTWARE)


def _is_parquet(folder: Path, names: set[str]) -> bool:
    if not all(PARQUET.fullmatch(name) for name in names):
        return False
    import pyarrow.parquet as pq

    schemas = [pq.read_schema(folder / name) for name in names]
    makers = [(schema.metadata or {}).get(b"software", b"").decode() for schema in schemas]
    return all(maker.startswith(SOFTWARE) for maker in makers)
