"""Which filters a post belongs to, by the rules it matched."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from sfm.database import db
from sfm.errors import SfmError
from sfm.filters import connections, service, validation
from sfm.filters.coverage_due import CAUSES, CREDENTIAL_CHANGED
from sfm.messages import Message
from sfm.models import TwitterFilter
from sfm.networks.rules import Rule, StreamRule
from sfm.streams.parse_line import ParsedLine


@dataclass(frozen=True)
class CollectedFilters:
    """The filters that one connection collects, with the rules of each."""

    rules: Mapping[int, tuple[Rule, ...]]
    revision: int = 0
    changed_at: Mapping[int, datetime] = field(default_factory=dict)

    @property
    def filter_ids(self) -> tuple[int, ...]:
        return tuple(sorted(self.rules))

    @property
    def unique_rules(self) -> tuple[Rule, ...]:
        """All rules, each once: filters that want the same share a rule."""
        return tuple(
            {
                rule.value: rule for filter_rules in self.rules.values() for rule in filter_rules
            }.values()
        )


@dataclass
class Router:
    """Knows rules by id and by tag, also those of a while ago: posts come late.

    `mark` is this installation's: tags of others lead to no filter.
    """

    filters: CollectedFilters
    mark: str
    _by_tag: dict[str, frozenset[int]] = field(default_factory=dict)
    _by_id: dict[str, frozenset[int]] = field(default_factory=dict)
    _by_value: dict[str, frozenset[int]] = field(default_factory=dict)
    _matched_at: dict[str, float] = field(default_factory=dict)  # by tag

    def __post_init__(self) -> None:
        self.assign(self.filters)

    def assign(self, filters: CollectedFilters) -> None:
        """Route to these filters from now on; rules of earlier filters stay known."""
        owners: dict[str, set[int]] = {}
        for filter_id, rules in filters.rules.items():
            for rule in rules:
                owners.setdefault(rule.value, set()).add(filter_id)
        self.filters = filters
        self._by_value |= {value: frozenset(ids) for value, ids in owners.items()}
        self._by_tag |= {Rule(value).tag(self.mark): self._by_value[value] for value in owners}

    def set_stored_rules(self, rules: Iterable[StreamRule]) -> None:
        """The rules as Twitter holds them: one of ours may bear the tag of whoever was first."""
        for rule in rules:
            owners = self._by_value.get(rule.value)
            if owners:
                self._by_id[rule.id] = owners

    def note_match(self, filing: ParsedLine, received: float) -> None:
        """A post came for its rules at this moment, in seconds on the monotonic clock."""
        for _, tag in filing.rules:
            self._matched_at[tag] = received

    def matched_at(self, rule: Rule) -> float | None:
        """When a post last came for this rule, in seconds on the monotonic clock."""
        return self._matched_at.get(rule.tag(self.mark))

    def filters_for(self, filing: ParsedLine) -> frozenset[int]:
        """The filters whose files a post belongs into; none where only rules of others matched."""
        filter_ids: frozenset[int] = frozenset()
        for rule_id, tag in filing.rules:
            filter_ids |= self._by_id.get(rule_id) or self._by_tag.get(tag) or frozenset()
        present = frozenset(self.filters.rules)
        if not filing.rules and len(present) == 1:
            return present
        return filter_ids & present


logger = logging.getLogger(__name__)


def signature() -> tuple[object, ...]:
    """Changes whenever any filter does."""
    columns = (TwitterFilter.id, TwitterFilter.changed_at)
    return tuple(tuple(row) for row in db.session.execute(select(*columns).order_by("id")))


def load_filters(
    filter_ids: Collection[int], *, fingerprint: str, share: bool, only_active: bool
) -> CollectedFilters:
    """The filters to collect now, with their rules. One whose rules cannot be made is left out."""
    rules, changed_at = {}, {}
    newest = 0
    for twitter_filter in db.session.scalars(select(TwitterFilter).order_by(TwitterFilter.id)):
        active = twitter_filter.is_active and twitter_filter.held_at is None
        mine = twitter_filter.id in filter_ids and (active or not only_active)
        if not mine and not (share and active):
            continue
        if connections.fingerprint_of(twitter_filter) != fingerprint:
            continue
        newest = max(newest, service.revision(twitter_filter))
        changed_at[twitter_filter.id] = twitter_filter.changed_at
        try:
            rules[twitter_filter.id] = validation.stream_rules(twitter_filter)
        except SfmError as exc:
            logger.error("filter left out filter=%d why=%s", twitter_filter.id, exc.message)
    return CollectedFilters(rules, newest, changed_at)


def removal_cause(filter_id: int, fingerprint: str) -> tuple[str, str] | None:
    """Why a filter is no longer collected with this credential: cause and sentence of a gap.

    None where it is deleted, not active or stopped: then it is not due.
    """
    twitter_filter = db.session.get(TwitterFilter, filter_id)
    if twitter_filter is None or not twitter_filter.is_active or twitter_filter.held_at is not None:
        return None
    if connections.fingerprint_of(twitter_filter) != fingerprint:
        return CREDENTIAL_CHANGED, CAUSES[CREDENTIAL_CHANGED]
    return "no_rules", Message("No rules can be made of the filter; edit it.")
