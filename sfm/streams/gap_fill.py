"""Fills a gap from recent search: asked for by a person who saw what it may cost, done as a run.

Search reaches back seven days, finds no retweets and knows shorter rules, so a filled gap is not
a whole one; that is noted. What is found goes into a stream file of its own, marked as such, and
without the posts that files around the gap hold already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select, update

from sfm import clock
from sfm.adapters import NETWORK
from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.filters import service
from sfm.messages import Message, PluralMessage
from sfm.models import Gap, GapFill, Run, StreamFile, TwitterFilter
from sfm.networks.adapter import RecentSearch
from sfm.networks.page import BROKEN_PAGING, Counts, Page, PostRecord
from sfm.streams import completeness, file_names
from sfm.streams.archive import target_of
from sfm.streams.coverage_rows import ASKED_FOR
from sfm.streams.files import lines_of
from sfm.streams.gap_causes import CoverageGap
from sfm.streams.gap_fill_files import FillFiles
from sfm.streams.gap_fill_plan import TOO_NEW, FillPlan, plan_of, span_of
from sfm.streams.gzip_members import whole_members
from sfm.streams.manifest import record_file
from sfm.streams.parse_line import post_id_of, split
from sfm.streams.removed_posts import RemovedPosts
from sfm.streams.sealing import FileFacts, leave_out

FILLED, IN_PART, BROKEN_OFF = "filled", "in part", "broken off"
DONE = {FILLED, IN_PART}
LEFT_OUT = Message("Retweets are not among them: search does not find them.")


def is_done(gap: Gap) -> bool:
    """Whether nothing is left to search for. False for rows without the time that was searched."""
    return gap.filled in DONE and gap.searched_from is not None


def gap_of(twitter_filter: TwitterFilter, gap_id: int) -> Gap:
    """One gap of this filter. Raises NotFound."""
    gap = db.session.get(Gap, gap_id)
    if gap is None or gap.filter_id != twitter_filter.id:
        raise NotFound(Message("There is no such gap."))
    return gap


def note_gap(twitter_filter: TwitterFilter, began_at: datetime, ended_at: datetime) -> Gap:
    """The row of a gap of this filter that has ended; written down if there is none yet.

    Flushes. Raises NotFound where the ledger has no such gap.
    """
    prefix = file_names.filter_prefix(twitter_filter.id)
    times = began_at, ended_at
    for gap in completeness.of_prefix(prefix).gaps:
        if (gap.began_at, gap.ended_at) != times:
            continue
        if gap.row_id is not None:
            return gap_of(twitter_filter, gap.row_id)
        row = Gap(
            filter_id=twitter_filter.id, prefix=prefix, cause=ASKED_FOR, detail=gap.detail,
            began_at=began_at, ended_at=ended_at, seconds=gap.seconds,
            lost_estimate=gap.lost_estimate,
        )  # fmt: skip
        db.session.add(row)
        db.session.flush()
        return row
    raise NotFound(Message("There is no such gap."))


@dataclass(frozen=True)
class FillEstimate:
    """Whether a gap can be filled, and at what cost. `trouble`: why the last run failed."""

    is_asked: bool
    why_not: str  # "" where it can be filled
    trouble: str
    dollars: float | None  # what it may cost; None where nobody knows what was missed
    dollars_a_post: float = NETWORK.prices.dollars_per_post
    is_done: bool = False


def fill_estimates(gaps: Iterable[CoverageGap]) -> dict[datetime, FillEstimate]:
    """By the begin of a gap: whether a run is to fill it, why it cannot be filled, why the last run
    failed.

    A gap is asked for as long as the run that is to fill it is open: so however a run ends, its
    gap can be asked for again.
    """
    gaps = list(gaps)
    numbers = [gap.row_id for gap in gaps if gap.row_id is not None]
    rows = {row.id: row for row in db.session.scalars(select(Gap).where(Gap.id.in_(numbers)))}
    statement = select(Run).where(Run.id.in_({row.run_id for row in rows.values() if row.run_id}))
    runs = {run.id: run for run in db.session.scalars(statement)}
    estimates = {}
    for gap in gaps:
        row = rows.get(gap.row_id or 0) or Gap(filled="", filled_posts=0)
        estimates[gap.began_at] = _prospect(gap, row, runs.get(row.run_id or 0))
    return estimates


def _prospect(gap: CoverageGap, row: Gap, run: Run | None) -> FillEstimate:
    failed = run is not None and run.finished_at is not None and run.state != "finished"
    return FillEstimate(
        is_asked=_is_asked(row, run),
        why_not=_why_not(gap, row, run),
        trouble=run.message if run and failed and not is_done(row) else "",
        dollars=gap.lost_estimate * NETWORK.prices.dollars_per_post or None,
        is_done=is_done(row),
    )


def _is_asked(row: Gap, run: Run | None) -> bool:
    return run is not None and run.finished_at is None and not is_done(row)


def _why_not(gap: CoverageGap | Gap, row: Gap, run: Run | None) -> str:
    if _is_asked(row, run):
        return Message("It is asked for already.")
    if gap.ended_at is None:
        return Message("It goes on.")
    if is_done(row):
        if row.filled == FILLED:
            return Message("It is filled.")
        return Message("Search has been asked for all of it that can be searched.")
    start, end = span_of(gap)
    return "" if start < end else Message("Search reaches back seven days only.")


def request_fill(gap: Gap, run_id: int) -> None:
    """Have this run fill a gap. Flushes. Raises WrongInput where it cannot be filled, BadFilter."""
    run = db.session.get(Run, gap.run_id) if gap.run_id else None
    reason = _why_not(gap, gap, run)
    if reason or gap.filter_id is None:
        raise WrongInput(Message("This gap cannot be filled. %(reason)s", reason=reason))
    plan_of(gap, service.by_id(gap.filter_id))
    gap.run_id = run_id
    db.session.flush()


class CountedSearch:
    """A search whose pages are counted as they come: `count_usage(calls=, posts=)`."""

    def __init__(self, client: RecentSearch, count_usage: Callable[..., None]) -> None:
        self._client, self._count_usage = client, count_usage

    def search_recent(self, query: str, **span: Any) -> Iterator[Page]:
        """As the client's own."""
        for page in self._client.search_recent(query, **span):
            self._count_usage(calls=1, posts=page.delivered)
            yield page

    def counts_recent(self, query: str) -> Counts:
        """As the client's own."""
        self._count_usage(calls=1)
        return self._client.counts_recent(query)


def fill(gap_id: int, client: RecentSearch, root: Path, run_folder: Path) -> Mapping[str, Any]:
    """Search for what a gap missed and write it into files of its own. Commits on its own.

    A gap that is filled already is left as it is: so is that of a resumed run whose work was done.
    An error leaves the gap's row as it was. Raises NetworkError, WrongInput where nothing of the
    gap can be searched any more, BadFilter, StorageTrouble, OSError, and AnotherCollector while
    another gap of this stream is filled.
    """
    gap = db.session.get(Gap, gap_id)
    if gap is None or gap.filter_id is None or gap.ended_at is None:
        raise WrongInput(Message("This gap is gone."))
    if is_done(gap):
        return {"posts": gap.filled_posts}
    _wait_until_searchable(gap.ended_at)
    plan = plan_of(gap, service.by_id(gap.filter_id))
    prefix, before = gap.prefix, gap.filled_posts
    db.session.rollback()
    removed = RemovedPosts()
    removed.refresh()
    target = FillFiles(root, run_folder, prefix, removed.posts)
    try:
        search = _search(plan, client)
        # Not before the search: what the stream has brought by then is on the disk by now.
        saved = saved_between(root, prefix, plan.start, plan.end)
        removed.refresh()
        lines = _without_removed(search.records, removed)
        fresh = sorted(lines.keys() - saved.known)
        target.write((number, lines[number]) for number in fresh if number not in saved.left)
        sealed = _without_late_removals(target.sealed, removed)
        fills = _fills(plan, search, fresh)
        outcome = _outcome(plan, fills) | {"filled_posts": before + len(fresh)}
        _settle(gap_id, outcome, fills, root, sealed)
    finally:
        target.close()
    return {"posts": len(fresh), "already_held": len(lines) - len(fresh)}


def _wait_until_searchable(ended_at: datetime) -> None:
    """Sleep until search covers the time before this moment (aware UTC): 15 seconds at most."""
    age = clock.now() - ended_at
    if age < TOO_NEW:
        db.session.rollback()
        clock.sleep(min((TOO_NEW - age).total_seconds(), TOO_NEW.total_seconds()))


@dataclass
class _SearchedPart:
    """What search gave for one part of a gap, and what of its answers could not be had."""

    numbers: set[int] = field(default_factory=set)
    breaks: list[str] = field(default_factory=list)
    unreadable: int = 0


@dataclass
class _Search:
    """What search gave, by id; of each part of the gap."""

    records: dict[int, PostRecord] = field(default_factory=dict)
    parts: list[_SearchedPart] = field(default_factory=list)


def _search(plan: FillPlan, client: RecentSearch) -> _Search:
    search = _Search()
    for part in plan.parts:
        searched = _SearchedPart()
        for query in part.queries:
            for page in client.search_recent(query, start_time=part.start, end_time=part.end):
                records = {record.post.twitter_id: record for record in page.records}
                searched.numbers |= records.keys() - search.records.keys()
                search.records |= records
                searched.unreadable += len(page.refused)
                searched.breaks += [
                    Message(
                        "The pages of “%(query)s” broke off: %(detail)s",
                        query=query,
                        detail=problem.detail,
                    )
                    for problem in page.problems
                    if problem.kind == BROKEN_PAGING
                ]
        search.parts.append(searched)
    return search


def _fills(plan: FillPlan, search: _Search, fresh: Iterable[int]) -> list[GapFill]:
    """A row for each part: what was asked for it, what was not, and what came."""
    new = set(fresh)
    fills = []
    for part, searched in zip(plan.parts, search.parts, strict=True):
        not_searched = [*part.not_searched, *searched.breaks]
        if searched.unreadable:
            not_searched.append(
                PluralMessage(
                    "%(num)s post of the answers could not be read.",
                    "%(num)s posts of the answers could not be read.",
                    searched.unreadable,
                )
            )
        is_last = part is plan.parts[-1]
        goes_on = bool(searched.breaks) or (plan.is_too_new and is_last)
        state = IN_PART if not_searched else FILLED
        fills.append(
            GapFill(
                began_at=part.start, ended_at=part.end, queries=list(part.queries),
                posts=len(searched.numbers & new), not_searched=not_searched,
                state=BROKEN_OFF if goes_on else state,
            )
        )  # fmt: skip
    return fills


def _outcome(plan: FillPlan, fills: Iterable[GapFill]) -> dict[str, Any]:
    """What the gap's row says from now on: what was asked for, and what was not."""
    fills = list(fills)
    states = {fill.state for fill in fills}
    return {
        "filled": next(state for state in (BROKEN_OFF, IN_PART, FILLED) if state in states),
        "filled_note": LEFT_OUT,
        "searched_from": plan.start,
        "searched_to": plan.end,
        "searched_queries": list(dict.fromkeys(q for fill in fills for q in fill.queries)),
        "not_searched": [why for fill in fills for why in fill.not_searched or ()],
    }


def _without_removed(records: Mapping[int, PostRecord], removed: RemovedPosts) -> dict[int, bytes]:
    """Lines by post id, without removed posts."""
    lines = ((number, removed.without_removed(record.raw)) for number, record in records.items())
    return {number: line for number, line in lines if line is not None}


def _without_late_removals(
    sealed: Iterable[tuple[Path, FileFacts]], removed: RemovedPosts
) -> list[tuple[Path, FileFacts]]:
    """The files, without the posts that were removed while they were written. A removal that
    begins later finds the files itself."""
    before = removed.additions
    removed.refresh()
    if removed.posts is None or removed.additions == before:
        return list(sealed)
    return [(path, leave_out(path, facts, removed.posts)) for path, facts in sealed]


def _settle(
    gap_id: int, values: Mapping[str, Any], fills: Iterable[GapFill], root: Path,
    sealed: Iterable[tuple[Path, FileFacts]],
) -> None:  # fmt: skip
    begin_write()
    for path, facts in sealed:
        record_file(root, path, facts)
    db.session.execute(update(Gap).where(Gap.id == gap_id).values(values))
    gap = db.session.get_one(Gap, gap_id)
    for fill in fills:
        fill.gap_id, fill.filter_id = gap_id, gap.filter_id
        fill.prefix, fill.run_id = gap.prefix, gap.run_id
        db.session.add(fill)
    db.session.commit()


@dataclass
class SavedPosts:
    """Ids of posts. `left`: those in files of fills that were killed before their rows existed."""

    known: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)


def saved_between(root: Path, prefix: str, start: datetime, end: datetime) -> SavedPosts:
    """Saved posts of this stream between these times (aware), and more: files are read whole.

    Files without a row are few, and read whatever their time: the growing ones, and
    those sealed since the collector's last heartbeat, or while the database was away. Ends the
    session's transaction. Raises OSError for a file that may not be read.
    """
    there = _in_folder(root, prefix)
    of_stream = select(StreamFile.path).where(StreamFile.prefix == prefix)
    noted = set(db.session.scalars(of_stream))
    near = of_stream.where(
        or_(StreamFile.last_at.is_(None), StreamFile.last_at >= start),
        or_(StreamFile.first_at.is_(None), StreamFile.first_at <= end),
    )
    paths = [root / place for place in db.session.scalars(near)]
    db.session.rollback()
    saved = SavedPosts()
    for path in paths:
        saved.known.update(_ids(root, path))
    for path in (path for path in there if path.name not in noted):
        name = file_names.parse(path.name)
        (saved.left if name and name.is_fill else saved.known).update(_ids(root, path))
    return saved


def _in_folder(root: Path, prefix: str) -> list[Path]:
    paths = []
    for path in root.glob(f"{prefix}-*"):
        name = file_names.parse(path.name)
        if name and name.prefix == prefix and not path.is_symlink():
            paths.append(path)
    return sorted(paths)


def _ids(root: Path, path: Path) -> Iterator[int]:
    for place in _places(root, path):
        try:
            lines = _lines(place)
            yield from (number for line in lines if (number := post_id_of(line)) is not None)
        except FileNotFoundError:
            continue
        return


def _places(root: Path, path: Path) -> Iterator[Path]:
    """The paths that a file has one after the other: growing, sealed, moved by `organizedata`."""
    yield path
    sealed = path.with_name(path.name.removesuffix(file_names.OPEN))
    if sealed != path:
        yield sealed
    name = file_names.parse(sealed.name)
    if name:
        yield target_of(root, name) / sealed.name


def _lines(path: Path) -> Iterable[bytes]:
    """The lines of a file; of a growing one those of its whole members: no kill loses these."""
    if not path.name.endswith(file_names.OPEN):
        yield from lines_of(path)
        return
    with path.open("rb") as file:
        for part in whole_members(file):
            yield from split(part.text)
