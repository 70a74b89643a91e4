"""Whether a folder is an earlier export: known by what is in it, not by its name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from sfm.exports.package.package import CHECKSUMS

SOFTWARE = "Social Feed Manager"
BAG_LISTS = ("manifest-sha256.txt", "tagmanifest-sha256.txt")
BAG_LISTS_TOO = {"tagmanifest-sha256.txt", "tagmanifest-sha512.txt"}  # which list not themselves
PARQUET = re.compile(r"month=[^/]+/part-\d+\.parquet")


def is_export(folder: Path) -> bool:
    """Whether everything in this folder was put there by one export, and nothing by anybody else.

    A package or bag says what belongs to it; a file that it does not list is somebody's own.
    """
    names = set(_names(folder))
    try:
        return bool(names) and (_is_package(folder, names) or _is_parquet(folder, names))
    except (OSError, ValueError):
        return False


def _names(folder: Path) -> Iterator[str]:
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
