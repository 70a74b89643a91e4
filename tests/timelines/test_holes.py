"""More posts than X gives between two passes leave a hole, which is written down."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from sfm.database import begin_write, db
from sfm.models import RunError, TimelineHole, TwitterUser, TwitterUserItem
from sfm.posts import delete
from sfm.runs import queue
from sfm.runs.context import RunContext
from sfm.sandbox.server import Sandbox
from sfm.sandbox.world.people import Person
from sfm.timelines.collect import CollectResult, collect
from sfm.twitter.client import Client
from tests.collecting import held, tracked
from tests.conftest import FrozenClock


@pytest.fixture
def a_run(app: Flask) -> RunContext:
    return queue.start("user_timeline")


@pytest.fixture
def person(sandbox: Sandbox) -> Person:
    """An account with more posts than this sandbox gives."""
    sandbox.site.timeline_reach = 250
    return sandbox.world.find("HarborCouncil")


def hole_rows() -> list[tuple[int | None, int, str]]:
    db.session.rollback()
    rows = db.session.scalars(select(TimelineHole).order_by(TimelineHole.id))
    return [(row.after_id, row.before_id, row.cause) for row in rows]


def place(user: TwitterUser) -> tuple[int | None, int | None, int | None]:
    db.session.refresh(user)
    return user.held_to_id, user.pass_newest_id, user.pass_oldest_id


def calls(sandbox: Sandbox) -> int:
    return len(sandbox.served)


def test_more_posts_than_twitter_gives_since_the_last_pass_leave_a_hole(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, person: Person
) -> None:
    """JB22."""
    truth = sandbox.world.visible(person)
    user = tracked(person, held_to_id=truth[400])
    collect(twitter, a_run, user.id)
    kept = held(user)
    assert kept == truth[: len(kept)]
    assert len(kept) < 250
    assert hole_rows() == [(truth[400], kept[-1], "limit")]
    assert place(user) == (truth[0], None, None)
    (reason,) = db.session.scalars(select(RunError.reason))
    assert "are missing: more had been posted" in reason
    again = collect(twitter, a_run, user.id)
    assert again == CollectResult(new=0, known=0, pages=1)
    assert len(hole_rows()) == 1, "noted once"


@pytest.mark.parametrize("back", [101, 240])
def test_as_many_posts_as_twitter_gives_leave_none_and_cost_one_post_more(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, person: Person, back: int
) -> None:
    truth = sandbox.world.visible(person)
    user = tracked(person, held_to_id=truth[back])
    found = collect(twitter, a_run, user.id)
    assert held(user)[:back] == truth[:back]
    assert hole_rows() == []
    assert calls(sandbox) == found.pages
    assert a_run.progress.api_posts == back + 1


def test_one_page_of_new_posts_asks_for_no_kept_post_again(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, person: Person
) -> None:
    truth = sandbox.world.visible(person)
    user = tracked(person, held_to_id=truth[60])
    found = collect(twitter, a_run, user.id)
    assert (found.new, a_run.progress.api_posts, calls(sandbox)) == (60, 60, 1)
    assert hole_rows() == []


@pytest.mark.parametrize("newer", [120, 400])
def test_a_newest_kept_post_that_was_deleted_at_twitter_is_no_sign_of_a_hole(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, person: Person, newer: int
) -> None:
    """Posts before it come instead; where none do, others that are kept are looked up."""
    truth = sandbox.world.visible(person)
    user = tracked(person, held_to_id=truth[newer])
    sandbox.world.remove_post(truth[newer])
    db.session.add(kept_post(user, truth[newer + 1]))
    db.session.commit()
    collect(twitter, a_run, user.id)
    assert held(user)[:100] == truth[:100]
    assert [row[0] for row in hole_rows()] == ([] if newer == 120 else [truth[newer]])


def test_an_account_that_deleted_all_it_had_posted_before_has_no_hole(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    person = sandbox.world.find("HarborCouncil")
    truth = sandbox.world.visible(person)
    for post_id in truth[150:]:
        sandbox.world.remove_post(post_id)
    user = tracked(person, held_to_id=truth[150])
    sandbox.site.timeline_reach = 151
    collect(twitter, a_run, user.id)
    assert held(user) == truth[:150]
    assert hole_rows() == []


def test_a_pass_that_is_taken_up_when_its_rest_is_out_of_reach_leaves_a_hole(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, person: Person
) -> None:
    """JB22: the empty page that comes then is no end of the timeline."""
    truth = sandbox.world.visible(person)
    user = tracked(
        person, held_to_id=truth[600], pass_newest_id=truth[300], pass_oldest_id=truth[400]
    )
    collect(twitter, a_run, user.id)
    assert hole_rows() == [
        (truth[600], truth[400], "limit"),
        (truth[300], held(user)[-1], "limit"),
    ]
    assert place(user) == (truth[0], None, None)


def test_a_first_pass_whose_rest_is_refused_says_down_to_where_it_came(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    person = sandbox.world.find("HarborCouncil")
    truth = sandbox.world.visible(person)
    user = tracked(person, pass_newest_id=truth[0], pass_oldest_id=truth[100])
    body = {"errors": [{"parameters": {"until_id": ["1"]}, "message": "'until_id' is too old."}]}
    sandbox.faults.add(
        "body", query=f"until_id={truth[100]}", times=None, status=400, body=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    collect(twitter, a_run, user.id)
    assert hole_rows() == [(None, truth[100], "refused")]
    assert user.first_pass_oldest_id == truth[100]


def test_a_first_pass_of_an_account_with_more_than_3200_posts_ends_at_the_limit(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    """D-49."""
    truth = sandbox.world.visible(sandbox.world.find("seven_posts"))
    user = tracked(sandbox.world.find("seven_posts"), statuses_count=3_201)
    collect(twitter, a_run, user.id)
    assert hole_rows() == [(None, truth[-1], "limit")]
    db.session.refresh(user)
    assert user.first_pass_oldest_id == truth[-1]


def test_holes_go_with_their_account(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, person: Person, clock: FrozenClock
) -> None:
    user = tracked(person, held_to_id=sandbox.world.visible(person)[400])
    collect(twitter, a_run, user.id)
    assert hole_rows()
    begin_write()
    delete.remove_account(db.session.get_one(TwitterUser, user.id))
    db.session.commit()
    assert hole_rows() == []


def kept_post(user: TwitterUser, twitter_id: int) -> TwitterUserItem:
    """A post of the account as an earlier pass has kept it."""
    from sfm import clock as clocks

    at = clocks.snowflake_time(twitter_id)
    assert at is not None
    return TwitterUserItem(
        twitter_user_id=user.id, twitter_id=twitter_id, date_published=at, month=202611,
        captured_by="timeline", kind="post", is_retweet_strict=False, is_retweet=False,
        has_link=False, has_media=False, item_text="kept", item_json="{}",
    )  # fmt: skip
