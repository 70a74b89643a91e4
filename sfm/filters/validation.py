"""Checks what was typed into a filter, and turns it into rules for Twitter's stream. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import TypeVar

from sfm.adapters import NETWORK
from sfm.errors import SfmError, WrongInput
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.messages import N_, Message, join_messages
from sfm.models import TwitterFilter
from sfm.networks.rules import Box, Phrase, Rule

RULES = NETWORK.rules
MAX_PEOPLE = 5000
MAX_PHRASES = 400
MAX_BOXES = 25
MAX_NAME_CHARACTERS = 255

T = TypeVar("T")


class BadFilter(SfmError):
    """A filter that cannot be saved as it is; `problems` has a sentence for each field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(join_messages(problems.values()), permanent=True)
        self.problems = dict(problems)


@dataclass(frozen=True)
class RuleParts:
    """What a filter listens for, as read from its fields."""

    phrases: tuple[Phrase, ...] = ()
    names: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    exact: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.phrases or self.names or self.boxes or self.exact)


@dataclass
class _Reading:
    problems: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, how: Callable[[str], T], text: str, empty: T) -> T:
        try:
            return how(text)
        except WrongInput as exc:
            self.problems[name] = exc.message
            return empty


def parts_of(draft: FilterDraft) -> RuleParts:
    """What a draft listens for. Raises BadFilter with a sentence for each field that is wrong."""
    reading = _Reading()
    parts = RuleParts(
        phrases=reading.read("words", _phrases, draft.words, ()),
        names=reading.read("people", _people, draft.people, ()),
        boxes=reading.read("locations", _boxes, draft.locations, ()),
        exact=reading.read("rule_text", _exact, draft.rule_text, ()),
    )
    name = " ".join(draft.name.split())
    if not name or len(name) > MAX_NAME_CHARACTERS:
        reading.problems["name"] = Message(
            "Give the filter a name of 1 to %(limit)s characters.", limit=MAX_NAME_CHARACTERS
        )
    if draft.is_active and parts.is_empty and not reading.problems:
        reading.problems["words"] = Message(
            "An active filter needs words, people, locations or exact rules to listen for."
        )
    if reading.problems:
        raise BadFilter(reading.problems)
    _check_count(parts)
    return parts


def rules_for(
    parts: RuleParts, uids: Iterable[int], limit: int = RULES.stream_characters
) -> tuple[Rule, ...]:
    """The rules of these parts. People count by uid: those not found match nothing."""
    made = RULES.build(parts.phrases, uids, parts.boxes, limit=limit)
    exact = tuple(Rule(value) for value in parts.exact)
    return tuple({rule.value: rule for rule in (*made, *exact)}.values())


def stream_rules(twitter_filter: TwitterFilter) -> tuple[Rule, ...]:
    """The rules that a saved filter becomes on the stream. Raises BadFilter."""
    return rules_for(
        parts_of(draft_of(twitter_filter, is_active=False)), twitter_filter.uids.values()
    )


@dataclass(frozen=True)
class SearchPlan:
    """What recent search can be asked for a filter: its queries, and the rules too long for it."""

    queries: tuple[str, ...]
    too_long: tuple[str, ...]


def search_plan(twitter_filter: TwitterFilter) -> SearchPlan:
    """The filter as queries of recent search, whose limit is lower. Raises BadFilter."""
    parts = parts_of(draft_of(twitter_filter, is_active=False))
    long_phrases = tuple(phrase for phrase in parts.phrases if not _fits_search(phrase))
    phrases = tuple(phrase for phrase in parts.phrases if phrase not in long_phrases)
    made = RULES.build(
        phrases, twitter_filter.uids.values(), parts.boxes, limit=RULES.search_characters
    )
    exact = [value for value in parts.exact if len(value) <= RULES.search_characters]
    too_long = [rule.value for phrase in long_phrases for rule in RULES.build([phrase])]
    too_long += [value for value in parts.exact if len(value) > RULES.search_characters]
    queries = dict.fromkeys([*(rule.value for rule in made), *exact])
    return SearchPlan(tuple(queries), tuple(too_long))


def _fits_search(phrase: Phrase) -> bool:
    try:
        RULES.build([phrase], limit=RULES.search_characters)
    except WrongInput:
        return False
    return True


def _check_limit(values: Sized, limit: int, msgid: str) -> None:
    if len(values) > limit:
        raise WrongInput(Message(msgid, count=len(values), limit=limit))


def _phrases(text: str) -> tuple[Phrase, ...]:
    phrases = RULES.parse_words(text)
    _check_limit(
        phrases, MAX_PHRASES, N_("%(count)s phrases are too many; a filter takes %(limit)s.")
    )
    RULES.build(phrases)  # says which phrase is too long
    return phrases


def _people(text: str) -> tuple[str, ...]:
    names = RULES.parse_people(text)
    _check_limit(names, MAX_PEOPLE, N_("%(count)s people are too many; a filter takes %(limit)s."))
    return names


def _boxes(text: str) -> tuple[Box, ...]:
    boxes = RULES.parse_locations(text)
    _check_limit(boxes, MAX_BOXES, N_("%(count)s boxes are too many; a filter takes %(limit)s."))
    RULES.build((), (), boxes)  # says which box is too large, and what to do instead
    return boxes


def _exact(text: str) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    for line in values:
        if len(line) > RULES.stream_characters:
            raise WrongInput(
                Message(
                    "“%(line)s…” has %(count)s characters; a rule takes %(limit)s.",
                    line=line[:60],
                    count=len(line),
                    limit=RULES.stream_characters,
                )
            )
    return values


def _check_count(parts: RuleParts) -> None:
    # The uids of people not asked for yet are taken as long as any.
    rules = rules_for(parts, range(10**18, 10**18 + len(parts.names)))
    if len(rules) > RULES.max_rules:
        raise BadFilter(
            {
                "people": Message(
                    "This makes %(count)s rules; Twitter takes %(limit)s for one app.",
                    count=len(rules),
                    limit=RULES.max_rules,
                )
            }
        )
