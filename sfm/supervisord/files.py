"""Configuration files on disk: written aside, synced, moved into place; never half there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sfm.atomic_file import sync, write_whole
from sfm.supervisord import conf
from sfm.supervisord.conf import Program
from sfm.supervisord.paths import Paths


@dataclass(frozen=True)
class FileChanges:
    """Names of programs whose file is new, has another revision only, differs more, or is gone."""

    new: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def configured(place: Paths) -> list[str]:
    """Names of the collectors that have a file, whole or not."""
    if not place.conf.is_dir():
        return []
    return sorted(path.stem for path in place.conf.glob("*.conf") if conf.is_collector(path.stem))


def write_files(place: Paths, programs_to_run: Iterable[Program]) -> FileChanges:
    """Write, rewrite and remove files until they are those of the wanted programs.

    What is new is written before anything goes. Other files in the folder are left alone. Raises
    OSError and BrokenConfiguration; what was there before then still is.
    """
    programs = {program.name: program for program in programs_to_run}
    kinds: dict[str, list[str]] = {"new": [], "revised": [], "altered": [], "gone": []}
    for name, program in programs.items():
        kind = _write(place.conf / f"{name}.conf", conf.render(program, place))
        if kind:
            kinds[kind].append(name)
    for name in configured(place):
        if name not in programs:
            (place.conf / f"{name}.conf").unlink(missing_ok=True)
            kinds["gone"].append(name)
    if any(kinds.values()):
        sync(place.conf)
    return FileChanges(**{kind: tuple(names) for kind, names in kinds.items()})


def _write(target: Path, text: str) -> str:
    try:
        present = target.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        present = ""
    if present == text:
        return ""
    conf.check(text)
    write_whole(target, text)
    if not present:
        return "new"
    return "revised" if _settled_part(present) == _settled_part(text) else "altered"


def _settled_part(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(";")]
