"""One account: exactly what the sandbox holds comes in, cut off anywhere, once each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from sfm.accounts import service
from sfm.database import db
from sfm.models import AccountEvent, Run, RunError, TwitterUser, TwitterUserItem
from sfm.networks.errors import AccountProblem, BadRequest
from sfm.runs import queue
from sfm.runs.context import RunContext
from sfm.runs.errors import LeaseLost
from sfm.sandbox.faults import PlannedFault
from sfm.sandbox.server import Sandbox
from sfm.timelines.collect import CollectResult, collect
from sfm.timelines.due import due_accounts
from sfm.twitter.client import Client
from tests.collecting import added, held, tracked
from tests.conftest import FrozenClock


@pytest.fixture
def a_run(app: Flask) -> RunContext:
    return queue.start("user_timeline")


def calls(sandbox: Sandbox) -> list[str]:
    return [one.query for one in sandbox.served if one.path.endswith("/tweets")]


def test_the_first_time_everything_comes_and_then_one_call_finds_nothing(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    person = sandbox.world.find("FerryNotes")
    user = tracked(person)
    first = collect(twitter, a_run, user.id)
    truth = sandbox.world.visible(person)
    assert held(user) == truth
    assert (first.new, first.known) == (len(truth), 0)
    assert user.held_to_id == truth[0]
    assert (user.pass_newest_id, user.pass_oldest_id) == (None, None)
    assert user.items_count == len(truth)
    sandbox.site.served.clear()
    assert collect(twitter, a_run, user.id) == CollectResult(new=0, known=0, pages=1)
    assert len(calls(sandbox)) == 1
    assert f"since_id={truth[0]}" in calls(sandbox)[0]
    assert user.empty_polls == 1


def test_only_new_posts_are_fetched(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    person = sandbox.world.find("FerryNotes")
    user = tracked(person)
    collect(twitter, a_run, user.id)
    clock.advance(3600)
    before = len(sandbox.world.visible(person))
    made = [sandbox.world.add_post(person, f"News {n}").id for n in range(3)]
    sandbox.site.served.clear()
    found = collect(twitter, a_run, user.id)
    assert found.new == len(sandbox.world.visible(person)) - before + 0 * len(made)
    assert set(made) <= set(held(user))
    assert len(calls(sandbox)) == 1


@pytest.mark.slow
def test_of_a_long_history_what_twitter_gives_comes(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    person = sandbox.world.find("ArchiveOfTides")
    user = tracked(person)
    found = collect(twitter, a_run, user.id)
    assert len(sandbox.world.visible(person)) > 3_200
    truth = sandbox.world.visible(person)
    assert held(user) == truth[: found.new]
    assert 3_100 < found.new <= 3_200, "deleted posts count for X's limit too"
    assert found.pages == 32


def test_an_account_without_posts_is_done_with_one_call(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    person = sandbox.world.find("just_arrived")
    user = tracked(person)
    found = collect(twitter, a_run, user.id)
    assert found.new == len(sandbox.world.visible(person))
    assert len(calls(sandbox)) == 1
    assert user.collected_at is not None


class Killed(BaseException):
    """As if the process had ended here."""


@dataclass
class MortalRun(RunContext):
    """A run whose process ends at the n-th page: right before its commit, or right after it."""

    dies_before: int = 0
    dies_after: int = 0
    lease_checks: int = 0

    def check_lease(self, added: int = 0) -> None:
        super().check_lease(added)
        self.lease_checks += 1
        if self.lease_checks == self.dies_before:
            raise Killed

    def check(self) -> None:
        super().check()
        if self.lease_checks and self.lease_checks == self.dies_after:
            raise Killed


def mortal_run(**dies: int) -> MortalRun:
    run = queue.start("user_timeline")
    return MortalRun(run.id, run.kind, {}, {}, run.lease, origin="command", **dies)


def as_stored() -> list[tuple[object, ...]]:
    rows = db.session.execute(
        select(
            TwitterUserItem.twitter_id, TwitterUserItem.item_text, TwitterUserItem.item_json
        ).order_by(TwitterUserItem.twitter_id)
    )
    return [tuple(row) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["dies_before", "dies_after"])
def test_killed_at_every_commit_it_ends_as_if_undisturbed(
    app: Flask, twitter: Client, sandbox: Sandbox, moment: str
) -> None:
    """JB10: HarborCouncil has eight pages; the process ends at each commit in turn."""
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    truth = sandbox.world.visible(person)
    kills = 0
    for number in range(1, 30):
        run = mortal_run(**{moment: number})
        try:
            collect(twitter, run, user.id)
            killed = False
        except Killed:
            killed, kills = True, kills + 1
        db.session.rollback()
        if killed:
            got = held(user)
            assert got == truth[: len(got)], "from the top down, without a hole"
        _forget(run)
        again = queue.start("user_timeline")
        collect(twitter, again, user.id)
        assert held(user) == truth
        assert user.held_to_id == truth[0]
        assert (user.pass_newest_id, user.pass_oldest_id) == (None, None)
        assert user.items_count == len(truth)
        _forget(again)
        if not killed:
            break
        _start_over(user)
    assert kills == -(-len(truth) // 100)
    assert len({row[0] for row in as_stored()}) == len(as_stored()) == len(truth)


def _forget(run: RunContext) -> None:
    from sfm.runs import leases

    leases.release(run.lease)


def _start_over(user: TwitterUser) -> None:
    from sfm.database import begin_write

    begin_write()
    db.session.delete(user)
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("DELETE FROM tweet_search"))
    db.session.flush()
    db.session.expunge_all()
    db.session.add(TwitterUser(id=user.id, uid=user.uid, name=user.name))
    db.session.commit()


def test_cut_off_and_meanwhile_more_is_posted(
    app: Flask, twitter: Client, sandbox: Sandbox, clock: FrozenClock
) -> None:
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    run = mortal_run(dies_after=3)
    with pytest.raises(Killed):
        collect(twitter, run, user.id)
    assert 290 < len(held(user)) <= 300
    clock.advance(600)
    newest = sandbox.world.add_post(person, "Posted while nothing ran").id
    run.dies_after = 0
    collect(twitter, run, user.id)
    assert held(user) == sandbox.world.visible(person)
    assert user.held_to_id == newest


def test_an_expired_page_token_is_no_loss(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    """AP12."""
    fault = sandbox.faults.add("expired-token", query="pagination_token", after=2)
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    collect(twitter, a_run, user.id)
    assert fault.fired == 1
    assert held(user) == sandbox.world.visible(person)


def test_the_same_page_token_again_ends_the_pass_and_the_next_run_goes_on(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    """AP12."""
    fault = sandbox.faults.add("repeat-token", query="pagination_token", after=1)
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    found = collect(twitter, a_run, user.id)
    assert fault.fired == 1
    assert found.trouble == 1
    assert user.pass_oldest_id is not None, "the pass is not taken for finished"
    truth = sandbox.world.visible(person)
    assert held(user) == truth[: len(held(user))] != truth
    assert "same page token" in (db.session.scalar(select(RunError.reason)) or "")
    collect(twitter, a_run, user.id)
    assert held(user) == truth
    assert user.held_to_id == truth[0]


def refused_range(sandbox: Sandbox, until_id: int, name: str = "until_id") -> PlannedFault:
    """X refuses each call that ends below this post, naming this parameter."""
    message = f"'{name}' must be a number that is newer."
    body = {"errors": [{"parameters": {name: [str(until_id)]}, "message": message}]}
    return sandbox.faults.add(
        "body", query=f"until_id={until_id}", times=None, status=400, body=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip


def cut_off(sandbox: Sandbox, twitter: Client, a_run: RunContext) -> TwitterUser:
    """An account whose first pass broke off after a page."""
    user = tracked(sandbox.world.find("HarborCouncil"))
    once = sandbox.faults.add("not-found", query="pagination_token", times=1)
    with pytest.raises(BadRequest):
        collect(twitter, a_run, user.id)
    assert once.fired
    db.session.refresh(user)
    assert user.pass_oldest_id is not None
    return user


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("not-found", None, None),
        ("not-found-page", None, None),
        ("body", 410, '{"title":"Gone"}'),
        ("body", 400, '{"errors":[{"parameters":{"tweet.fields":["x"]},"message":"invalid"}]}'),
        ("body", 400, '{"title":"Invalid Request","detail":"One or more parameters"}'),
        ("body", 400, '{"error":"no","detail":"/2/users/5/tweets?since_id=7&until_id=9"}'),
        ("body", 404, '{"errors":[{"parameters":{"until_id":["9"]},"message":"no"}]}'),
    ],
)
def test_a_refusal_that_names_no_range_gives_up_no_history(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, kind: str, status: int | None,
    body: str | None,
) -> None:  # fmt: skip
    """JB18."""
    user = cut_off(sandbox, twitter, a_run)
    place = (user.held_to_id, user.pass_newest_id, user.pass_oldest_id)
    fault = sandbox.faults.add(
        kind, path=f"/2/users/{user.uid}/tweets", times=None, status=status, body=body,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    with pytest.raises(BadRequest):
        collect(twitter, a_run, user.id)
    assert fault.fired
    db.session.refresh(user)
    assert (user.held_to_id, user.pass_newest_id, user.pass_oldest_id) == place
    sandbox.faults.clear()
    collect(twitter, a_run, user.id)
    assert held(user) == sandbox.world.visible(sandbox.world.find("HarborCouncil"))


@pytest.mark.parametrize("name", ["since_id", "until_id"])
def test_a_refused_range_gives_up_history_only_where_a_call_without_it_is_taken(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, name: str
) -> None:
    """JB18."""
    user = cut_off(sandbox, twitter, a_run)
    place = (user.held_to_id, user.pass_newest_id, user.pass_oldest_id)
    refused_range(sandbox, user.pass_oldest_id or 0, name)
    all_else = sandbox.faults.add("not-found", path=f"/2/users/{user.uid}/tweets", after=1)
    with pytest.raises(BadRequest):
        collect(twitter, a_run, user.id)
    assert all_else.fired
    db.session.refresh(user)
    assert (user.held_to_id, user.pass_newest_id, user.pass_oldest_id) == place
    collect(twitter, a_run, user.id)
    db.session.refresh(user)
    assert user.pass_oldest_id is None
    assert user.held_to_id == place[1]


@pytest.mark.parametrize("name", ["max_results", "pagination_token", "id"])
def test_a_refusal_of_another_parameter_gives_up_no_history_though_other_calls_are_taken(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, name: str
) -> None:
    """JB18."""
    user = cut_off(sandbox, twitter, a_run)
    place = (user.held_to_id, user.pass_newest_id, user.pass_oldest_id)
    fault = refused_range(sandbox, user.pass_oldest_id or 0, name)
    with pytest.raises(BadRequest):
        collect(twitter, a_run, user.id)
    assert fault.fired
    db.session.refresh(user)
    assert (user.held_to_id, user.pass_newest_id, user.pass_oldest_id) == place


def test_a_chain_that_never_gets_anywhere_does_not_keep_the_new_away(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    fault = sandbox.faults.add("expired-token", query="pagination_token", times=None)
    with pytest.raises(BadRequest):
        collect(twitter, a_run, user.id)
    assert fault.fired == 4
    db.session.refresh(user)
    assert user.pass_oldest_id is not None
    cut_at = user.pass_oldest_id
    again = refused_range(sandbox, cut_at)
    clock.advance(60)
    newest = sandbox.world.add_post(person, "News").id
    collect(twitter, a_run, user.id)
    assert again.fired
    assert newest in held(user)
    assert f"older than number {cut_at}" in (db.session.scalar(select(RunError.reason)) or "")


@pytest.mark.parametrize("kind", ["cut-body", "cut-chunks", "html", "bad-gateway", "reset"])
def test_a_spoilt_answer_is_asked_for_again_and_leaves_no_half_page(
    sandbox: Sandbox, app: Flask, a_run: RunContext, kind: str
) -> None:
    """AP9, AP11."""
    from sfm.users.clients import default_client

    fault = sandbox.faults.add(kind, path="/2/users/*/tweets", after=1)
    patient = default_client(lambda wait: a_run.wait(wait.until, wait.message))
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    collect(patient, a_run, user.id)
    assert fault.fired == 1
    assert held(user) == sandbox.world.visible(person)


def test_a_new_name_and_an_end_of_protection_come_with_the_pages(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    """AP4: no look-up is paid for what each page tells."""
    user = added(twitter, "FerryNotes")
    person = sandbox.world.find("FerryNotes")
    collect(twitter, a_run, user.id)
    clock.advance(60)
    sandbox.world.rename(person, "FerryNotes2")
    sandbox.world.add_post(person, "Under a new name")
    collect(twitter, a_run, user.id)
    assert user.name == "FerryNotes2"
    assert list(user.former_names.values()) == ["FerryNotes"]
    kinds = db.session.scalars(select(AccountEvent.kind).order_by(AccountEvent.id)).all()
    assert list(kinds) == ["added", "renamed"]


def test_swapped_names_never_join_posts(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    """AP5."""
    world = sandbox.world
    first, second = world.find("FerryNotes"), world.find("one_post_only")
    mine, theirs = added(twitter, "FerryNotes"), added(twitter, "one_post_only")
    collect(twitter, a_run, mine.id)
    world.pass_name_on(first, second, "ferry_now")
    clock.advance(60)
    posts = {first.uid: world.add_post(first, "a").id, second.uid: world.add_post(second, "b").id}
    collect(twitter, a_run, mine.id)
    collect(twitter, a_run, theirs.id)
    assert posts[first.uid] in held(mine)
    assert posts[second.uid] in held(theirs)
    assert set(held(mine)).isdisjoint(held(theirs))
    assert (mine.name, theirs.name) == ("ferry_now", "FerryNotes")


def test_posts_that_cannot_be_kept_are_told_and_the_rest_comes(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    """AP6, AP7, JB14: one bad post among good ones."""
    person = sandbox.world.find("one_post_only")
    user = tracked(person)
    world = sandbox.world
    good = world.add_post(person, "fine").id
    world.add_post(person, "vast", overrides={"id": str(2**63)})
    world.add_post(person, "nameless", overrides={"id": None})
    odd = world.add_post(person, "odd \ud83d \x00", overrides={"created_at": "yesterday"}).id
    found = collect(twitter, a_run, user.id)
    assert {good, odd} <= set(held(user))
    reasons = db.session.scalars(select(RunError.reason)).all()
    assert found.trouble == len(reasons) == 2
    assert all(reason.endswith(".") for reason in reasons)


def test_a_problem_of_the_account_is_raised_with_what_came_before_kept(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    user = tracked(sandbox.world.find("quiet_keeper"))
    with pytest.raises(AccountProblem) as caught:
        collect(twitter, a_run, user.id)
    assert caught.value.state == "protected"


def test_whose_lease_is_gone_writes_nothing(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    """JB8: the first run stood still past its lease, a second one has begun."""
    user = tracked(sandbox.world.find("FerryNotes"))
    clock.advance(3600)
    second = queue.start("user_timeline")
    with pytest.raises(LeaseLost):
        collect(twitter, a_run, user.id)
    db.session.rollback()
    assert held(user) == []
    collect(twitter, second, user.id)
    assert held(user) == sandbox.world.visible(sandbox.world.find("FerryNotes"))
    db.session.expire_all()
    assert db.session.get_one(Run, a_run.id).state == "failed"


def test_the_count_of_the_run_is_what_was_stored(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    user = tracked(sandbox.world.find("FerryNotes"))
    with queue.finish(a_run):
        found = collect(twitter, a_run, user.id)
    stored = db.session.scalar(select(func.count()).where(TwitterUserItem.run_id == a_run.id))
    db.session.expire_all()
    run = db.session.get_one(Run, a_run.id)
    assert run.added == stored == found.new
    assert (run.api_calls, run.api_posts) == (found.pages, found.new)


def test_quiet_accounts_are_asked_less_often(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    quiet, lively = sandbox.world.find("one_post_only"), sandbox.world.find("FerryNotes")
    one, other = tracked(quiet), tracked(lively)
    collect(twitter, a_run, one.id)
    collect(twitter, a_run, other.id)
    assert one.newest_item_at
    clock.advance(timedelta(days=120).total_seconds())
    sandbox.world.add_post(lively, "still here")
    sandbox.world.set_state(quiet, "active")
    run = queue.start("user_timeline")
    collect(twitter, run, one.id)
    collect(twitter, run, other.id)
    if clock.now() - one.newest_item_at > timedelta(days=90):
        assert one.ask_again_at == run.begun_at + timedelta(hours=23)
    assert other.ask_again_at is None
    assert other.tweets_per_day
    assert other.tweets_per_day > 0


def test_a_quiet_account_is_asked_daily_though_no_two_runs_begin_at_the_same_second(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    """K-30."""
    user = tracked(sandbox.world.find("one_post_only"))
    clock.advance(timedelta(days=120).total_seconds())
    _forget(a_run)
    run = queue.start("user_timeline")
    clock.advance(40)  # it has its turn some time after the run began
    collect(twitter, run, user.id)
    db.session.refresh(user)
    assert user.ask_again_at is not None
    clock.advance(timedelta(days=1).total_seconds() - 42)
    assert due_accounts(clock.now()).names == {user.id: "one_post_only"}


def test_a_post_without_an_author_is_kept_and_said(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    """D-4."""
    person = sandbox.world.find("one_post_only")
    user = tracked(person)
    nameless = sandbox.world.add_post(person, "whose?", overrides={"author_id": None}).id
    collect(twitter, a_run, user.id)
    assert nameless in held(user)
    (reason,) = db.session.scalars(select(RunError.reason)).all()
    assert "did not name the author of 1 post" in reason


def test_posts_of_strangers_move_no_cursor_and_end_no_pass(
    twitter: Client, sandbox: Sandbox, a_run: RunContext, clock: FrozenClock
) -> None:
    """K-25."""
    person = sandbox.world.find("HarborCouncil")
    truth = sandbox.world.visible(person)
    user = tracked(person, held_to_id=truth[150])
    clock.advance(1)
    foreign = {"author_id": "999"}
    sandbox.world.add_post(person, "a stranger's, old", overrides=foreign | {"id": "12"})
    clock.advance(1)
    stranger = sandbox.world.add_post(person, "a stranger's", overrides=foreign).id
    found = collect(twitter, a_run, user.id)
    assert found.trouble == 2
    db.session.refresh(user)
    assert user.held_to_id == truth[0] < stranger
    assert held(user)[:150] == truth[:150]


def test_an_account_removed_here_meanwhile_is_an_error_of_its_own(
    twitter: Client, sandbox: Sandbox, a_run: RunContext
) -> None:
    from sfm.errors import NotFound

    user = tracked(sandbox.world.find("FerryNotes"))
    number = user.id
    db.session.delete(service.by_id(number))
    db.session.commit()
    with pytest.raises(NotFound):
        collect(twitter, a_run, number)


def test_an_account_deleted_between_two_pages_takes_the_run_with_nothing(
    twitter: Client, sandbox: Sandbox, app: Flask
) -> None:
    from sfm.database import begin_write
    from sfm.errors import NotFound
    from sfm.posts import delete

    user = tracked(sandbox.world.find("HarborCouncil"))
    number, uid = user.id, user.uid or 0
    run = mortal_run(dies_after=2)
    with pytest.raises(Killed):
        collect(twitter, run, number)
    page = next(iter(twitter.timeline(uid)))
    begin_write()
    delete.remove_account(service.by_id(number))
    db.session.commit()
    from sfm.timelines.collect import CollectedAccount, _save_page
    from sfm.timelines.cursor import TimelineCursor
    from sfm.timelines.holes import PassEnd, TimelinePass

    begin_write()
    with pytest.raises(NotFound, match="was deleted here"):
        _save_page(
            run,
            CollectedAccount(number, uid, "HarborCouncil"),
            page.records,
            TimelinePass(TimelineCursor(), TimelineCursor()),
            PassEnd(),
            twitter.meter,
        )
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(TwitterUserItem)) == 0
