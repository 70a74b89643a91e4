"""What is left of a record when a post within it must go. No database."""

from __future__ import annotations

import json

from sfm.removals.redact import RemovedIds, redact


def test_the_pictures_of_a_removed_article_go_with_it() -> None:
    article = {"title": "Gone", "cover_media": "3_1", "media_entities": ["3_2"]}
    quoting = {"id": "5", "text": "See", "referenced_tweets": [{"type": "quoted", "id": "77"}]}
    record = {
        "data": {**quoting, "article": {"title": "Stays", "cover_media": "3_3"}},
        "includes": {
            "tweets": [{"id": "77", "text": "x", "article": article}],
            "media": [{"media_key": f"3_{number}"} for number in (1, 2, 3)],
        },
    }
    left = redact(json.dumps(record).encode(), RemovedIds(frozenset({77})))
    assert left is not None
    assert json.loads(left)["includes"] == {"tweets": [], "media": [{"media_key": "3_3"}]}
