"""Keeps a collector's rules at Twitter in line: connects first, then syncs, then checks them.

Rules are shared by all who use the app's token. Those of others are never changed; ours may be
deleted by others, and then a connection stands on which our posts no longer come.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from sfm import clock
from sfm.errors import SfmError
from sfm.messages import Message, pack
from sfm.networks.adapter import FilterStreamClient, PostStream, RuleStore
from sfm.networks.errors import BadRequest, NetworkError, NoRules, Wait
from sfm.networks.rules import Rule, StreamRule, SyncResult
from sfm.streams import file_names
from sfm.streams.coverage import Cause
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.status import Outage, Status

logger = logging.getLogger(__name__)

FAILED_SECONDS = (2.0, 5.0, 15.0, 60.0, 300.0)  # after the last of them, again and again
LEFT_OUT_SECONDS = 3600.0  # then filters that did not fit are tried again
CHECK_SECONDS = 60.0  # between two looks at the rules, whatever comes
EARLY_CHECK_SECONDS = 5.0  # where what comes says that they may be gone
MISSED_POSTS = 20.0  # so many should have come by the pace before
REMOVED = "rules_removed"
DETAIL = Message("The rules were deleted at Twitter by somebody else, and were put back.")


class RuleSync:
    """The rules of one collector. `connect` is for the reader's thread, the rest for the main one.

    `stream` and `lookups` are clients for these two threads.
    """

    def __init__(
        self,
        router: Router,
        status: Status,
        stream: FilterStreamClient,
        lookups: RuleStore,
    ) -> None:
        self.refused: list[str] = []
        self.foreign: tuple[StreamRule, ...] = ()
        self.restored: tuple[datetime, datetime] | None = None  # last absence: from, to
        self._router, self._status = router, status
        self._stream, self._lookups = stream, lookups
        self._syncing = threading.Lock()
        self._in_force: frozenset[str] = frozenset()
        self._seen = clock.monotonic()  # when our rules were last seen at the network
        self._pace = 0.0  # posts a minute while ours came last
        self._looked_at = clock.monotonic()
        self._unmatched = self._matched = 0
        self._matched_at = clock.monotonic()
        self._added: dict[str, StreamRule] = {}
        self.left_out: dict[int, str] = {}  # filters whose rules do not fit, and why
        self._fitted: CollectedFilters | None = None  # what `left_out` is about
        self._fit_again_at = 0.0  # on the monotonic clock: others may have made room
        self._failures = 0
        self._next_try = 0.0  # on the monotonic clock
        self.on_connect: Callable[[], None] = lambda: None  # the network has counted a connect

    def connect(self) -> PostStream:
        """One try: the connection first, then the rules. Raises NetworkError.

        Our rules come first only where Twitter makes no connection for want of good rules.
        """
        try:
            connection: PostStream = self._stream.filter_stream()
        except (NoRules, BadRequest) as refusal:
            if refusal.status != HTTPStatus.CONFLICT:
                raise
            self.on_connect()
            connection = self._connect_with_rules()
        except Wait as refusal:
            raise self._name_other_owner(refusal) from refusal
        self.on_connect()
        try:
            self._sync(self._stream)
        except BaseException:
            connection.stop()
            raise
        return connection

    def sync(self) -> None:
        """Bring the rules in line with the filters, on the connection there is. Raises
        NetworkError."""
        self._looked_at = clock.monotonic()
        try:
            self._sync(self._lookups)
        except NetworkError:
            waits = FAILED_SECONDS[min(self._failures, len(FAILED_SECONDS) - 1)]
            self._failures, self._next_try = self._failures + 1, clock.monotonic() + waits
            raise
        self._failures = 0

    def may_try(self) -> bool:
        """Whether rules may be synced now: after a failure it is tried ever more slowly, but at
        once for other filters."""
        is_new = self._router.filters is not self._fitted
        return is_new or clock.monotonic() >= self._next_try

    def is_due(self) -> bool:
        """Whether it is time to look at the rules: each minute, and soon where posts come that
        match none of them, or none come though they should."""
        now = clock.monotonic()
        matched = self._status.posts - self._status.unmatched
        if matched > self._matched:
            self._matched, self._matched_at = matched, now
            self._pace = self._status.posts_a_minute
        since = now - self._looked_at
        if since < EARLY_CHECK_SECONDS or since >= CHECK_SECONDS:
            return since >= CHECK_SECONDS
        missed = self._pace / 60 * (now - self._matched_at)
        has_unmatched = self._status.unmatched > self._unmatched and not self.foreign
        return has_unmatched or missed >= MISSED_POSTS

    def withdraw(self) -> None:
        """Delete the rules that this run has added; where Twitter does not answer they stay."""
        self._withdraw(self._lookups)

    def figures(self) -> dict[str, object]:
        """What the heartbeat says of the rules. Times are ISO, UTC."""
        marks = {rule.mark for rule in self.foreign} - {""}
        absence = [clock.iso(moment) for moment in self.restored] if self.restored else None
        return {
            "rules_refused": self.refused,
            "left_out": {str(number): pack(why) for number, why in self.left_out.items()},
            "rules_of_others": len(self.foreign),
            "other_installations": sorted(marks),
            "rules_put_back": absence,
        }

    def _connect_with_rules(self) -> PostStream:
        self._sync(self._stream)
        try:
            return self._stream.filter_stream()
        except NetworkError as refusal:
            self._withdraw(self._stream)  # else whoever is connected gets and pays for our posts
            if isinstance(refusal, Wait):
                raise self._name_other_owner(refusal) from refusal
            raise

    def _withdraw(self, client: RuleStore) -> None:
        with self._syncing:
            try:
                client.delete_rules(self._added.values())
            except SfmError as exc:
                logger.warning("rules of this run left at Twitter why=%s", exc.message)
            self._added, self._in_force = {}, frozenset()
            self._status.rules_in_force(())

    def _sync(self, client: RuleStore) -> None:
        with self._syncing:
            result = self._sync_what_fits(client)
            self._router.set_stored_rules(result.rules.values())
            self._note(result)
        for text in self.refused:
            logger.error("rule refused by Twitter rule=%s", text)

    def _sync_what_fits(self, client: RuleStore) -> SyncResult:
        """Leave one filter after the other out, until the network takes the rules of the rest.

        Where it takes those of none alone, none is left out: they are not what it dislikes.
        """
        filters = self._router.filters
        if filters is not self._fitted or clock.monotonic() >= self._fit_again_at:
            self._fitted, self.left_out, self._failures = filters, {}, 0
            self._fit_again_at = clock.monotonic() + LEFT_OUT_SECONDS
        left_out = dict(self.left_out)
        while True:
            numbers = [number for number in filters.rules if number not in left_out]
            fitting = CollectedFilters({number: filters.rules[number] for number in numbers})
            try:
                result = client.sync_rules(fitting.unique_rules)
            except BadRequest as refusal:
                if len(numbers) < 2:
                    self.left_out = {}
                    raise
                left_out[self._newest_missing(numbers)] = Message(
                    "Its rules do not fit beside those of the other filters on this connection, "
                    "so it is left out. %(reason)s",
                    reason=refusal.message,
                )
                continue
            self._note_left_out(left_out)
            return result

    def _newest_missing(self, numbers: list[int]) -> int:
        """The newest of those whose rules are not in force, else the newest of all."""
        rules = self._router.filters.rules
        missing = [
            number
            for number in numbers
            if any(rule.value not in self._in_force for rule in rules[number])
        ]
        return max(missing or numbers)

    def _note_left_out(self, left_out: dict[int, str]) -> None:
        before, self.left_out = self.left_out, left_out
        for number in left_out.keys() - before.keys():
            why = left_out[number]
            logger.error("filter left out filter=%d why=%s", number, why)
            prefix = file_names.filter_prefix(number)
            self._status.stream_removed(prefix, clock.time_of(self._seen), "rules_do_not_fit", why)

    def _note(self, result: SyncResult) -> None:
        now = clock.now()
        removed = result.missing & self._in_force
        if removed:
            self._record_absence(removed, now)
        self.refused = [f"{rule.value[:80]}: {rule.reason}" for rule in result.refused]
        self.foreign = result.foreign
        self._added |= {rule.value: rule for rule in result.added}
        own_values = {rule.value for rule in self._router.filters.unique_rules}
        self._in_force = frozenset(own_values & result.rules.keys())
        self._status.rules_in_force(self._prefixes_in_force(), self._why_not_in_force())
        self._seen = clock.monotonic()
        self._looked_at = self._matched_at = clock.monotonic()
        self._unmatched = self._status.unmatched

    def _prefixes_in_force(self) -> list[str]:
        """The streams of filters whose rules are all at Twitter."""
        return [
            file_names.filter_prefix(number)
            for number, rules in self._router.filters.rules.items()
            if all(rule.value in self._in_force for rule in rules)
        ]

    def _why_not_in_force(self) -> Cause:
        if self.refused:
            return "rules_refused", Message(
                "Twitter does not take a rule of it: %(rule)s", rule=self.refused[0]
            )
        if self.left_out:
            return "rules_do_not_fit", next(iter(self.left_out.values()))
        return REMOVED, DETAIL

    def _record_absence(self, removed: frozenset[str], now: datetime) -> None:
        """A gap for each filter that wants these rules, since they were last proved to be there."""
        logger.error("rules were gone at Twitter and are put back count=%d", len(removed))
        for number, rules in self._router.filters.rules.items():
            gone = [rule for rule in rules if rule.value in removed]
            if not gone:
                continue
            prefix, since = file_names.filter_prefix(number), min(map(self._proved_until, gone))
            outage = Outage(
                since, REMOVED, DETAIL, ended_at=now, last_id=self._status.last_id,
                prefixes=(prefix,), rate=self._pace * self._status.share_of(prefix),
            )  # fmt: skip
            outage.set_duration((now - since).total_seconds())
            self._status.outages.append(outage)
        self.restored = (
            clock.time_of(self._seen),
            now,
        )  # a heartbeat that says so writes the gap too

    def _proved_until(self, rule: Rule) -> datetime:
        """When a rule was last seen at the network, or a post came for it."""
        matched_at = self._router.matched_at(rule)
        return clock.time_of(self._seen if matched_at is None else max(self._seen, matched_at))

    def _name_other_owner(self, refusal: Wait) -> Wait:
        """The refusal of a second connection, with what is known of who has the first."""
        if refusal.reason != "connections":
            return refusal
        try:
            rules, connections = self._stream.rules(), self._stream.connections()
        except SfmError:
            return refusal
        marks = {rule.mark for rule in rules} - {"", self._stream.mark}
        since = min(
            (connection.connected_at for connection in connections if connection.connected_at),
            default=None,
        )
        when = Message(" since %(time)s UTC", time=f"{since:%Y-%m-%d %H:%M}") if since else ""
        if marks:
            who = Message(
                "Another installation of Social Feed Manager, whose rules are at Twitter, is "
                "connected with this app token%(when)s.",
                when=when,
            )
        else:
            who = Message("Another program is connected with this app token%(when)s.", when=when)
        message = Message(
            "%(who)s Stop it there, or use another app token here. %(reason)s",
            who=who,
            reason=refusal.message,
        )
        return Wait(
            message, refusal.until, seconds=refusal.seconds, reason=refusal.reason,
            endpoint=refusal.endpoint, cause=refusal.cause, detail=refusal.detail,
            status=refusal.status,
        )  # fmt: skip
