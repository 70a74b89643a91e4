"""The rules of all filters on one shared connection: together no more than the network holds."""

from __future__ import annotations

from collections.abc import Iterable

from sfm.adapters import NETWORK
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.filters import connections
from sfm.filters.validation import BadFilter, stream_rules
from sfm.messages import Message
from sfm.networks.rules import Rule


def check_sum(rules: Iterable[Rule], fingerprint: str, filter_id: int | None) -> None:
    """Raise BadFilter where these rules of an active filter do not fit beside those of the other
    filters that share its connection. `filter_id` is the filter itself."""
    if not settings().share_stream_connections:
        return
    own = {rule.value for rule in rules}
    others: set[str] = set()
    count = 0
    for other in connections.filters_connected_with(fingerprint, filter_id):
        count += 1
        try:
            others |= {rule.value for rule in stream_rules(other)}
        except SfmError:
            continue  # it is left out of the connection too
    together, limit = len(own | others), NETWORK.rules.max_rules
    if together > limit:
        raise BadFilter(
            {
                "words": Message(
                    "This filter makes %(own)s rules, and the other filters on its connection "
                    "(%(count)s) make %(others)s: together %(together)s, and Twitter takes "
                    "%(limit)s for one app. Make one of them smaller, deactivate one, or give "
                    "this one another app token.",
                    own=len(own),
                    count=count,
                    others=len(others),
                    together=together,
                    limit=limit,
                )
            }
        )
