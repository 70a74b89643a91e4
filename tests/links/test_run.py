"""Link runs on both databases: what is chosen, followed once, recorded, and resumed."""

import signal
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from sfm.database import begin_write, db
from sfm.links.fetch import Fetcher
from sfm.links.run import BATCH_ITEMS, guarded_fetcher, run_links
from sfm.models import Link, Run, TwitterUser, TwitterUserItem, TwitterUserItemUrl
from sfm.posts.store import save_page
from sfm.runs import queue, shutdown
from sfm.runs.errors import Cancelled, Interrupted
from sfm.runs.jobs import FETCH_URLS
from sfm.runs.queries import expected_end
from sfm.twitter.parse.response import split_page
from tests.links.conftest import IN_A_HURRY, everybody, open_guard
from tests.twitter.fake import Fake, answer
from tests.twitter.tweets import as_line, v2_post, v2_user

pytestmark = pytest.mark.usefixtures("app")

FIRST = 1_900_000_000_000_000_000


def tweet(number, *links, created="2026-11-20T10:00:00.000Z", text="see"):
    urls = [{"start": 0, "end": 3, "url": f"https://t.co/{number}{at}", "expanded_url": link}
            for at, link in enumerate(links)]  # fmt: skip
    return v2_post(FIRST + number, text, entities={"urls": urls}, created_at=created)


def saved(*tweets, name="ann_x", uid=101):
    begin_write()
    user = db.session.scalar(select(TwitterUser).where(TwitterUser.uid == uid))
    if user is None:
        user = TwitterUser(uid=uid, name=name)
        db.session.add(user)
        db.session.flush()
    page = split_page(as_line({"data": list(tweets), "includes": {"users": [v2_user(uid, name)]}}))
    save_page(page.records, captured_by="timeline", run_id=None, owner=user.id)
    db.session.commit()
    return user


def run(maker=None, **params):
    active = queue.start(FETCH_URLS, params)
    with queue.finish(active) as result:
        result.update(run_links(active, maker or (lambda: fetcher())))
    return result


def fetcher(**more):
    return Fetcher(guard=open_guard(), limits=IN_A_HURRY, lookup=everybody, width=10, **more)


def broken():
    raise KeyboardInterrupt


def links():
    return {link.start_url: link for link in db.session.scalars(select(Link))}


def test_each_link_of_each_post_is_followed_and_kept():
    def route(asked):
        there = asked.path == "/there"
        return answer(200, b"", {"X-A": "b"}) if there else answer(301, b"", {"Location": "/there"})

    with Fake(route=route) as fake:
        root = f"http://www.site.example:{fake.port}"
        saved(tweet(1, f"{root}/a", f"{root}/b"), tweet(2, f"{root}/a"), tweet(3))
        result = run()
        assert len(fake.asked) == 4
    assert result == {"posts": 3, "links": 2, "outcomes": {"ok": 2}}
    link = links()[f"{root}/a"]
    assert (link.outcome, link.final_url, link.final_status) == ("ok", f"{root}/there", 200)
    assert [(hop["status"], hop["method"]) for hop in link.history] == [
        (301, "HEAD"),
        (200, "HEAD"),
    ]
    assert link.final_domain == "site.example"
    assert link.final_headers["X-A"] == "b"
    assert link.retry_at is None
    rows = db.session.execute(
        select(TwitterUserItemUrl.position, TwitterUserItemUrl.expanded_url).order_by(
            TwitterUserItemUrl.item_id, TwitterUserItemUrl.position
        )
    ).all()
    assert [tuple(row) for row in rows] == [(0, f"{root}/a"), (1, f"{root}/b"), (0, f"{root}/a")]
    assert (
        db.session.scalar(select(func.count()).where(TwitterUserItem.links_checked_at.is_(None)))
        == 0
    )


def test_a_second_run_asks_for_nothing():
    with Fake([answer(200, b"")]) as fake:
        saved(tweet(1, f"http://a.example:{fake.port}/"))
        run()
        assert run()["links"] == 0
        saved(tweet(2, f"http://a.example:{fake.port}/"))
        assert run() == {"posts": 1, "links": 0, "outcomes": {}}
        assert len(fake.asked) == 1


def test_refetch_asks_again():
    with Fake([answer(404, b""), answer(404, b""), answer(200, b"")]) as fake:
        saved(tweet(1, f"http://a.example:{fake.port}/"))
        assert run()["outcomes"] == {"gone": 1}
        assert run(refetch=True)["outcomes"] == {"ok": 1}


def test_refetch_asks_once_for_a_link_of_many_batches():
    with Fake([answer(200, b"")]) as fake:
        saved(*archive(fake, BATCH_ITEMS + 10))
        run()
        fake.asked.clear()
        assert run(refetch=True) == {
            "posts": BATCH_ITEMS + 10, "links": 10, "outcomes": {"ok": 10}
        }  # fmt: skip
        assert len(fake.asked) == 10


def test_a_refetch_that_goes_on_asks_for_nothing_again(clock):
    with Fake([answer(200, b"")]) as fake:
        saved(tweet(5_001, f"http://a.example:{fake.port}/first"))
        saved(*archive(fake, BATCH_ITEMS))
        run()
        fake.asked.clear()
        clock.advance(60)
        begin_write()
        queue.enqueue(FETCH_URLS, params={"refetch": True})
        db.session.commit()
        batches = []

        def cut_off_in_the_second_batch():
            batches.append(len(fake.asked))
            if len(batches) == 2:
                raise Interrupted
            return fetcher()

        with pytest.raises(Interrupted):
            claimed(cut_off_in_the_second_batch)
        assert batches == [0, 10]
        clock.advance(60)
        assert claimed(fetcher)["links"] == 1
        assert [asked.path for asked in fake.asked[10:]] == ["/first"]


def claimed(maker):
    active = queue.claim([FETCH_URLS])
    with queue.finish(active) as result:
        result.update(run_links(active, maker))
    return result


def test_links_that_fail_are_recorded_and_tried_again_when_due(clock):
    with Fake([b"", b"", answer(200, b"")]) as fake:
        start = f"http://a.example:{fake.port}/"
        saved(tweet(1, start))
        run()
        link = links()[start]
        assert (link.outcome, link.attempts) == ("connection", 1)
        assert link.retry_at == clock.now() + timedelta(hours=1)
        assert run()["links"] == 0
        clock.advance(3601)
        assert run()["outcomes"] == {"ok": 1}
    db.session.expire_all()
    assert links()[start].retry_at is None


def test_a_link_of_a_month_ago_is_asked_for_again_for_a_new_post(clock):
    with Fake([answer(200, b"")]) as fake:
        saved(tweet(1, f"http://a.example:{fake.port}/"))
        run()
        clock.advance(31 * 86_400)
        saved(tweet(2, f"http://a.example:{fake.port}/"))
        assert run()["links"] == 1


def test_days_accounts_and_limits_choose_posts():
    with Fake([answer(200, b"")]) as fake:
        root = f"http://a.example:{fake.port}"
        ann = saved(
            tweet(1, f"{root}/1", created="2026-11-19T23:59:59.000Z"),
            tweet(2, f"{root}/2", created="2026-11-20T00:00:00.000Z"),
            tweet(3, f"{root}/3", created="2026-11-20T23:59:59.000Z"),
            tweet(4, f"{root}/4", created="2026-11-21T00:00:00.000Z"),
        )
        saved(tweet(5, f"{root}/5"), name="bob_x", uid=102)
        day = {"start": "2026-11-20", "end": "2026-11-20"}
        assert run(**day, twitter_user_ids=[ann.id])["posts"] == 2
        assert set(links()) == {f"{root}/2", f"{root}/3"}
        assert run(limit=1)["posts"] == 1
        assert run()["posts"] == 2


DAYS = {"start": "2026-11-20", "end": "2026-11-20"}


@pytest.fixture
def left_on_two_days(clock):
    """A post of the 19th and one of the 20th whose links are due again, and two cut off."""
    with Fake([answer(503, b"")]) as fake:
        root = f"http://a.example:{fake.port}"
        days = {19: "2026-11-19T23:59:59.000Z", 20: "2026-11-20T00:00:00.000Z"}
        saved(*(tweet(day, f"{root}/again/{day}", created=days[day]) for day in days))
        run()
        clock.advance(3_601)
        saved(*(tweet(100 + day, f"{root}/left/{day}", created=days[day]) for day in days))
        with pytest.raises(KeyboardInterrupt):
            run(broken, item_ids=list(db.session.scalars(select(TwitterUserItem.id))))
        saved(tweet(200, f"{root}/new/19", created=days[19]))
        fake.asked.clear()
        yield fake


@pytest.mark.parametrize("choice", [DAYS, {"start": "2026-11-20"}])
def test_days_bound_a_run_links_that_are_due_included(left_on_two_days, choice):
    assert run(**choice)["links"] == 2
    assert {asked.path for asked in left_on_two_days.asked} == {"/again/20", "/left/20"}


def test_what_days_left_out_is_followed_by_a_run_without_any(left_on_two_days):
    run(**DAYS)
    left_on_two_days.asked.clear()
    run()
    asked = {asked.path for asked in left_on_two_days.asked}
    assert asked == {"/again/19", "/left/19", "/new/19"}


def test_a_limit_is_not_spent_on_posts_without_links():
    with Fake([answer(200, b"")]) as fake:
        saved(tweet(1), tweet(2), tweet(3, f"http://a.example:{fake.port}/"))
        assert run(limit=1) == {"posts": 1, "links": 1, "outcomes": {"ok": 1}}


def test_links_without_an_address_have_their_outcome_too():
    saved(tweet(1, "http://10.0.0.1/", "ftp://a.example/", "http://" + "a" * 300 + ".example/"))
    assert run()["outcomes"] == {"not_public": 1, "invalid": 2}


def test_what_a_killed_run_left_is_followed_by_the_next():
    with Fake([answer(200, b"")]) as fake:
        saved(*(tweet(number, f"http://h{number}.example:{fake.port}/") for number in range(5)))
        with pytest.raises(KeyboardInterrupt):
            run(broken)
        assert {link.outcome for link in links().values()} == {""}
        assert run() == {"posts": 0, "links": 5, "outcomes": {"ok": 5}}


class Watched(Fetcher):
    """The real fetcher; somebody looks at each outcome before the run does."""

    def __init__(self, look):
        super().__init__(guard=open_guard(), limits=IN_A_HURRY, lookup=everybody, width=10)
        self.look = look

    async def follow_all(self, urls):
        async with aclosing(super().follow_all(urls)) as outcomes:
            async for found in outcomes:
                self.look()
                yield found


def wish_to_cancel(clock):
    with db.engine.begin() as connection:
        connection.execute(update(Run).values(cancel_requested=True))
    clock.advance(6)


WAYS_TO_STOP = {
    "SIGTERM": (lambda _clock: shutdown.request_stop(), Interrupted),
    "cancel": (wish_to_cancel, Cancelled),
    "the keyboard": (lambda _clock: signal.raise_signal(signal.SIGINT), KeyboardInterrupt),
}


@pytest.fixture
def heard_ctrl_c():
    """As at a terminal: what a shell runs in the background is begun with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
@pytest.mark.parametrize("way", WAYS_TO_STOP)
def test_what_is_finished_is_kept_when_a_run_is_stopped(clock, way):
    stop, raised = WAYS_TO_STOP[way]
    came = []

    def look():
        came.append(1)
        if len(came) == 7:
            stop(clock)

    with Fake([answer(200, b"")]) as fake:
        saved(*(tweet(number, f"http://a.example:{fake.port}/{number}") for number in range(50)))
        with pytest.raises(raised):
            run(lambda: Watched(look))
        shutdown.clear_stop()
        kept = sum(link.outcome == "ok" for link in links().values())
        assert 7 <= len(came) == kept < 50
        assert run()["outcomes"] == {"ok": 50 - kept}


def test_a_run_says_how_far_it_is_and_when_it_will_end(clock):
    shown = []

    def look():
        clock.advance(2)
        row = db.session.scalars(select(Run)).one()
        shown.append((row.done, row.total, expected_end(row)))
        db.session.rollback()

    with Fake([answer(200, b"")]) as fake:
        saved(*(tweet(number, f"http://a.example:{fake.port}/{number}") for number in range(250)))
        begun = clock.now()
        run(lambda: Watched(look))
    assert shown[-1][:2] == (200, 250)
    assert [done for done, _total, _end in shown] == sorted(done for done, _, _ in shown)
    assert {done for done, _total, _end in shown} == {0, 100, 200}
    assert abs(shown[-1][2] - begun - timedelta(seconds=500)) < timedelta(seconds=130)
    assert counted() == [(250, 250)]


def test_the_total_of_a_run_is_what_its_choice_holds_and_grows_with_what_comes():
    with Fake([answer(200, b"")]) as fake:
        root = f"http://a.example:{fake.port}"
        saved(*(tweet(number, f"{root}/{number}") for number in range(5)), tweet(9))
        run(limit=2)
        run(item_ids=list(db.session.scalars(select(TwitterUserItem.id))))
        saved(tweet(10, f"{root}/10", created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"))
        late = iter(
            [tweet(11, f"{root}/11", created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}")]
        )

        def maker():
            saved(*late)
            return fetcher()

        run(maker)
    assert counted() == [(2, 2), (4, 4), (2, 2)]


def counted():
    db.session.rollback()
    return [(row.done, row.total) for row in db.session.scalars(select(Run).order_by(Run.id))]


def test_a_title_is_kept_where_it_is_wanted():
    page = b"<title>A page</title>"
    with Fake([answer(200, page, kind="text/html")]) as fake:
        saved(tweet(1, f"http://a.example:{fake.port}/"))
        run(lambda: fetcher(wants_titles=True))
    assert [link.title for link in links().values()] == ["A page"]


def test_links_in_the_text_count_where_twitter_lists_none():
    with Fake([answer(200, b"")]) as fake:
        saved(v2_post(FIRST, f"see http://a.example:{fake.port}/x."))
        run()
        assert [asked.path for asked in fake.asked] == ["/x"]


def test_the_delivered_fetcher_is_shut_and_knows_its_own_name(app):
    made = guarded_fetcher()
    assert made._guard.allowed_networks == ()
    assert "localhost" in made._guard.own_names
    assert datetime.now(UTC)


def test_the_command_says_what_it_found(runner):
    saved(tweet(1, "http://10.0.0.1/"))
    done = runner.invoke(args=["fetch_urls"])
    assert done.exit_code == 0, done.output
    assert "1 post looked at, 1 link followed." in done.output
    assert "leads to no public address" in done.output
    wrong = runner.invoke(
        args=["fetch_urls", "--start-date", "2026-11-21", "--end-date", "2026-11-20"]
    )
    assert wrong.exit_code == 2
    assert runner.invoke(args=["fetch_urls", "--start-date", "yesterday"]).exit_code == 2


def archive(fake, count):
    """So many posts of long ago, which share ten links."""
    old = "2015-03-01T10:00:00.000Z"
    return [
        tweet(number, f"http://a.example:{fake.port}/old/{number % 10}", created=old)
        for number in range(count)
    ]


def test_yesterdays_links_never_wait_behind_an_archive(clock):
    with Fake([answer(200, b"")]) as fake:
        root = f"http://a.example:{fake.port}"
        saved(*archive(fake, BATCH_ITEMS + 1))
        saved(
            tweet(5_001, f"{root}/long-ago", created="2026-11-20T23:59:59.000Z"),
            tweet(5_002, f"{root}/first", created="2026-11-21T00:00:00.000Z"),
            tweet(5_003, f"{root}/last", created="2026-11-21T23:59:59.000Z"),
        )
        assert run()["posts"] == BATCH_ITEMS + 4
        paths = [asked.path for asked in fake.asked]
    assert set(paths[:2]) == {"/first", "/last"}
    assert len(paths) == len(set(paths)) == 13


def test_posts_that_come_during_a_run_are_looked_at_before_the_rest_of_an_archive(clock):
    with Fake([answer(200, b"")]) as fake:
        root = f"http://a.example:{fake.port}"
        saved(*archive(fake, 1))
        saved(*(tweet(number, f"{root}/late", created="2015-03-01T10:00:00.000Z")
                for number in range(1_000, 1_000 + BATCH_ITEMS)))  # fmt: skip
        batches = []

        def maker():
            batches.append(len(fake.asked))
            if len(batches) == 1:
                saved(tweet(5_001, f"{root}/new", created="2026-11-22T11:00:00.000Z"))
            return fetcher()

        assert run(maker)["posts"] == BATCH_ITEMS + 2
        paths = [asked.path for asked in fake.asked]
    assert paths == ["/late", "/new", "/old/0"]
    assert batches == [0, 1, 2]


def test_a_retry_that_falls_due_comes_before_an_archive_and_after_new_posts(clock):
    with Fake([answer(503, b"")]) as failing:
        root = f"http://a.example:{failing.port}"
        saved(tweet(9_000, f"{root}/again"))
        run()
        failing.asked.clear()
        clock.advance(3_601)
        saved(*archive(failing, 1))
        saved(tweet(9_001, f"{root}/new", created="2026-11-21T11:00:00.000Z"))
        run()
        assert [asked.path for asked in failing.asked] == ["/new", "/again", "/old/0"]
