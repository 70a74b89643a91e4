from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import select

from sfm.database import db
from sfm.models import TwitterUserItem, User
from sfm.twitter.parse import entities as parse_entities
from tests.pages import Page, page, part, submit, text_of
from tests.posts.making import NOON, make_set, make_tweet, make_user, record, save
from tests.posts.making import post as v2

LoginAs = Callable[[User], FlaskClient]
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def signed(login_as: LoginAs, reader: User) -> FlaskClient:
    return login_as(reader)


def texts(found: Page) -> list[str]:
    return [text_of(one) for one in found.all("p", class_="post-text")]


def test_the_list_shows_newest_first_and_pages(signed: FlaskClient) -> None:
    ann = make_user("ann")
    for number in range(60):
        make_tweet(ann, f"number {number}", at=NOON + timedelta(minutes=number))

    first = page(signed, "/tweets/")
    assert texts(first) == [f"number {number}" for number in range(59, 9, -1)]
    assert "60 posts" in first.text
    older = next(link for link in first.links() if "at=" in link)
    second = page(signed, older)
    assert texts(second) == [f"number {number}" for number in range(9, -1, -1)]
    fragment = part(signed, older)
    assert texts(fragment) == texts(second)
    newer = next(link for link in second.links() if "at=" in link)
    assert texts(page(signed, newer)) == texts(first)


def test_nothing_kept_yet_says_what_to_do(signed: FlaskClient) -> None:
    assert "come in with the next timeline run" in page(signed, "/tweets/").text


def test_searching_by_form_and_narrowing_down_by_links(signed: FlaskClient) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    make_tweet(ann, "Flood at the harbour", lang="en")
    make_tweet(bob, "Flood in the cellar", lang="fr", at=NOON - timedelta(days=60))
    make_tweet(bob, "Sunshine", lang="fr")

    found = submit(signed, page(signed, "/tweets/"), "/tweets/", q="flood")
    assert found.status_code == 200
    result = page(signed, "/tweets/?q=flood")
    assert sorted(texts(result)) == ["Flood at the harbour", "Flood in the cellar"]
    assert "2 posts" in result.text
    narrowed = {text_of(link): link.get("href") or "" for link in result.all("a")}
    assert texts(page(signed, narrowed["fr"])) == ["Flood in the cellar"]
    assert texts(page(signed, narrowed["Nov 2026"])) == ["Flood at the harbour"]
    by_bob = page(signed, narrowed["@bob"])
    assert texts(by_bob) == ["Flood in the cellar"]
    drop = next(one for one in by_bob.all("a") if one.get("aria-label") == "Drop: @bob")
    assert len(texts(page(signed, drop.get("href") or ""))) == 2


def test_the_export_button_carries_the_selection(signed: FlaskClient) -> None:
    make_tweet(make_user("ann"), "flood", lang="en")
    found = page(signed, "/tweets/?q=flood&lang=en&from=2026-11-01")
    export = [link for link in found.links() if link.startswith("/exports/new")]
    if export:
        assert all(word in export[0] for word in ("q=flood", "lang=en", "from=2026-11-01"))
    assert found.one("input", name="q").get("value") == "flood"


def links_of(found: Page) -> dict[str, str]:
    """Where each link leads, by what it is called."""
    return {one.get("aria-label") or text_of(one): one.get("href") or "" for one in found.all("a")}


def test_a_month_stays_that_month_on_every_way_on(login_as: LoginAs, reader: User) -> None:
    """Months are counted in UTC: who reads in Berlin must get just these posts, also exported."""
    reader.time_zone = "Europe/Berlin"
    ann, signed = make_user("ann"), login_as(reader)
    for text, at, lang in (
        ("still October", datetime(2026, 10, 31, 23, 30, tzinfo=UTC), "fr"),
        ("first", datetime(2026, 11, 1, 12, tzinfo=UTC), "en"),
        ("middle", datetime(2026, 11, 15, tzinfo=UTC), "fr"),
        ("last", datetime(2026, 11, 30, 23, 30, tzinfo=UTC), "fr"),
    ):
        make_tweet(ann, text, at=at, lang=lang)

    month = page(signed, links_of(page(signed, "/tweets/"))["Nov 2026"])
    assert texts(month) == ["last", "middle", "first"]
    french = page(signed, links_of(month)["fr"])
    assert texts(french) == ["last", "middle"]
    again = page(signed, links_of(french)["Drop: language fr"])
    assert texts(again) == texts(month)
    for shown, number in ((month, "3"), (french, "2"), (again, "3")):
        export = page(signed, links_of(shown)["Export these"])
        assert "days of the zone UTC" in export.text
        assert number in [text_of(fact) for fact in export.all("dd")]


def test_the_zone_goes_with_the_last_day_that_is_dropped(signed: FlaskClient) -> None:
    make_tweet(make_user("ann"))
    month = page(signed, "/tweets/?from=2026-11-01&to=2026-11-30&zone=UTC")
    to_the_end = links_of(month)["Drop: from 2026-11-01"]
    assert "zone=UTC" in to_the_end
    assert links_of(page(signed, to_the_end))["Drop: to 2026-11-30"] == "/tweets/"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("q=%22open", "quotation mark"),
        ("q=-x", "leave out"),
        ("from=32.13.2026", "no date"),
        ("from=2026-02-02&to=2026-01-01", "Swap"),
        ("at=nonsense", "start of the list"),
        ("account=x", "not a number"),
        ("lang=%3Cscript%3E", "language code"),
        ("kind=%22%3E%3Cimg", "takes one of"),
        ("zone=Mars", "time zone"),
        ("q=" + "a+" * 70, "60 words"),
    ],
)
def test_bad_input_is_told_and_nothing_typed_is_lost(
    signed: FlaskClient, query: str, says: str
) -> None:
    found = page(signed, f"/tweets/?{query}&media=yes", 422)
    assert says in found.text
    assert part(signed, f"/tweets/?{query}", 422).by_id("posts") is not None
    chosen = [one.get("value") for one in found.all("option") if "selected" in one.attrib]
    assert "yes" in chosen


def test_sets_of_others_cannot_be_searched(signed: FlaskClient, superuser: User) -> None:
    ann = make_user("ann")
    make_tweet(ann)
    foreign = make_set(superuser, "Secret plans", [ann])
    assert signed.get(f"/tweets/?set={foreign.id}").status_code == 404
    assert "Secret plans" not in page(signed, "/tweets/").html


def test_own_sets_narrow_the_list(signed: FlaskClient, reader: User) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    make_tweet(ann, "by ann")
    make_tweet(bob, "by bob")
    mine = make_set(reader, "Mine", [bob])
    assert texts(page(signed, f"/tweets/?set={mine.id}")) == ["by bob"]


def test_who_is_not_signed_in_reads_nothing(client: FlaskClient) -> None:
    one = make_tweet(make_user("ann"))
    for address in ("/tweets/", f"/twitter-item/{one}/", f"/twitter-item/{one}.json"):
        assert client.get(address).status_code == 302


def test_one_post_is_a_page_for_browsers_and_json_for_programs(signed: FlaskClient) -> None:
    ann = make_user("ann")
    one = make_tweet(ann, "Flood at the harbour")
    raw = db.session.scalar(select(TwitterUserItem.item_json))

    shown = page(signed, f"/twitter-item/{one}/", headers=HTML)
    assert text_of(shown.by_id("post-text")) == "Flood at the harbour"
    assert f"/twitter-item/{one}.json" in shown.links()
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = signed.get(f"/twitter-item/{one}/", headers=headers)
        assert (answer.mimetype, answer.text) == ("application/json", raw)
        assert "Accept" in answer.headers["Vary"]
    answer = signed.get(f"/twitter-item/{one}.json", headers=HTML)
    assert (answer.mimetype, answer.text) == ("application/json", raw)
    assert signed.get("/twitter-item/1/", headers=HTML).status_code == 404
    assert signed.get(f"/twitter-item/{2**63}/").status_code == 404


def test_links_tags_and_names_are_linked_and_the_own_picture_is_not_in_the_text(
    signed: FlaskClient,
) -> None:
    ann = make_user("ann")
    text = "See https://t.co/aaa &amp; #Flood by @City_Hall it&#39;s https://t.co/pic"
    entities = {
        "urls": [
            {
                "start": 4, "end": 20, "url": "https://t.co/aaa",
                "expanded_url": "https://example.org/x?a=1&b=2", "display_url": "example.org/x",
            },
            {
                "start": 60, "end": 76, "url": "https://t.co/pic", "media_key": "3_1",
                "expanded_url": "https://twitter.com/a/status/1/photo/1",
            },
        ],
        "hashtags": [{"start": 27, "end": 33, "tag": "Flood"}],
        "mentions": [{"start": 37, "end": 47, "username": "City_Hall"}],
    }  # fmt: skip
    media = [{"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/1.jpg"}]
    one = make_tweet(
        ann, text, entities=entities, attachments={"media_keys": ["3_1"]}, includes={"media": media}
    )

    card = page(signed, "/tweets/")
    assert texts(card) == ["See example.org/x & #Flood by @City_Hall it&#39;s"]
    links = {text_of(link): link for link in card.all("a")}
    assert links["example.org/x"].get("href") == "https://example.org/x?a=1&b=2"
    assert links["example.org/x"].get("rel") == "noopener noreferrer nofollow"
    assert links["#Flood"].get("href") == "/tweets/?q=%23Flood"
    assert links["@City_Hall"].get("href") == "/tweets/?q=@City_Hall"
    assert texts(page(signed, links["#Flood"].get("href") or "")) == texts(card)

    whole = page(signed, f"/twitter-item/{one}/", headers=HTML)
    assert "See example.org/x & #Flood by @City_Hall" in text_of(whole.by_id("post-text"))


def test_quoted_and_retweeted_posts_are_shown(signed: FlaskClient) -> None:
    ann = make_user("ann")
    quoted = {"id": "77", "text": "What was said before &lt;b&gt;", "author_id": "9"}
    people = [{"id": "9", "username": "speaker", "name": "Speaker"}]
    one = make_tweet(
        ann, "Look at this", referenced_tweets=[{"type": "quoted", "id": "77"}],
        includes={"tweets": [quoted], "users": people},
    )  # fmt: skip
    two = make_tweet(
        ann, "RT @speaker: What was…", referenced_tweets=[{"type": "retweeted", "id": "77"}],
        includes={"tweets": [quoted], "users": people}, at=NOON + timedelta(hours=1),
    )  # fmt: skip
    assert texts(page(signed, "/tweets/")) == [
        "RT @speaker: What was said before <b>",
        "Look at this",
        "What was said before <b>",
    ]
    assert "What was said before <b>" in page(signed, f"/twitter-item/{one}/", headers=HTML).text
    assert "RT @speaker: What was said before <b>" in text_of(
        page(signed, f"/twitter-item/{two}/", headers=HTML).by_id("post-text")
    )


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>",
    "'-alert(1)-'", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<b>x</b>",
    "vbscript:msgbox(1)", "</p></article></main><h1>taken over</h1>", "<!--", "-->",
    "<![CDATA[x]]>",
    "{{ 7*7 }}", "{% raw %}", "${7*7}", "&lt;script&gt;", "&#x3c;script&#x3e;", "&amp;#39;",
    "\u202egnirts desrever\u202c", "\u2066isolate", "\u200bzero\u200bwidth\u200b", "\ufeffbom",
    "a\u0000b", "a\u0001b\u0008c", "a\u007fb\u0085c", "\ufffe\uffff", "\U0001fffe",
    "\u2028line\u2029par",
    "\r\nSet-Cookie: x=1", "https://t.co/<script>", "https://t.co/aaa\" onmouseover=\"x",
    "#<b>tag</b>", "#\"onclick=x", "@<i>name</i>", "@name\"onclick=\"x", "#1234 &#39; &#x27;",
    "＃ｆｕｌｌ ＠ｗｉｄｅ", "x" * 5000, "z̵̛̼a̶͓l̷g̸o̷" * 50, "العربية <b>عربي</b>", "👩‍👩‍👧‍👦<b>",
    "<style>*{display:none}</style>", "<base href=//evil>", "<meta http-equiv=refresh content=0>",
    "<iframe src=//evil>", "<form action=//evil>", "<a href=javascript:x>y</a>", "%3Cscript%3E",
    "\\u003cscript\\u003e", "<math><mtext></form><form><mglyph><style></math><img src onerror=x>",
]  # fmt: skip


def foreign(found: Page) -> list[Any]:
    """What only a post could have brought in."""
    pictures = [one for one in found.all("img") if not (one.get("src") or "").startswith("/static")]
    forms = [one for one in found.all("form") if not (one.get("action") or "").startswith("/")]
    never = ("iframe", "base", "style", "object", "embed", "math")
    return [*pictures, *forms, *(one for tag in never for one in found.all(tag))]


@pytest.mark.slow
def test_fifty_hostile_texts_are_shown_harmless(signed: FlaskClient) -> None:
    assert len(HOSTILE) == 50
    ann = make_user("ann")
    made = []
    for number, text in enumerate(HOSTILE):
        urls = [{"url": "https://t.co/aaa", "expanded_url": text, "display_url": text}]
        payload = v2(
            ann.uid or 0, text + " https://t.co/aaa", at=NOON + timedelta(minutes=number),
            entities={
                "urls": urls, "hashtags": [{"tag": text}], "mentions": [{"username": text[:40]}],
            },
            lang=text[:8], source=text, name="ann", geo={"place_id": "p"},
            includes={
                "places": [{"id": "p", "full_name": text}],
                "tweets": [{"id": "5", "text": text, "author_id": str(ann.uid)}],
                "media": [{"media_key": "3_1", "type": "photo", "url": text, "alt_text": text}],
            },
            referenced_tweets=[{"type": "quoted", "id": "5"}],
            attachments={"media_keys": ["3_1"]},
        )  # fmt: skip
        payload["includes"]["users"][0]["name"] = text
        made.append(record(payload))
    assert save(made, ann.id).new == 50

    found = page(signed, "/tweets/")  # the page's own checks look for scripts, handlers and links
    assert len(found.all("article", class_="post")) == 50
    assert not foreign(found)
    assert text_of(found.one("h1")) == "Posts"
    for one in made:
        whole = page(signed, f"/twitter-item/{one.post.twitter_id}/", headers=HTML)
        assert not foreign(whole)
        assert text_of(whole.one("h1")) == "Post"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_recorded_posts_open_and_show_their_text(
    app: Flask, signed: FlaskClient, runner: FlaskCliRunner, shared_data: Path, tmp_path: Path
) -> None:
    files = []
    for name in ("v1_tweets.jsonl", "v2_pages.jsonl"):
        (tmp_path / name).write_bytes((shared_data / name).read_bytes())
        files.append(str(tmp_path / name))
    done = runner.invoke(args=["import_tweets", "--add-users", *files])
    assert done.exit_code == 0, done.output
    db.session.rollback()
    rows = db.session.execute(
        select(TwitterUserItem.twitter_id, TwitterUserItem.item_text, TwitterUserItem.item_json)
    ).all()
    assert len(rows) > 2900
    # Every page is looked at once; of the other database a sample tells that it gives the same.
    some = rows if db.engine.dialect.name == "sqlite" else rows[::7]
    for twitter_id, text, raw in some:
        shown = page(signed, f"/twitter-item/{twitter_id}/", headers=HTML)
        seen = squeezed(text_of(shown.by_id("post-text")))
        wanted = "".join(one.text for one in parse_entities.entities(raw.encode()).segments)
        assert seen == squeezed(wanted), twitter_id
        for word in text.split():  # what is stored says the same, but for addresses
            assert "//" in word or squeezed(word) in seen, (twitter_id, word)


def squeezed(text: str) -> str:
    return "".join(text.split()).replace("\ufffd", "")


def test_posts_of_an_unknown_author_belong_to_no_account(
    runner: FlaskCliRunner, tmp_path: Path, login_as: LoginAs, superuser: User
) -> None:
    """D-5: the row that holds them has no @, no figures, and is nothing to activate."""
    given = tmp_path / "thin.jsonl"
    given.write_text(
        '{"id":"1897500000000000012","text":"by nobody known"}\n'
        '{"id":"1897500000000000013","text":"x","author_id":"7"}\n'
    )
    done = runner.invoke(args=["import_tweets", "--add-users", str(given)])
    assert done.exit_code == 0, done.output
    client = login_as(superuser)
    shown = page(client, "/twitter-user/(unknown)/")
    assert "author unknown" in shown.text
    assert "belong to no account" in shown.text
    assert "by nobody known" in shown.text
    for word in ("@(", "Activate", "followers", "How complete"):
        assert word not in shown.text
    assert "account 7" in page(client, "/twitter-user/(7)/").text
    assert "Activate" in page(client, "/twitter-user/(7)/").text
    assert "@(" not in page(client, "/tweets/").text
