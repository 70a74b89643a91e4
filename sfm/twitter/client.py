"""X's API v2 as generators of records. The only place that knows its addresses and parameters.

Long calls yield page by page, so that whoever stores them can commit each page before the next is
asked for. Nothing here sleeps: `pause` is called where there is something to wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sfm import clock
from sfm.networks.errors import BadRequest, Retry
from sfm.networks.meter import Meter, WindowState
from sfm.networks.page import AccountBatch, Counts, Page
from sfm.networks.record import MAX_ID, Account
from sfm.twitter import dialect as dialects
from sfm.twitter import endpoints as at
from sfm.twitter import fields as request_fields
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.errors import account_problem
from sfm.twitter.fields import Dialect, Fields
from sfm.twitter.lookups import (
    PlanUsage,
    batches,
    name_problem,
    read_counts,
    read_usage,
    tidy_name,
    unknown_posts,
    user_batch,
)
from sfm.twitter.pagination import PageChain
from sfm.twitter.parse.raw_json import take_apart
from sfm.twitter.parse.response import split_page, split_users
from sfm.twitter.parse.tweet import parse_user
from sfm.twitter.transport import Transport

BATCH = 100  # names or ids that one look-up takes
MAX_PAGE_SIZE = 100
CHECKED_WITH = "XDevelopers"  # X's own account: whether it is there does not matter


class Client:
    """Calls with one credential. Every method raises NetworkError, and only that, for trouble."""

    def __init__(
        self, transport: Transport, *, dialect: Dialect = "tweet", fields: Fields | None = None
    ) -> None:
        self.transport = transport
        self.dialect: Dialect = dialect
        self._has_own_fields = fields is not None
        self._fields = fields if fields is not None else request_fields.for_posts(dialect)

    @property
    def meter(self) -> Meter:
        """What this client's calls are counted by."""
        return self.transport.meter

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the credential that is used."""
        return self.transport.auth.fingerprint

    def timeline_window(self) -> WindowState | None:
        """How many timeline calls are left to this credential, and until when; None if unknown."""
        return self.transport.window(at.TIMELINE)

    def __repr__(self) -> str:
        return f"Client({self.transport.auth.fingerprint[:8]}…, {self.transport.api_root})"

    def accounts_by_name(self, names: Iterable[str]) -> Iterator[AccountBatch]:
        """The accounts of these names, 100 a call. Blanks and a leading @ are dropped.

        Names that cannot be one are answered without asking Twitter (state `malformed`).
        """
        given = [tidy_name(name) for name in names]
        good = [name for name in given if name_problem(name) is None]
        bad = tuple(problem for name in given if (problem := name_problem(name)) is not None)
        if bad:
            yield AccountBatch((), bad)
        for batch in batches(dict.fromkeys(good), BATCH):
            yield self._users(at.USERS_BY_NAME, "usernames", batch)

    def accounts_by_uid(self, uids: Iterable[int]) -> Iterator[AccountBatch]:
        """The accounts with these uids, 100 a call."""
        given = list(dict.fromkeys(uids))
        bad = tuple(account_problem("malformed", str(uid)) for uid in given if not _is_id(uid))
        if bad:
            yield AccountBatch((), bad)
        for batch in batches([str(uid) for uid in given if _is_id(uid)], BATCH):
            yield self._users(at.USERS_BY_ID, "ids", batch)

    def account_by_name(self, name: str) -> Account:
        """The account of this name. Raises AccountProblem where there is none to be had."""
        for batch in self.accounts_by_name([name]):
            for problem in batch.problems:
                raise problem
            for user in batch.accounts:
                return user
        raise account_problem("unanswered", tidy_name(name))

    def check_credential(self) -> str:
        """Make one small call; the name whose sign-in this is, "" for an app's token.

        Reads one user, which X bills. Raises CredentialProblem where the key or token is refused.
        """
        if self.transport.auth.kind != "app":
            return self.me().name
        list(self.accounts_by_name([CHECKED_WITH]))
        return ""

    def me(self) -> Account:
        """The account whose sign-in this is. An app's token has none: CredentialProblem."""
        body = self._ask(at.ME, lambda: request_fields.for_users(self._fields))
        self.transport.count(at.ME, users=1)
        return parse_user((take_apart(body).elements or [body])[0])

    def timeline(
        self,
        uid: int,
        *,
        since_id: int | None = None,
        until_id: int | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        page_size: int = MAX_PAGE_SIZE,
        exclude: Sequence[str] = (),
    ) -> Iterator[Page]:
        """An account's posts, newest first, at most the 3,200 that X gives.

        `since_id` and `until_id` are themselves not among them. `exclude`: "replies" (then X
        gives 800 at most), "retweets". Raises AccountProblem for an account that cannot be read.
        """
        params = self._span(since_id, until_id, start_time, end_time)
        params["max_results"] = max(5, min(page_size, MAX_PAGE_SIZE))
        if exclude:
            params["exclude"] = ",".join(exclude)
        path = at.TIMELINE.path.format(id=int(uid))
        return self._pages(PageChain(at.TIMELINE, path, params, "pagination_token", str(uid)))

    def search_recent(
        self,
        query: str,
        *,
        since_id: int | None = None,
        until_id: int | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> Iterator[Page]:
        """Posts of the last seven days that match, newest first. Retweets are not among them."""
        params = self._span(since_id, until_id, start_time, end_time)
        params |= {"query": query, "max_results": max(10, min(page_size, MAX_PAGE_SIZE))}
        return self._pages(PageChain(at.SEARCH, at.SEARCH.path, params, "next_token"))

    def posts_by_id(self, ids: Iterable[int]) -> Iterator[Page]:
        """The posts with these ids, 100 a call. What could not be had is in `problems`."""
        for batch in batches(dict.fromkeys(ids), BATCH):
            good = [str(post_id) for post_id in batch if _is_id(post_id)]
            page = Page()
            if good:
                body = self._ask(at.POSTS, partial(self._with_fields, {"ids": ",".join(good)}))
                page = split_page(body)
                self.transport.count(at.POSTS, posts=page.delivered)
            yield unknown_posts(page, batch)

    def counts_recent(
        self,
        query: str,
        *,
        granularity: str = "day",
        start_time: datetime | None = None,
        end_time: datetime | None = None,
    ) -> Counts:
        """How many posts of the last seven days match, per "day", "hour" or "minute"."""
        params = self._span(None, None, start_time, end_time)
        params |= {"query": query, "granularity": granularity}
        names = request_fields.COUNT_FIELDS
        body = self._ask(at.COUNTS, lambda: params | {"search_count.fields": names[self.dialect]})
        self.transport.count(at.COUNTS)
        return read_counts(body)

    def usage(self, days: int = 7) -> PlanUsage:
        """What X itself has counted for the app in the last 1 to 90 days. App's token only."""
        params = {"days": max(1, min(days, 90)), "usage.fields": request_fields.USAGE_FIELDS}
        body = self.transport.ask(at.USAGE, params)
        self.transport.count(at.USAGE)
        return read_usage(body)

    def _users(self, endpoint: Endpoint, parameter: str, batch: Sequence[str]) -> AccountBatch:
        """One call; those that its answer says nothing of are asked for once more, each alone."""
        answered = self._users_once(endpoint, parameter, batch)
        silent = [problem.subject for problem in answered.problems if problem.state == "unanswered"]
        if len(batch) == 1:
            return answered
        users, problems = (
            list(answered.accounts),
            {problem.subject: problem for problem in answered.problems},
        )
        for subject in silent:
            try:
                alone = self._users_once(endpoint, parameter, [subject])
            except Retry:  # the others would wait as long for nothing
                break
            users += alone.accounts
            problems.pop(subject)
            problems |= {problem.subject: problem for problem in alone.problems}
        return AccountBatch(tuple(users), tuple(problems.values()))

    def _users_once(self, endpoint: Endpoint, parameter: str, batch: Sequence[str]) -> AccountBatch:
        subjects = {parameter: ",".join(batch)}
        body = self._ask(endpoint, lambda: subjects | request_fields.for_users(self._fields))
        page = split_users(body)
        self.transport.count(endpoint, users=len(page.users))
        return user_batch(page, batch, by_name=parameter == "usernames")

    def _ask(self, endpoint: Endpoint, params: Callable[[], dict[str, Any]], **more: Any) -> bytes:
        """As `Transport.ask`; where X does not take the words, once more in the other ones, which
        this client then goes on with. `params` makes the parameters in the words of the moment."""
        try:
            return self.transport.ask(endpoint, params(), **more)
        except BadRequest as refusal:
            if self._has_own_fields or not dialects.is_about_words(refusal):
                raise
            trouble = refusal
        self._speak(dialects.other_than(self.dialect))
        try:
            body = self.transport.ask(endpoint, params(), **more)
        except BadRequest:
            self._speak(dialects.other_than(self.dialect))
            raise dialects.neither_is_taken(trouble) from None
        dialects.warn_of(self.dialect)
        return body

    def _with_fields(self, params: dict[str, Any]) -> dict[str, Any]:
        return {**params, **self._fields}

    def _speak(self, dialect: Dialect) -> None:
        self.dialect, self._fields = dialect, request_fields.for_posts(dialect)

    def _pages(self, course: PageChain) -> Iterator[Page]:
        while course.params is not None:
            try:
                body = self._ask(
                    course.endpoint,
                    partial(self._with_fields, course.params),
                    path=course.path,
                    subject=course.subject,
                )
            except BadRequest as refusal:
                course.resume_after(refusal)
                continue
            page = split_page(body)
            self.transport.count(course.endpoint, posts=page.delivered)
            yield course.advance(page)

    def _span(
        self,
        since_id: int | None,
        until_id: int | None,
        start_time: datetime | None,
        end_time: datetime | None,
    ) -> dict[str, Any]:
        span = {
            "since_id": since_id,
            "until_id": until_id,
            "start_time": clock.iso(start_time) if start_time else None,
            "end_time": clock.iso(end_time) if end_time else None,
        }
        return {name: value for name, value in span.items() if value is not None}


def _is_id(number: int) -> bool:
    return 0 < number <= MAX_ID
