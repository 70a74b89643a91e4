"""Deleting posts everywhere, and links, from the pages of administration."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.jobs import worker
from sfm.models import (
    AuditEntry,
    Credential,
    Link,
    Run,
    RunError,
    TwitterUser,
    TwitterUserItem,
    TwitterUserItemUrl,
    User,
)
from sfm.posts import queries
from sfm.posts.count_check import verify_counts
from sfm.posts.selection import Selection
from sfm.runs.jobs import REMOVE_TWEET
from sfm.streams.quarantine import Quarantine
from sfm.takedown import run as takedown
from sfm.users import credentials
from tests.conftest import FrozenClock
from tests.factories import (
    make_run,
    make_run_error,
    make_set,
    make_tweets,
    make_twitter_user,
    make_user,
)
from tests.pages import Page, checked, checked_part, page, submit

Login = Callable[[User], FlaskClient]
pytestmark = pytest.mark.usefixtures("clock")
DELETE = "/admin/twitter-user-items/delete/"


@pytest.fixture
def boss(login_as: Login, superuser: User) -> FlaskClient:
    return login_as(superuser)


@pytest.fixture
def anna(app: object) -> TwitterUser:
    return make_twitter_user("anna")


def asking(boss: FlaskClient, *ids: int) -> Page:
    return page(boss, DELETE, query_string={"tweet": list(ids)})


def held() -> set[int]:
    return set(db.session.scalars(select(TwitterUserItem.twitter_id)))


def run_of(answer: object) -> Run:
    run = db.session.scalars(select(Run).order_by(Run.id.desc())).first()
    assert run is not None
    assert run.kind == REMOVE_TWEET
    return run


def make_link(start: str, *items: int) -> Link:
    """A link that was followed, held by these posts (Twitter's ids)."""
    link = Link(
        url_hash=f"{start:>064}"[-64:], start_url=start, outcome="ok", final_url="https://e.org/"
    )
    db.session.add(link)
    db.session.flush()
    wanted = select(TwitterUserItem.id).where(TwitterUserItem.twitter_id.in_(items))
    for item_id in db.session.scalars(wanted).all():
        db.session.add(TwitterUserItemUrl(item_id=item_id, link_id=link.id))
    db.session.commit()
    return link


def test_a_post_is_deleted_from_its_page_with_counts_search_links_and_a_reason(
    boss: FlaskClient, anna: TwitterUser, superuser: User
) -> None:
    gone, stays = make_tweets(anna, ["zebra crossing https://t.co/a", "zebra stays"])
    make_link("https://t.co/a", gone)
    shared = make_link("https://t.co/b", gone, stays).id
    ask = page(boss, f"/twitter-item/{gone}/", headers={"Accept": "text/html"})
    assert f"{DELETE}?tweet={gone}" in ask.links()
    confirm = asking(boss, gone)
    assert "Delete 1 post everywhere?" in confirm.text
    answer = submit(boss, confirm, DELETE, reason="The author asked, letter of 3 May")
    run = run_of(answer)
    assert (answer.status_code, answer.location) == (303, f"/runs/{run.id}/")
    assert held() == {gone, stays}, "nothing goes before the worker comes to it"

    assert worker.work_once()

    db.session.rollback()
    assert held() == {stays}
    assert db.session.get_one(TwitterUser, anna.id).items_count == 1
    assert verify_counts() == []
    found = queries.page(Selection(text="zebra"))
    assert [tweet.twitter_id for tweet in found.posts] == [stays]
    assert db.session.scalars(select(Link.id)).all() == [shared]
    entry = db.session.scalars(select(AuditEntry).filter_by(action="tweet.removed")).one()
    assert (entry.actor_id, entry.actor) == (superuser.id, superuser.username)
    assert entry.subject_id == str(gone)
    assert entry.after["reason"] == "The author asked, letter of 3 May"
    assert "zebra" not in json.dumps(entry.after)
    done = page(boss, f"/runs/{run.id}/")
    assert "Deleted everywhere: a last look found nothing." in done.text
    assert "Posts and retweets deleted 1" in done.text


def test_ticked_posts_of_the_table_are_deleted_together(
    boss: FlaskClient, anna: TwitterUser
) -> None:
    tweets = make_tweets(anna, [f"number {number}" for number in range(5)])
    table = page(boss, "/admin/twitter-user-items/")
    confirm = checked(submit(boss, table, DELETE, tweet=[str(number) for number in tweets[:3]]))
    assert "Delete 3 posts everywhere?" in confirm.text
    submit(boss, confirm, DELETE, reason="Asked by Twitter")
    assert worker.work_once()
    db.session.rollback()
    assert held() == set(tweets[3:])


def test_without_a_reason_nothing_is_asked_for(boss: FlaskClient, anna: TwitterUser) -> None:
    (tweet,) = make_tweets(anna, ["here"])
    confirm = asking(boss, tweet)
    again = checked(submit(boss, confirm, DELETE, reason="  "), 422)
    assert "Say why" in again.text
    part = boss.post(
        DELETE, data={**confirm_fields(confirm), "reason": ""}, headers={"HX-Request": "true"}
    )
    assert checked_part(part, 422).by_id("delete-posts") is not None
    assert db.session.scalars(select(Run)).all() == []
    sent = boss.post(
        DELETE, data={**confirm_fields(confirm), "reason": "Asked"}, headers={"HX-Request": "true"}
    )
    assert sent.status_code == 204
    assert sent.headers["HX-Redirect"] == f"/runs/{run_of(sent).id}/"


def confirm_fields(confirm: Page) -> dict[str, str]:
    form = confirm.form(DELETE)
    return {
        field.get("name") or "": field.get("value") or ""
        for field in form.iter("input")
        if field.get("type") == "hidden"
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 303), ("?tweet=x", 303), ("?tweet=-1", 303), (f"?tweet={2**70}", 303), ("?tweet=5", 404)],
)
def test_ids_that_lead_to_no_post_are_told(boss: FlaskClient, query: str, status: int) -> None:
    assert boss.get(f"{DELETE}{query}").status_code == status


def test_files_that_are_still_written_are_done_when_they_are_finished(
    boss: FlaskClient, anna: TwitterUser, clock: FrozenClock, superuser: User, settings: Settings
) -> None:
    (tweet,) = make_tweets(anna, ["here"])
    folder = settings.data_folder
    folder.mkdir(parents=True, exist_ok=True)
    Quarantine(folder, "streamsample").keep(f'{{"data": {{"id": "{tweet}"'.encode(), "torn")
    run = takedown.request_removal([tweet], "Asked", superuser)
    run_id = run.id
    db.session.commit()
    assert worker.work_once()
    db.session.rollback()
    assert held() == set()
    waiting = db.session.get_one(Run, run_id)
    assert (waiting.state, waiting.added) == ("queued", 1)
    assert "follows by itself" in page(boss, f"/runs/{run_id}/").text
    assert not worker.work_once(), "not before its time"
    clock.advance(24 * 3600)
    assert worker.work_once()
    db.session.rollback()
    assert db.session.get_one(Run, run_id).state == "finished"
    assert not any(str(tweet).encode() in path.read_bytes() for path in folder.rglob("*.jsonl"))


def test_links_are_forgotten_and_their_posts_stay(boss: FlaskClient, anna: TwitterUser) -> None:
    (tweet,) = make_tweets(anna, ["look https://t.co/a"])
    link, other = make_link("https://t.co/a", tweet).id, make_link("https://t.co/z").id
    table = page(boss, "/admin/twitter-user-item-urls/")
    change = "/admin/twitter-user-item-urls/change/"
    confirm = checked(submit(boss, table, change, link=str(link), do="delete"))
    assert "The 1 post with it stays" in confirm.text
    answer = submit(boss, confirm, "/admin/twitter-user-item-urls/delete/")
    assert answer.status_code == 303
    assert db.session.scalars(select(Link.id)).all() == [other]
    assert held() == {tweet}
    entry = db.session.scalars(select(AuditEntry).filter_by(action="link.deleted")).one()
    assert entry.subject == "https://t.co/a"
    assert submit(boss, confirm, "/admin/twitter-user-item-urls/delete/").status_code == 404


def test_links_are_followed_again(boss: FlaskClient, anna: TwitterUser) -> None:
    one, two = make_tweets(anna, ["look https://t.co/a", "and https://t.co/a"])
    link = make_link("https://t.co/a", one, two).id
    lonely = make_link("https://t.co/z").id
    address = f"/admin/twitter-user-item-urls/change/?do=follow&link={link}"
    follow = "/admin/twitter-user-item-urls/follow/"
    assert submit(boss, page(boss, address), follow).status_code == 303
    run = db.session.scalars(select(Run)).one()
    assert run.kind == "fetch_urls_now"
    assert run.params["refetch"] is True
    assert len(run.params["item_ids"]) == 1, "one tweet stands for the link"
    asked = page(boss, f"/admin/twitter-user-item-urls/change/?do=follow&link={lonely}")
    assert submit(boss, asked, follow).status_code == 404


def test_jobs_and_errors_are_taken_off_the_record(boss: FlaskClient, anna: TwitterUser) -> None:
    run, other, running = make_run(added=5), make_run(), make_run(state="running")
    make_run_error(run, anna, "One.")
    make_run_error(other, anna, "Two.")
    errors, jobs = "/admin/timeline-errors/delete/", "/admin/timeline-jobs/delete/"
    two = db.session.scalars(select(RunError.id).where(RunError.reason == "Two.")).one()
    asked = checked(submit(boss, page(boss, "/admin/timeline-errors/"), errors, error=str(two)))
    assert "Delete 1 error?" in asked.text
    assert submit(boss, asked, errors).status_code == 303
    assert db.session.scalars(select(RunError.reason)).all() == ["One."]

    table = page(boss, "/admin/timeline-jobs/")
    both = checked(submit(boss, table, jobs, job=[str(run.id), str(running.id)]))
    assert "is not over. Cancel it first." in checked(submit(boss, both, jobs), 422).text
    assert len(db.session.scalars(select(Run.id)).all()) == 3, "all or none"
    one = checked(submit(boss, table, jobs, job=str(run.id)))
    assert submit(boss, one, jobs).status_code == 303
    assert set(db.session.scalars(select(Run.id))) == {other.id, running.id}
    assert db.session.scalars(select(RunError.id)).all() == []
    recorded = set(db.session.scalars(select(AuditEntry.action)))
    assert {"run.deleted", "run_error.deleted"} <= recorded
    assert boss.get(jobs).status_code == boss.get(errors).status_code == 303, "nothing was ticked"


def test_a_user_who_owns_nothing_is_deleted_by_name(boss: FlaskClient, superuser: User) -> None:
    gone, keeper = make_user("gone.one"), make_user("keeper")
    credentials.save(gone, credentials.bearer("AAAAAAAAAAAAAAAAAAAA-gone"))
    make_set(keeper, "Kept")
    where = f"/admin/users/{gone.id}/delete/"
    assert where in page(boss, f"/admin/users/{gone.id}/").links()
    asked = page(boss, where)
    wrong = checked(submit(boss, asked, where, typed_name="gone"), 422)
    assert "This is not the name of the User." in wrong.text
    assert submit(boss, asked, where, typed_name="gone.one").location == "/admin/users/"
    page(boss, where, 404)
    assert db.session.scalars(select(Credential.id)).all() == []
    entries = select(AuditEntry.action).filter_by(subject="gone.one").order_by(AuditEntry.id)
    assert db.session.scalars(entries).all()[-1] == "user.deleted"

    owner = page(boss, f"/admin/users/{keeper.id}/delete/")
    assert "still owns 1 sets" in owner.text
    forced = {**hidden_of(page(boss, "/sets/new/")), "typed_name": "keeper"}
    refused = checked(boss.post(f"/admin/users/{keeper.id}/delete/", data=forced), 422)
    assert "still owns something" in refused.text
    mine = page(boss, f"/admin/users/{superuser.id}/delete/")
    own = submit(boss, mine, f"/admin/users/{superuser.id}/delete/", typed_name="sam.super")
    assert "This is your own account." in checked(own, 422).text


def hidden_of(found: Page) -> dict[str, str]:
    fields = [one for one in found.all("input", type="hidden") if one.get("name") == "csrf_token"]
    return {"csrf_token": fields[0].get("value") or ""}


def test_readers_may_delete_nothing(login_as: Login, reader: User, anna: TwitterUser) -> None:
    (tweet,) = make_tweets(anna, ["here"])
    link = make_link("https://t.co/a", tweet).id
    client = login_as(reader)
    page(client, f"{DELETE}?tweet={tweet}", 403)
    page(client, f"/admin/twitter-user-item-urls/change/?link={link}", 403)
    shown = page(client, f"/twitter-item/{tweet}/", headers={"Accept": "text/html"})
    assert not any(DELETE in address for address in shown.links())
    for address in (
        DELETE, "/admin/twitter-user-item-urls/delete/", "/admin/timeline-jobs/delete/",
        "/admin/timeline-errors/delete/", f"/admin/users/{reader.id}/delete/",
    ):  # fmt: skip
        sent = client.post(address, data={"tweet": tweet, "link": link, "reason": "x"})
        assert sent.status_code in (400, 403)
    assert held() == {tweet}
