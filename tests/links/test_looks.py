"""A look at a link never takes the place of an earlier one: pages and exports tell both."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from sfm.database import begin_write, db
from sfm.links import queries, store
from sfm.links.fetch import Followed, Hop
from sfm.links.html_head import PageHead
from sfm.models import Link, LinkLook, TwitterUser, TwitterUserItem, User
from sfm.posts.delete import delete_posts, remove_account
from tests.conftest import FrozenClock
from tests.exports.making import made, rows_of
from tests.links.test_run import FIRST, saved, tweet
from tests.pages import page, sign_in

HTML = {"Accept": "text/html"}
SHORT, LONG = "https://short.example/a", "https://long.example/report.pdf"
GOOD = Followed(
    SHORT, "ok", (Hop(SHORT, "HEAD", 301), Hop(LONG, "GET", 200)), LONG, 200,
    {"Server": "x"}, PageHead(title="The report"),
)  # fmt: skip
DNS = Followed(SHORT, "dns", (Hop(SHORT, "HEAD"),), SHORT)
GONE = Followed(SHORT, "gone", (Hop(SHORT, "HEAD", 404),), SHORT, 404)
NOT_PUBLIC = Followed(SHORT, "not_public", (Hop(SHORT, "HEAD", 302),), SHORT, 302)
CIRCLE = Followed(SHORT, "too_many_redirects", (Hop(SHORT, "HEAD", 302),), LONG, 302)


def looked(number: int, *looks: Followed, clock: FrozenClock) -> None:
    """A post with the link, and these looks at it, 40 days between them."""
    saved(tweet(number, SHORT))
    begin_write()
    item = db.session.scalars(
        select(TwitterUserItem.id).where(TwitterUserItem.twitter_id == FIRST + number)
    ).one()
    ids = store.register([item])
    db.session.commit()
    for look in looks:
        begin_write()
        store.save([look], store.links_to_follow(ids))
        db.session.commit()
        clock.advance(timedelta(days=40).total_seconds())


def exported(folder: Path) -> dict[str, str]:
    db.session.rollback()
    columns = ("urls_final", "urls_final_at", "urls_outcome")
    row = rows_of(made(folder / f"{len(list(folder.iterdir()))}.csv", columns=columns).path)[0]
    return {name.removeprefix("urls_"): value for name, value in row.items()}


@pytest.mark.parametrize("failure", [DNS, GONE, NOT_PUBLIC, CIRCLE])
def test_a_failed_look_takes_nothing_from_a_good_one(
    app: Flask, tmp_path: Path, clock: FrozenClock, failure: Followed
) -> None:
    (tmp_path / "out").mkdir()
    good_at = f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
    looked(1, GOOD, clock=clock)
    before = exported(tmp_path / "out")
    assert before == {"final": LONG, "final_at": good_at, "outcome": "ok"}
    looked(2, failure, failure, clock=clock)
    assert exported(tmp_path / "out") == before | {"outcome": failure.outcome}
    link = db.session.scalars(select(Link)).one()
    assert link.outcome == failure.outcome
    good = link.last_good
    assert good is not None
    assert (good.final_url, good.final_status, good.title) == (LONG, 200, "The report")
    assert [hop["url"] for hop in good.history] == [SHORT, LONG]
    assert good.final_headers == {"Server": "x"}
    assert [look.outcome for look in link.earlier_looks] == [failure.outcome, "ok"]


def test_a_good_look_after_a_failed_one_is_the_last_good_one(
    app: Flask, tmp_path: Path, clock: FrozenClock
) -> None:
    (tmp_path / "out").mkdir()
    elsewhere = "https://long.example/new"
    looked(1, GOOD, DNS, Followed(SHORT, "ok", (), elsewhere, 200), clock=clock)
    assert exported(tmp_path / "out")["final"] == elsewhere
    assert db.session.scalar(select(func.count()).select_from(LinkLook)) == 2


@pytest.mark.parametrize(
    ("look", "ends_at"),
    [(DNS, "?"), (NOT_PUBLIC, "?"), (CIRCLE, "?"), (GONE, SHORT), (GOOD, LONG)],
)
def test_an_end_is_named_only_where_an_answer_came(
    app: Flask, client: FlaskClient, reader: User, tmp_path: Path, clock: FrozenClock,
    look: Followed, ends_at: str,
) -> None:  # fmt: skip
    (tmp_path / "out").mkdir()
    looked(1, look, clock=clock)
    row = exported(tmp_path / "out")
    assert (row["final"], row["outcome"]) == (ends_at, look.outcome)
    assert (row["final_at"] == "?") is (ends_at == "?")
    assert bool(queries.domains()) is (ends_at != "?")
    sign_in(client, reader)
    shown = page(client, f"/twitter-item/{FIRST + 1}/", headers=HTML)
    assert ("Ends at" in shown.text) is (ends_at != "?")


def test_pages_tell_the_latest_look_and_the_last_good_one(
    app: Flask, client: FlaskClient, reader: User, clock: FrozenClock
) -> None:
    good_at = clock.now()
    looked(1, GOOD, DNS, clock=clock)
    sign_in(client, reader)
    for address in (f"/twitter-item/{FIRST + 1}/", f"/twitter-item/{FIRST + 1}/links/"):
        shown = page(client, address, headers=HTML)
        assert "there is no such site" in shown.text
        assert LONG in shown.text
        assert "The report" in shown.text
        assert f"{good_at:%Y-%m-%d}" in shown.html


def test_links_that_nothing_else_holds_go_with_an_account(app: Flask, clock: FrozenClock) -> None:
    looked(1, GOOD, DNS, clock=clock)
    other = "https://other.example/"
    user = saved(tweet(2, SHORT, other), name="ben_x", uid=102)
    begin_write()
    store.register(list(db.session.scalars(select(TwitterUserItem.id))))
    db.session.commit()
    begin_write()
    remove_account(db.session.get_one(TwitterUser, user.id))
    db.session.commit()
    assert list(db.session.scalars(select(Link.start_url))) == [SHORT]
    begin_write()
    delete_posts([FIRST + 1])
    db.session.commit()
    assert not list(db.session.scalars(select(Link.id)))
    assert not list(db.session.scalars(select(LinkLook.id)))
