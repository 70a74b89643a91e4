"""The answers of look-ups, counts and usage as typed results. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec

from sfm.networks.errors import AccountProblem, AccountState, scrub
from sfm.networks.page import AccountBatch, CountBucket, Counts, Page, PartialError
from sfm.networks.record import MAX_ID
from sfm.twitter.errors import account_problem, post_problem
from sfm.twitter.parse.lenient import loads
from sfm.twitter.parse.response import UserPage
from sfm.twitter.parse.values import parse_date
from sfm.twitter.problems import account_state

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")  # Source: X OpenAPI, UserName


@dataclass(frozen=True)
class PlanUsage:
    """What X has counted for the app: posts read of the cap in this period, and per UTC day."""

    used: int | None
    cap: int | None
    cap_reset_day: int | None
    days: tuple[tuple[datetime, int], ...]


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def tidy_name(name: str) -> str:
    """A name as people type it, without blanks and @."""
    return name.strip().removeprefix("@").strip()


def name_problem(name: str) -> AccountProblem | None:
    """Why this cannot be a name at all, else None."""
    if _NAME.fullmatch(name):
        return None
    return account_problem("malformed", scrub(name)[:60])


def user_batch(page: UserPage, requested: Iterable[str], *, by_name: bool) -> AccountBatch:
    """Each account that was asked for is either found or has its problem.

    The problem of those that the answer passes over in silence is `unanswered`: silence is no
    proof that an account is gone. Accounts that were not asked for are left out.
    """
    subjects = list(requested)
    keys = {subject.lower() for subject in subjects}
    answered = {(user.name.lower() if by_name else str(user.uid)): user for user in page.users}
    users = tuple(user for key, user in answered.items() if key in keys)
    problem_by_subject: dict[str, PartialError] = {}
    for problem in page.problems:
        problem_by_subject.setdefault((problem.value or problem.resource_id).lower(), problem)
    problems = tuple(
        _reason(subject, problem_by_subject.get(subject.lower()))
        for subject in subjects
        if subject.lower() not in answered
    )
    return AccountBatch(users, problems)


def _reason(subject: str, problem: PartialError | None) -> AccountProblem:
    if problem is None:
        return account_problem("unanswered", subject)
    return account_problem(account_state(problem), subject, detail=scrub(problem.detail))


def unknown_posts(page: Page, requested: Iterable[int]) -> Page:
    """The page, with a problem for each id that Twitter passed over in silence."""
    answered = {str(record.post.twitter_id) for record in page.records}
    answered |= {problem.value or problem.resource_id for problem in page.problems}
    silent = tuple(_silence(post_id) for post_id in requested if str(post_id) not in answered)
    return msgspec.structs.replace(page, problems=page.problems + silent) if silent else page


def _silence(post_id: int) -> PartialError:
    state: AccountState = "unanswered" if 0 < post_id <= MAX_ID else "malformed"
    return PartialError(
        kind="resource-not-found" if state == "malformed" else "unanswered",
        state=state,
        detail=post_problem(state, str(post_id)).message,
        resource_type="tweet",
        resource_id=str(post_id),
        value=str(post_id),
        parameter="ids",
    )


def read_counts(body: bytes) -> Counts:
    """The answer of counts/recent in either vocabulary."""
    answer = loads(body)
    buckets = []
    for entry in _objects(answer.get("data")):
        start, end = parse_date(_text(entry, "start")), parse_date(_text(entry, "end"))
        if start and end:
            posts = _whole(entry.get("tweet_count", entry.get("post_count")))
            buckets.append(CountBucket(start, end, posts or 0))
    meta = answer.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    total = _whole(meta.get("total_tweet_count", meta.get("total_post_count")))
    counted = sum(bucket.posts for bucket in buckets)
    return Counts(counted if total is None else total, tuple(buckets))


def read_usage(body: bytes) -> PlanUsage:
    """The answer of usage/tweets; its numbers come as text as well."""
    data = loads(body).get("data")
    data = data if isinstance(data, dict) else {}
    daily = data.get("daily_project_usage")
    entries = _objects(daily.get("usage")) if isinstance(daily, dict) else ()
    days = [(parse_date(_text(entry, "date")), _whole(entry.get("usage"))) for entry in entries]
    return PlanUsage(
        used=_whole(data.get("project_usage")),
        cap=_whole(data.get("project_cap")),
        cap_reset_day=_whole(data.get("cap_reset_day")),
        days=tuple((day, used) for day, used in days if day is not None and used is not None),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(entry: dict[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
