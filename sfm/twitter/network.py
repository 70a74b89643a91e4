"""What X says of itself without being called: its sentences, prices, limits, rules, formats."""

from __future__ import annotations

from sfm.networks.meter import Prices
from sfm.twitter import boxes, errors, rules
from sfm.twitter.parse import response, tweet
from sfm.twitter.rate_headers import WINDOW_SECONDS
from sfm.twitter.stream_backoff import Backoff


class TwitterRules:
    """How words, people and places become rules of X (networks.adapter.RuleLanguage)."""

    max_rules = rules.MAX_RULES
    stream_characters = rules.STREAM_LIMIT
    search_characters = rules.SEARCH_LIMIT
    parse_words = staticmethod(rules.parse_words)
    parse_people = staticmethod(rules.parse_people)
    parse_locations = staticmethod(boxes.parse_locations)
    split_boxes = staticmethod(boxes.tiles)
    build = staticmethod(rules.build_rules)


class TwitterNetwork:
    """X as features see it (networks.adapter.Network).

    Source of the prices: X, "Pricing", August 2026; the console has the last word.
    """

    rules = TwitterRules()
    prices = Prices(dollars_per_post=0.005, dollars_per_count=0.005, cents_per_account=1.0)
    window_seconds = WINDOW_SECONDS
    account_problem = staticmethod(errors.account_problem)
    parse_line = staticmethod(tweet.parse_line)
    split_page = staticmethod(response.split_page)
    stream_backoff = Backoff
