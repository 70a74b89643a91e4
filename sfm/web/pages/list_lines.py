"""The table of a list of names: by verdict, page by page, every line within reach."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from sfm.accounts.list_drafts import Draft
from sfm.accounts.list_import import WORDS, Line
from sfm.web.request_limits import possible_id
from sfm.web.translation import told

LINES = 200
WAITING = "waiting"  # for its look-up
TONES = {"new": "good", "already_here": "quiet", "renamed": "quiet", WAITING: "quiet"}


@dataclass(frozen=True)
class Choice:
    """A verdict that the table can be narrowed to; the first choice is all lines."""

    label: str
    tone: str
    lines: int
    address: str
    is_chosen: bool


@dataclass(frozen=True)
class Row:
    """A line as it is shown. `tone` is that of its badge."""

    line: Line
    word: str
    tone: str


@dataclass(frozen=True)
class LinesPage:
    """The lines shown, the `first`th to the `last`th of `total`, and where others are."""

    choices: Sequence[Choice]
    rows: Sequence[Row]
    first: int
    last: int
    total: int
    back: str | None
    on: str | None


def lines_page(token: str, draft: Draft, args: Mapping[str, Any]) -> LinesPage:
    """The page that an address asks for by `verdict` and `at`, the line number it begins behind.

    Arguments that mean nothing here lead to all lines, or to the first ones.
    """
    counts = Counter(map(standing, draft.lines))
    wanted = str(args.get("verdict", ""))
    wanted = wanted if wanted in counts else ""
    lines = [line for line in draft.lines if not wanted or standing(line) == wanted]
    start = _start(lines, str(args.get("at", "")))
    rows = [_row(line) for line in lines[start : start + LINES]]
    end = start + len(rows)
    before = max(start - LINES, 0)
    return LinesPage(
        choices=list(_choices(token, counts, wanted)),
        rows=rows,
        first=start + 1,
        last=end,
        total=len(lines),
        back=_address(token, wanted, lines[before - 1].number if before else 0) if start else None,
        on=_address(token, wanted, lines[end - 1].number) if end < len(lines) else None,
    )


def standing(line: Line) -> str:
    """The verdict of a line, or that it still waits for one."""
    return WAITING if line.verdict == "new" and line.record is None else line.verdict


def _start(lines: Sequence[Line], at: str) -> int:
    try:
        start = bisect_right(lines, possible_id(at), key=lambda line: line.number)
    except ValueError:
        return 0
    return start if start < len(lines) else 0


def _row(line: Line) -> Row:
    found = standing(line)
    return Row(line, _word(found), TONES.get(found, "warn"))


def _word(found: str) -> str:
    return _("not looked up yet") if found == WAITING else told(WORDS[found])  # type: ignore[index]


def _choices(token: str, counts: Mapping[str, int], wanted: str) -> Iterator[Choice]:
    """What a person has to look at comes first."""
    yield Choice(_("All lines"), "quiet", sum(counts.values()), _address(token), not wanted)
    known = [found for found in (*WORDS, WAITING) if found in counts]
    for found in sorted(known, key=lambda found: found in TONES):
        tone = TONES.get(found, "warn")
        address = _address(token, found)
        yield Choice(_word(found), tone, counts[found], address, found == wanted)


def _address(token: str, verdict: str = "", at: int = 0) -> str:
    return url_for("admin_lists.show", token=token, verdict=verdict or None, at=at or None)
