"""Lists of post ids, one a line, as people have them: plain, marked with id:, or addresses."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.networks.record import MAX_ID

MAX_LIST_IDS = 10_000_000

_ID = re.compile(r"(?:id:|.*/status(?:es)?/)?(\d{1,19})(?:[?/#].*)?", re.IGNORECASE)


@dataclass(frozen=True)
class IdList:
    """The ids in the order of the file, doubles included, and how many lines held none."""

    ids: array[int]
    without_id: int


def read_ids(path: Path) -> IdList:
    """The ids of a file. Raises WrongInput where it cannot be read or is far too long."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return _ids_in(file)
    except OSError as exc:
        raise WrongInput(
            Message(
                "The list %(name)s cannot be read (%(reason)s).",
                name=path.name,
                reason=exc.strerror,
            )
        ) from exc


def _ids_in(lines: Iterable[str]) -> IdList:
    ids, without_id = array("q"), 0
    for line in lines:
        text = line.strip().strip('"')
        if not text:
            continue
        match = _ID.fullmatch(text)
        if match and int(match[1]) <= MAX_ID:
            ids.append(int(match[1]))
        else:
            without_id += 1
        if len(ids) > MAX_LIST_IDS:
            limit = f"{MAX_LIST_IDS:,}"
            raise WrongInput(
                Message("A list may have %(limit)s ids at most. Split it.", limit=limit)
            )
    return IdList(ids, without_id)
