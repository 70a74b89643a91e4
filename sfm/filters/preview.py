"""What a draft becomes before it is saved: its rules, and how much of each limit it takes."""

from __future__ import annotations

from dataclasses import dataclass

from sfm.adapters import NETWORK
from sfm.errors import WrongInput
from sfm.filters import validation
from sfm.filters.drafting import FilterDraft
from sfm.filters.validation import RuleParts
from sfm.messages import N_
from sfm.models import TwitterFilter
from sfm.networks.rules import Rule


@dataclass(frozen=True)
class Preview:
    """What a draft becomes: its rules, and how much of each limit it takes.

    `counts` has a msgid for what is counted, how many there are, and the limit (0: none).
    """

    rules: tuple[Rule, ...]
    counts: tuple[tuple[str, int, int], ...]
    not_looked_up: tuple[str, ...]


def preview(draft: FilterDraft, existing: TwitterFilter | None) -> Preview:
    """The rules of a draft, by what is known without asking Twitter. Raises BadFilter."""
    parts = validation.parts_of(draft)
    known = {name.lower(): uid for name, uid in (existing.uids if existing else {}).items()}
    missing = tuple(name for name in parts.names if name.lower() not in known)
    # A uid that is not known yet is taken as long as any.
    uids = [known.get(name.lower(), 10**18 + n) for n, name in enumerate(parts.names)]
    rules = validation.rules_for(parts, uids)
    return Preview(rules, _counts(parts, rules), missing)


def _counts(parts: RuleParts, rules: tuple[Rule, ...]) -> tuple[tuple[str, int, int], ...]:
    try:
        small_boxes = len(NETWORK.rules.split_boxes(parts.boxes))
    except WrongInput:
        small_boxes = 0
    return (
        (N_("phrases"), len(parts.phrases), validation.MAX_PHRASES),
        (N_("people"), len(parts.names), validation.MAX_PEOPLE),
        (N_("boxes"), len(parts.boxes), validation.MAX_BOXES),
        (N_("boxes of 40 km as Twitter takes them"), small_boxes, 0),
        (N_("rules"), len(rules), NETWORK.rules.max_rules),
    )
