"""The interface that an adapter to a network keeps. Features take these types, not an adapter's.

Every method raises NetworkError, and only that, for trouble with the network. Long calls yield
page by page, so that whoever stores them can commit each page before the next is asked for.
Times are aware UTC. No method touches the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from sfm.networks.errors import AccountProblem, AccountState
from sfm.networks.meter import Meter, Prices, WindowState
from sfm.networks.page import AccountBatch, Counts, Page
from sfm.networks.record import Account, Post
from sfm.networks.rules import (
    Box,
    OpenConnection,
    Phrase,
    Rule,
    RuleRefusal,
    StreamRule,
    SyncResult,
)
from sfm.networks.stream import BackoffKind, Event, StreamKind


class AccountLookup(Protocol):
    """Looks up accounts by name and by uid."""

    def accounts_by_name(self, names: Iterable[str]) -> Iterator[AccountBatch]:
        """The accounts of these names, or for each the reason why not."""

    def accounts_by_uid(self, uids: Iterable[int]) -> Iterator[AccountBatch]:
        """The profiles of the accounts with these uids, or for each the reason why not."""

    def account_by_name(self, name: str) -> Account:
        """The account of this name. Raises AccountProblem where it cannot be read."""


class PostLookup(Protocol):
    """Looks up posts by id."""

    def posts_by_id(self, ids: Iterable[int]) -> Iterator[Page]:
        """The posts with these ids; those that could not be had are in a page's `problems`."""


class RecentSearch(Protocol):
    """Searches the posts of the last days."""

    def search_recent(
        self,
        query: str,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        page_size: int = 100,
    ) -> Iterator[Page]:
        """Posts that match a query in the network's own language, newest first."""

    def counts_recent(self, query: str) -> Counts:
        """How many posts match, day by day."""


class TimelineReader(PostLookup, Protocol):
    """Reads the timelines of accounts, and single posts, with one credential."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the credential; it tells credentials apart and reveals none."""

    @property
    def meter(self) -> Meter:
        """What this client's calls are counted by."""

    def timeline(
        self,
        uid: int,
        *,
        since_id: int | None = None,
        until_id: int | None = None,
        page_size: int = 100,
        exclude: Sequence[str] = (),
    ) -> Iterator[Page]:
        """An account's posts, newest first, without those of the ids `since_id` and `until_id`.

        Raises AccountProblem for an account that cannot be read.
        """

    def timeline_window(self) -> WindowState | None:
        """How many timeline calls are left to this credential; None if unknown."""

    def check_credential(self) -> str:
        """Make one small call; the name whose sign-in this is, "" for an app's credential.

        Raises CredentialProblem where the credential is refused.
        """


class NetworkClient(AccountLookup, RecentSearch, TimelineReader, Protocol):
    """All that collecting needs of a network, with one credential."""


class PostStream(Protocol):
    """One connection to a stream. Iterate for events; the last one is a Disconnect."""

    def __iter__(self) -> Iterator[Event]: ...

    def stop(self) -> None:
        """End the connection now. Safe from another thread."""


class StreamSource(Protocol):
    """Connects to the streams of a network with one credential. One try each; never waits."""

    def filter_stream(self) -> PostStream:
        """Connect to the stream of posts that match the rules. Raises NoRules without any."""

    def sample_stream(self) -> PostStream:
        """Connect to the sample of all posts."""

    def count_posts(self, stream: StreamKind, posts: int) -> None:
        """Have delivered posts counted: each is paid for."""


class RuleStore(Protocol):
    """Keeps the rules of a filter stream at the network: those of one app, by all who use it.

    A network without rules of its own may keep them in the client, and match there.
    """

    @property
    def mark(self) -> str:
        """The installation's: only rules that bear it are ever deleted."""

    def rules(self) -> tuple[StreamRule, ...]:
        """All rules the app holds, also those of other programs."""

    def add_rules(
        self, rules: Iterable[Rule], *, dry_run: bool = False
    ) -> tuple[tuple[StreamRule, ...], tuple[RuleRefusal, ...]]:
        """Add rules. Gives those in force and those refused; `dry_run` adds none."""

    def delete_rules(self, rules: Iterable[StreamRule]) -> None:
        """Delete these rules, by id."""

    def sync_rules(self, wanted_rules: Iterable[Rule]) -> SyncResult:
        """Bring this installation's rules in line; those of others are left alone.

        Additions come before deletions where there is room for both, so that nothing is missed.
        """

    def connections(self) -> tuple[OpenConnection, ...]:
        """Stream connections of the app that are open now, on whatever computer."""


class FilterStreamClient(StreamSource, RuleStore, Protocol):
    """All that a collector needs of a network, with one credential."""


class RuleLanguage(Protocol):
    """Makes rules of what people type into a filter. Pure; raises WrongInput for what is wrong."""

    @property
    def max_rules(self) -> int:
        """Rules that one app may hold."""

    @property
    def stream_characters(self) -> int:
        """Characters of one rule of a stream."""

    @property
    def search_characters(self) -> int:
        """Characters of one query of the recent search."""

    def parse_words(self, text: str) -> tuple[Phrase, ...]:
        """Words as typed: commas mean OR, blanks AND."""

    def parse_people(self, text: str) -> tuple[str, ...]:
        """Names of accounts, with commas between."""

    def parse_locations(self, text: str) -> tuple[Box, ...]:
        """Boxes from numbers with commas between: west, south, east, north."""

    def split_boxes(self, boxes: Iterable[Box]) -> tuple[Box, ...]:
        """The boxes cut as small as the network takes them."""

    def build(
        self,
        words: Iterable[Phrase] = (),
        uids: Iterable[int] = (),
        boxes: Iterable[Box] = (),
        *,
        limit: int = ...,
    ) -> tuple[Rule, ...]:
        """The rules that together match any of these; `limit`: characters of each, without it
        those of a rule of a stream."""


class StreamBackoff(Protocol):
    """How long one stream stays away after it broke. Times are seconds of the monotonic clock."""

    def connected(self, now: float) -> None:
        """Note a connect that the network has counted: it has answered."""

    def crowded_seconds(self, now: float) -> float:
        """Seconds until one more connect is within what the network allows; 0 for now."""

    def failed(self, kind: BackoffKind, now: float, requested_seconds: float = 0.0) -> float:
        """Seconds to wait before the next connect; `requested_seconds`: as a refusal asked."""

    def alive(self, seconds: float, records: int) -> None:
        """After a connection ended: how long it lasted, and how many posts it gave."""


class Network(Protocol):
    """What a network says of itself without being called. No credential is needed."""

    @property
    def rules(self) -> RuleLanguage:
        """How a filter becomes rules."""

    @property
    def prices(self) -> Prices:
        """What reading costs."""

    @property
    def window_seconds(self) -> int:
        """Length of the window that rate limits count in."""

    def account_problem(
        self, state: AccountState, subject: str, *, detail: str = ""
    ) -> AccountProblem:
        """The network's sentence for an account in this state; `subject` is its name or uid."""

    def parse_line(self, line: bytes) -> Post:
        """The post in these stored bytes. Raises Unreadable."""

    def split_page(self, body: bytes) -> Page:
        """The posts of one whole answer, as files hold it. Raises Unreadable."""

    def stream_backoff(self) -> StreamBackoff:
        """A new one, for one stream."""
