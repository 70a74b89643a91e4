"""What is said of the completeness of an account's posts: sentences of a record, no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sfm import clock
from sfm.accounts import lifecycle
from sfm.accounts.completeness import as_json, describe, summarize
from sfm.accounts.completeness_records import AccountRecord, PostsMissing
from sfm.config import Settings
from sfm.timelines import failures


def id_at(*moment: int) -> int:
    at = datetime(*moment, tzinfo=UTC)  # type: ignore[misc, arg-type]
    return (int(at.timestamp() * 1000) - clock.SNOWFLAKE_EPOCH_MS) << 22


RECORD = AccountRecord(
    id=1,
    uid=12,
    name="tides",
    state="ok",
    state_since=datetime(2026, 1, 1, tzinfo=UTC),
    state_reason="",
    gone_unconfirmed_since=None,
    collected_at=datetime(2026, 11, 30, 6, 0, tzinfo=UTC),
    held_to_id=id_at(2026, 11, 29),
    pass_oldest_id=None,
    first_pass_oldest_id=id_at(2019, 3, 4),
    on_twitter=3_000,
    posts_kept=3_000,
    inactive_since=None,
    missing=(),
    failed_runs=0,
    failed_since=None,
)
BELOW = PostsMissing(None, id_at(2019, 3, 4), "limit", 0)
HOLE = PostsMissing(id_at(2025, 1, 1), id_at(2025, 2, 1), "limit", 12)


def test_all_from_the_first_post_on() -> None:
    assert describe(RECORD) == (
        "All its posts that Twitter gave were collected, from the first one on 2019-03-04 00:00 "
        "UTC to 2026-11-30 06:00 UTC."
    )
    assert summarize(RECORD) == "from 2019-03-04"


def test_the_limit_of_3200_is_named() -> None:
    """D-49."""
    limited = replace(RECORD, missing=(BELOW,), on_twitter=14_858)
    assert describe(limited) == (
        "All its posts that Twitter gave were collected from 2019-03-04 00:00 UTC to 2026-11-30 "
        "06:00 UTC. 3,000 posts are kept, of 14,858 that Twitter counts. Posts from before "
        "2019-03-04 00:00 UTC were not to be had: Twitter gives only the newest 3,200 posts of an "
        "account."
    )


def test_a_hole_is_named_with_what_came_from_elsewhere() -> None:
    """K-5."""
    words = describe(replace(RECORD, missing=(HOLE,)))
    assert "but for what is named here" in words
    assert "Posts between 2025-01-01 00:00 UTC and 2025-02-01 00:00 UTC are missing" in words
    assert "12 posts came from elsewhere" in words
    assert summarize(replace(RECORD, missing=(BELOW, HOLE))) == "from 2019-03-04, holes: 1"


def test_of_many_holes_the_latest_are_named() -> None:
    words = describe(replace(RECORD, missing=(HOLE,) * 13))
    assert words.count("are missing") == 10
    assert "3 earlier holes" in words


def test_what_is_not_known_is_called_so() -> None:
    unknown = replace(RECORD, first_pass_oldest_id=None, on_twitter=14_858)
    assert "is not recorded" in describe(unknown)
    assert "3,000 posts are kept, of 14,858 that Twitter counts" in describe(unknown)
    assert "Twitter counts" not in describe(replace(unknown, on_twitter=None))
    old_id = replace(RECORD, missing=(replace(BELOW, before_id=2_000),), first_pass_oldest_id=2_000)
    assert "from before post 2000 were not to be had" in describe(old_id)


def test_nothing_collected_yet_and_a_first_collection_under_way() -> None:
    new = replace(RECORD, held_to_id=None, first_pass_oldest_id=None, collected_at=None)
    assert describe(new) == "None of its posts have been asked for yet."
    assert "has come down to 2020-01-01" in describe(replace(new, pass_oldest_id=id_at(2020, 1, 1)))
    assert describe(replace(new, collected_at=RECORD.collected_at)).startswith("It had no posts")
    under_way = replace(RECORD, pass_oldest_id=id_at(2026, 11, 30))
    assert "between 2026-11-29 00:00 UTC and 2026-11-30 00:00 UTC are still to come" in describe(
        under_way
    )


def test_since_when_and_why_it_is_not_read() -> None:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    gone = replace(RECORD, state="suspended", state_since=when, state_reason="It is suspended.")
    assert "not been readable since 2026-11-01 00:00 UTC. It is suspended." in describe(gone)
    assert "this is not confirmed yet" in describe(replace(RECORD, gone_unconfirmed_since=when))
    failing = replace(RECORD, failed_runs=3, failed_since=when)
    assert "could not read it since then: 3, the first on 2026-11-01" in describe(failing)
    off = replace(RECORD, inactive_since=when)
    assert "inactive since 2026-11-01 00:00 UTC" in describe(off)
    for record in (gone, failing, off):
        assert summarize(record) == "from 2019-03-04, not read at present"


def test_machines_are_told_the_same() -> None:
    told = as_json(replace(RECORD, missing=(BELOW, HOLE)))
    assert told["collected_from_id"] == str(RECORD.first_pass_oldest_id)
    assert [one["after_id"] for one in told["missing"]] == [None, str(HOLE.after_id)]
    assert told["in_words"] == describe(replace(RECORD, missing=(BELOW, HOLE)))


def test_the_guide_names_every_state_event_and_limit() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs/accounts.md").read_text(encoding="utf-8")
    cycle = guide.partition("## The life cycle of an account")[2].partition("\n## ")[0]
    kinds = {"added", "renamed", "name_reused", "back", "activated", "deactivated"}
    for word in {lifecycle.OK, *lifecycle.STATES.values(), *kinds, "gone_unconfirmed_since"}:
        assert f"`{word}`" in cycle, word
    assert (lifecycle.MAX_GONE_AT_ONCE, lifecycle.CONFIRM_AFTER) == (5, timedelta(hours=6))
    assert (lifecycle.ASK_AGAIN_AFTER, failures.MAX_FAILURES) == (timedelta(days=7), 5)
    for setting in ("quiet_every_hours", "quiet_after_days"):
        assert f"SFM_{setting.upper()}" in cycle
        assert hasattr(Settings, setting)
