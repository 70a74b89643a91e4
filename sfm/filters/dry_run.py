"""Tries a filter before it runs: what recent search finds for its rules, and what a week costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sfm import clock
from sfm.adapters import NETWORK
from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.networks.adapter import RecentSearch
from sfm.networks.page import PostRecord

PRICES = NETWORK.prices
EXAMPLES = 20
DAYS = 7
MAX_QUERIES = 10


@dataclass(frozen=True)
class DryRun:
    """Posts of the last days that match (retweets are not among them), by day; twenty of them.

    `dollars_a_week` is what collecting as many would cost; `cost_dollars` what the trial cost.
    """

    total: int
    by_day: dict[str, int]
    examples: tuple[PostRecord, ...]
    dollars_a_week: float
    cost_dollars: float
    left_out: int  # queries beyond the most that a trial asks


def price(queries: Sequence[str]) -> float:
    """What a trial costs at most, in dollars."""
    return (
        min(len(queries), MAX_QUERIES) * PRICES.dollars_per_count
        + EXAMPLES * PRICES.dollars_per_post
    )


def try_out(queries: Sequence[str], client: RecentSearch) -> DryRun:
    """Ask recent search. Raises NetworkError; WrongInput where there is nothing to ask."""
    if not queries:
        raise WrongInput(
            Message("There is nothing to search for: the rules are empty, or too long.")
        )
    searched = queries[:MAX_QUERIES]
    by_day: dict[str, int] = {}
    for query in searched:
        for bucket in client.counts_recent(query).buckets:
            day = f"{bucket.start:%Y-%m-%d}"
            by_day[day] = by_day.get(day, 0) + bucket.posts
    total = sum(by_day.values())
    examples = _examples(searched, client) if total else ()
    return DryRun(
        total=total,
        by_day=dict(sorted(by_day.items())),
        examples=examples,
        dollars_a_week=total * PRICES.dollars_per_post,
        cost_dollars=len(searched) * PRICES.dollars_per_count
        + len(examples) * PRICES.dollars_per_post,
        left_out=len(queries) - len(searched),
    )


def _examples(queries: Sequence[str], client: RecentSearch) -> tuple[PostRecord, ...]:
    examples: dict[int, PostRecord] = {}
    since = clock.now() - timedelta(days=DAYS) + timedelta(minutes=1)
    for query in queries:
        page = next(client.search_recent(query, start_time=since, page_size=EXAMPLES), None)
        for record in page.records if page else ():
            examples.setdefault(record.post.twitter_id, record)
        if len(examples) >= EXAMPLES:
            break
    return tuple(examples.values())[:EXAMPLES]
