"""A run that follows the links of posts: which posts, their links, every outcome recorded.

Each batch of posts is registered in one transaction and its links followed after; outcomes are
saved by the hundred, and when a run is stopped. One that is killed has lost at most the outcomes of
that hundred, and the next one follows what was left.

Links die early, so those of new posts never wait behind an archive that was brought in.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sfm import clock
from sfm.database import db
from sfm.extensions import settings
from sfm.links import selection, store
from sfm.links.fetch import Fetcher, Followed
from sfm.links.selection import LinkSelection
from sfm.links.ssrf_guard import SsrfGuard
from sfm.runs.context import RunContext
from sfm.runs.errors import Cancelled, Interrupted
from sfm.runs.transactions import unit_of_work

logger = logging.getLogger(__name__)


BATCH_ITEMS = 500
BATCH_SAVED = 100

FetcherMaker = Callable[[], Fetcher]


def guarded_fetcher() -> Fetcher:
    """The fetcher for real use: public addresses only, and none of this site's own names."""
    config = settings()
    own = frozenset(name.lower().strip("[]").lstrip(".") for name in config.trusted_hosts)
    return Fetcher(
        guard=SsrfGuard(own_names=own), width=config.links_at_once, wants_titles=config.links_titles
    )


def run_links(run: RunContext, make_fetcher: FetcherMaker = guarded_fetcher) -> dict[str, Any]:
    """Follow the links that the run's params choose. Commits as it goes.

    Params, all optional: start, end (ISO days, both included), twitter_user_ids, item_ids, limit
    (of posts), refetch. Without any of them, as the schedule runs it: the links of posts of the
    previous UTC day and later, then what earlier runs left and what is due for another try, then
    all other posts. What comes first is looked for again before each batch. With them, no links
    but those of the posts that they choose.
    """
    task = _Task(run, make_fetcher)
    if run.params:
        task.follow_chosen()
    else:
        task.follow_everything()
    return {"posts": task.items, "links": task.followed, "outcomes": dict(task.outcomes)}


class _Task:
    def __init__(self, run: RunContext, make_fetcher: FetcherMaker) -> None:
        db.session.rollback()  # SQLite would go on showing what was there before the run
        self.run = run
        self.make_fetcher = make_fetcher
        self.choice = _selection(run.params)
        self.limit = int(run.params.get("limit") or 0)
        self.total = selection.count(self.choice, self.limit or None)
        run.set_status(total=self.total)
        self.unless_checked_since = store.run_started_at(run.id) if self.choice.refetch else None
        self.left: list[int] = []
        self.before: int | None = None
        self.items = 0
        self.followed = 0
        self.outcomes: Counter[str] = Counter()

    def follow_everything(self) -> None:
        self.left = store.unfollowed()
        while self._follow_fresh() or self._follow_left_over() or self._look_further():
            self.run.check()

    def follow_chosen(self) -> None:
        while self._look_further():
            self.run.check()

    def _follow_fresh(self) -> bool:
        yesterday = clock.now().date() - timedelta(days=1)
        return self._look_at(selection.new_post_ids(yesterday, BATCH_ITEMS))

    def _follow_left_over(self) -> bool:
        batch = self.left[:BATCH_ITEMS] or store.due(BATCH_ITEMS)
        del self.left[:BATCH_ITEMS]
        self._follow(store.links_to_follow(batch))
        return bool(batch)

    def _look_further(self) -> bool:
        most = min(BATCH_ITEMS, self.limit - self.items) if self.limit else BATCH_ITEMS
        batch = selection.selected_post_ids(self.choice, before=self.before, most=most)
        self.before = batch[-1] if batch else self.before
        return self._look_at(batch)

    def _look_at(self, batch: list[int]) -> bool:
        """Follow the links of these posts; whether there were any."""
        if batch:
            self.total = max(self.total, self.items + len(batch))  # posts come during a run
            self.run.set_status(total=self.total)
            links = unit_of_work(lambda: self._register(batch))
            ids = store.links_to_follow(links, unless_checked_since=self.unless_checked_since)
            self._follow(ids, len(batch))
            self.items += len(batch)
            self.run.advance(self.items - self.run.progress.done)
        return bool(batch)

    def _register(self, batch: list[int]) -> set[int]:
        links = store.register(batch)
        self.run.check_lease()
        return links

    def _follow(self, ids: dict[str, int], items: int = 0) -> None:
        """Follow the links of so many posts."""
        db.session.rollback()  # no transaction is held open while the web answers
        if ids:
            asyncio.run(self._follow_all(_Batch(ids, items)))

    async def _follow_all(self, batch: _Batch) -> None:
        async with self.make_fetcher() as fetcher:
            # Its workers end before the fetcher does, however this is left.
            async with aclosing(fetcher.follow_all(batch.ids)) as outcomes:
                try:
                    async for followed in outcomes:
                        batch.ready.append(followed)
                        if len(batch.ready) >= BATCH_SAVED:
                            self._save(batch)
                        self.run.check()
                except (Cancelled, Interrupted, asyncio.CancelledError):
                    self._save(batch)  # what was asked for is not asked for again
                    raise
        self._save(batch)

    def _save(self, batch: _Batch) -> None:
        if not batch.ready:
            return
        unit_of_work(lambda: self._write(batch))
        gain = len(batch.ready)
        self.followed += gain
        self.outcomes.update(followed.outcome for followed in batch.ready)
        batch.saved += gain
        batch.ready.clear()
        done = self.items + batch.items * batch.saved // len(batch.ids)
        self.run.advance(done - self.run.progress.done, gain, saved=True)

    def _write(self, batch: _Batch) -> None:
        store.save(batch.ready, batch.ids)
        self.run.check_lease(added=len(batch.ready))


@dataclass
class _Batch:
    """Links that are followed together, by start address, and of how many posts they are."""

    ids: dict[str, int]
    items: int
    ready: list[Followed] = field(default_factory=list)
    saved: int = 0


def _selection(params: Mapping[str, Any]) -> LinkSelection:
    days = {name: params.get(name) for name in ("start", "end")}
    return LinkSelection(
        **{name: date.fromisoformat(day) if day else None for name, day in days.items()},
        twitter_user_ids=params.get("twitter_user_ids"),
        item_ids=params.get("item_ids"),
        refetch=bool(params.get("refetch")),
        or_due=bool(params),  # without params these have their own turn
        only_linking=bool(params.get("limit")),
    )
