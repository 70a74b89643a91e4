from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.models import TwitterUserItem, TwitterUserSet
from sfm.models.account import FormerName
from sfm.posts import queries
from sfm.posts.facets import facets
from sfm.posts.selection import Selection
from tests.posts.making import (
    NOON,
    make_account,
    make_set,
    make_tweet,
    make_user,
    post,
    record,
    save,
)

TEXTS = {
    1: "Flood warning for the harbour",
    2: "The harbour library is open again #Flood",
    3: "東京都で大雨の警報が発表されました",
    4: "도서관은 오늘 홍수로 문을 닫습니다",
    5: "مَكْتَبَة المدينة مغلقة اليوم",
    6: "आज बाढ़ के कारण पुस्तकालय बंद है",
    7: "Café Привет Йод 📚👩‍🚒 naïve",
    8: "RT @city_hall: flooded cellar, see https://t.co/harbour",
}


@pytest.fixture
def texts(app: Flask) -> dict[int, int]:
    """Post ids to the numbers of the texts above, older first."""
    ann = make_user("ann", uid=101)
    found = {}
    for number, text in TEXTS.items():
        entities = {"hashtags": [{"tag": "Flood"}]} if "#" in text else {}
        entities |= {"mentions": [{"username": "city_hall"}]} if "@" in text else {}
        at = NOON + timedelta(minutes=number)
        found[
            make_tweet(ann, text, at=at, entities=entities, lang="ja" if number == 3 else "en")
        ] = number
    return found


def numbers(selection: Selection, texts: dict[int, int]) -> list[int]:
    return sorted(texts[tweet.twitter_id] for tweet in queries.page(selection).posts)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("flood", [1, 2]),
        ("FLOOD harbour", [1, 2]),
        ("flood*", [1, 2, 8]),
        ("#flood", [2]),
        ("@city_hall", [8]),
        ("harbour -library", [1]),
        ("library OR cellar", [2, 8]),
        ('"the harbour"', [1, 2]),
        ('"harbour the"', []),
        ("(library OR warning) harbour", [1, 2]),
        ("東京", [3]),
        ("京都", [3]),
        ("東", [3]),
        ("都", [3]),
        ("大雨の警報", [3]),
        ("京東", []),
        ("도서관", [4]),
        ("홍수", [4]),
        ("مكتبة", [5]),
        ("बाढ़", [6]),
        ("cafe", [7]),
        ("привет иод", [7]),
        ("📚", [7]),
        ("👩‍🚒", [7]),
        ("from:ann flood", [1, 2]),
        ("from:bob flood", []),
        ("flood -from:ann", []),
        ("t.co", []),
    ],
)
def test_words_of_every_script_are_found(
    texts: dict[int, int], typed: str, found: list[int]
) -> None:
    assert numbers(Selection(text=typed), texts) == found
    whole = db.session.scalars(queries.statement(Selection(text=typed), TwitterUserItem.twitter_id))
    assert sorted(texts[one] for one in whole) == found
    assert queries.total(Selection(text=typed)).number == len(found)


def test_a_language_narrows_a_search(texts: dict[int, int]) -> None:
    assert numbers(Selection(lang="ja"), texts) == [3]
    assert numbers(Selection(lang="en", text="flood"), texts) == [1, 2]
    assert numbers(Selection(lang="ja", text="flood"), texts) == []


def test_pages_go_down_and_up_again_without_gap_or_double(app: Flask) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    everyone = []
    for number in range(23):
        user = (ann, bob)[number % 2]
        everyone.append(make_tweet(user, f"word {number}", at=NOON + timedelta(days=number * 9)))
    everyone.reverse()
    for selection, wanted in (
        (Selection(), everyone),
        (Selection(text="word"), everyone),
        (Selection(accounts=(ann.id,)), everyone[0::2]),
        (Selection(accounts=(ann.id, bob.id)), everyone),
    ):
        down, up = [], []
        page = queries.page(selection, size=5)
        assert page.newer is None
        while True:
            down += [tweet.twitter_id for tweet in page.posts]
            if page.older is None:
                break
            page = queries.page(selection, page.older, size=5)
        assert down == wanted
        while page.newer:
            page = queries.page(selection, page.newer, size=5)
            up = [tweet.twitter_id for tweet in page.posts] + up
        assert up == wanted[: len(up)]
        assert len(up) >= 5


@pytest.mark.parametrize(
    "token", ["", "x", "AAAA", "ZmZmZmZmZmZuMQ", "é", "\x00", "a" * 3000, "MDAwMDAwMDBvLTE"]
)
def test_a_token_that_is_not_of_this_list_is_refused(app: Flask, token: str) -> None:
    if not token:
        token = str(queries.page(Selection(text="x")).older or "bm9uZQ")
    with pytest.raises(WrongInput):
        queries.page(Selection(), token)


def test_a_token_of_another_search_is_refused(app: Flask) -> None:
    ann = make_user("ann")
    for number in range(3):
        make_tweet(ann, "word", at=NOON + timedelta(days=number))
    token = queries.page(Selection(), size=1).older
    assert token
    assert len(queries.page(Selection(), token, size=1).posts) == 1
    with pytest.raises(WrongInput, match="start of the list"):
        queries.page(Selection(text="word"), token)


def test_days_are_whole_days_of_the_zone_and_the_last_is_included(app: Flask) -> None:
    ann = make_user("ann")
    made = {
        hour: make_tweet(ann, at=datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=hour))
        for hour in (-1, 0, 22, 23.5, 24)
    }

    def hours(**args: str) -> list[float]:
        found = queries.page(Selection.from_args(args)).posts
        ids = {tweet.twitter_id for tweet in found}
        whole = queries.statement(Selection.from_args(args), TwitterUserItem.twitter_id)
        assert set(db.session.scalars(whole)) == ids
        return sorted(hour for hour, one in made.items() if one in ids)

    day = {"from": "2026-11-20", "to": "2026-11-20"}
    assert hours(**day) == [0, 22, 23.5]
    assert hours(**day, zone="Europe/Berlin") == [-1, 0, 22]
    assert hours(**day, zone="America/New_York") == [22, 23.5, 24]
    assert hours(**{"from": "2026-11-21"}) == [24]
    assert hours(to="2026-11-19") == [-1]
    assert hours(**{"from": "2030-01-01"}) == []
    assert hours(**day, q="harbour") == [0, 22, 23.5]


def test_days_hold_where_ids_and_dates_do_not_agree(app: Flask) -> None:
    """Some archives hold ids that were given long before or after the date says."""
    ann = make_user("ann")
    odd = make_tweet(ann, at=NOON, twitter_id=17)
    plain = make_tweet(ann, at=NOON - timedelta(days=1))
    other = make_tweet(ann, at=NOON - timedelta(days=300))
    day = Selection(from_day=NOON.date(), to_day=NOON.date())
    before = Selection(to_day=NOON.date() - timedelta(days=1))
    assert [tweet.twitter_id for tweet in queries.page(day).posts] == [odd]
    assert [tweet.twitter_id for tweet in queries.page(before).posts] == [plain, other]


@pytest.fixture
def mixed(app: Flask) -> list[dict[str, object]]:
    """Eighty posts of six accounts in two sets, of every kind."""
    dice = random.Random(4)
    owner = make_account()
    users = [make_user(f"user_{number}") for number in range(6)]
    make_set(owner, "first", users[:3])
    make_set(owner, "second", users[2:])
    made = []
    for number in range(80):
        user = dice.choice(users)
        at = NOON - timedelta(days=dice.randint(0, 400), seconds=number)
        fields: dict[str, object] = {"lang": dice.choice(["en", "fr", "ja"])}
        kind = dice.choice(["post", "retweet", "quote", "reply"])
        types = {"retweet": "retweeted", "quote": "quoted", "reply": "replied_to"}
        if kind in types:
            fields["referenced_tweets"] = [{"type": types[kind], "id": "77"}]
        link = dice.random() < 0.5
        if link:
            fields["entities"] = {
                "urls": [{"url": "https://t.co/a", "expanded_url": "https://example.org"}]
            }
        text = dice.choice(["flood", "harbour", "flood harbour"])
        one = make_tweet(user, text, at=at, **fields)
        made.append(
            {"id": one, "user": user.id, "kind": kind, "link": link, "at": at, "text": text}
            | fields
        )
    return made


def test_facets_are_what_counting_by_hand_gives(mixed: list[dict[str, object]]) -> None:
    selection = Selection(text="flood", retweets="no")
    wanted = [one for one in mixed if "flood" in str(one["text"]) and one["kind"] != "retweet"]
    found = facets(selection, list(db.session.scalars(select(TwitterUserSet.id))))

    assert (found.looked_at, found.complete) == (len(wanted), True)
    for name, values in (("kinds", "kind"), ("langs", "lang"), ("accounts", "user")):
        by_hand: dict[str, int] = {}
        for one in wanted:
            by_hand[str(one[values])] = by_hand.get(str(one[values]), 0) + 1
        assert {facet.value: facet.posts for facet in getattr(found, name)} == by_hand
    linked = sum(bool(one["link"]) for one in wanted)
    assert {facet.value: facet.posts for facet in found.links} == {
        "yes": linked,
        "no": len(wanted) - linked,
    }
    assert sum(facet.posts for facet in found.months) == len(wanted)
    assert [facet.label for facet in found.accounts if facet.value == found.accounts[0].value][0]
    assert {facet.label for facet in found.sets} == {"first", "second"}


def test_conditions_hold_together_on_pages_counts_and_statements(
    mixed: list[dict[str, object]],
) -> None:
    dice = random.Random(9)
    sets = {"1": {one["user"] for one in mixed}}
    for _ in range(60):
        args = {
            name: value
            for name, value in {
                "q": dice.choice(["", "flood", "harbour -flood"]),
                "lang": dice.choice(["", "en"]),
                "kind": dice.choice(["", "quote", "post,reply"]),
                "retweets": dice.choice(["", "no", "only"]),
                "link": dice.choice(["", "yes", "no"]),
                "from": dice.choice(["", "2026-03-05"]),
                "to": dice.choice(["", "2026-09-01"]),
                "account": dice.choice(["", str(mixed[0]["user"])]),
            }.items()
            if value
        }
        wanted = sorted(one["id"] for one in mixed if fits(one, args))
        selection = Selection.from_args(args)
        assert Selection.from_args(selection.to_args()) == selection
        assert (
            sorted(tweet.twitter_id for tweet in queries.page(selection, size=100).posts) == wanted
        )
        whole = db.session.scalars(queries.statement(selection, TwitterUserItem.twitter_id))
        assert sorted(whole) == wanted
        assert queries.total(selection).number == len(wanted)
        assert facets(selection).looked_at == len(wanted)
    assert sets


def fits(one: dict[str, object], args: dict[str, str]) -> bool:
    day = one["at"].date().isoformat()  # type: ignore[attr-defined]
    words = str(one["text"]).split()
    query = {"flood": "flood" in words, "harbour -flood": words == ["harbour"]}
    return (
        query.get(args.get("q", ""), True)
        and args.get("lang", one["lang"]) == one["lang"]
        and one["kind"] in args.get("kind", str(one["kind"])).split(",")
        and {"no": one["kind"] != "retweet", "only": one["kind"] == "retweet"}.get(
            args.get("retweets", ""), True
        )
        and {"yes": bool(one["link"]), "no": not one["link"]}.get(args.get("link", ""), True)
        and args.get("from", day) <= day <= args.get("to", day)
        and args.get("account", str(one["user"])) == str(one["user"])
    )


def test_sets_ids_and_former_names_choose_posts(app: Flask) -> None:
    ann, bob, cy = make_user("ann"), make_user("bob"), make_user("cy")
    tweets = {user.name: make_tweet(user) for user in (ann, bob, cy)}
    db.session.add(FormerName(twitter_user_id=bob.id, lower_name="old_bob", until=NOON))
    db.session.commit()
    chosen = make_set(make_account(), "two", [ann, bob])
    ids = lambda selection: {tweet.twitter_id for tweet in queries.page(selection).posts}  # noqa: E731

    assert ids(Selection(set_id=chosen.id)) == {tweets["ann"], tweets["bob"]}
    assert ids(Selection(set_id=chosen.id, accounts=(ann.id, cy.id))) == {tweets["ann"]}
    assert ids(Selection(text="from:Old_Bob")) == {tweets["bob"]}
    assert ids(Selection(ids=(tweets["cy"], 5))) == {tweets["cy"]}
    assert queries.total(Selection(set_id=chosen.id)).number == 2
    with pytest.raises(NotFound):
        queries.page(Selection(set_id=999))


def test_large_sets_find_the_same_as_small_ones(app: Flask) -> None:
    users = [make_user(f"user_{number}") for number in range(130)]
    old = [
        record(post(user.uid or 0, "old", at=NOON - timedelta(days=900))) for user in users[:120]
    ]
    save(old, {user.uid: user.id for user in users})
    save([record(post(users[125].uid or 0, "new"))], users[125].id)
    large = make_set(make_account(), "large", users[:120])

    found = queries.page(Selection(set_id=large.id), size=200).posts
    assert {tweet.twitter_id for tweet in found} == {one.post.twitter_id for one in old}
    found = queries.page(Selection(set_id=large.id, text="old"), size=200).posts
    assert len(found) == 120


def test_days_of_all_of_one_and_of_a_set(app: Flask) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    for days, user in ((0, ann), (0, bob), (1, ann), (40, ann)):
        make_tweet(user, at=NOON - timedelta(days=days))
    chosen = make_set(make_account(), "one", [bob])
    today, yesterday = NOON.date(), NOON.date() - timedelta(days=1)

    assert queries.day_counts(today, 31) == {today: 2, yesterday: 1}
    assert queries.day_counts(today, 90, account_id=ann.id) == {
        today: 1,
        yesterday: 1,
        today - timedelta(days=40): 1,
    }
    assert queries.day_counts(today, 31, set_id=chosen.id) == {today: 1}
    assert queries.total() == queries.Count(4)
    assert queries.total(Selection(accounts=(ann.id,))) == queries.Count(3)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"from": "2026-13-01"}, "no date"),
        ({"from": "yesterday"}, "no date"),
        ({"to": "1999-01-01"}, "2006-03-01"),
        ({"to": "99999-01-01"}, "no date"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "Swap"),
        ({"zone": "Mars/Base"}, "time zone"),
        ({"zone": "../../etc/passwd"}, "time zone"),
        ({"kind": "tweetstorm"}, "takes one of"),
        ({"retweets": "maybe"}, "takes one of"),
        ({"link": "perhaps"}, "yes or no"),
        ({"account": "-1"}, "not a number"),
        ({"account": str(2**63)}, "not a number"),
        ({"account": "٣"}, "not a number"),
        ({"ids": ",".join(map(str, range(1, 50_002)))}, "50,000"),
        ({"lang": "english please"}, "language code"),
        ({"q": '"open'}, "quotation"),
    ],
)
def test_what_an_address_cannot_mean_is_told(args: dict[str, str], says: str) -> None:
    with pytest.raises(WrongInput) as told:
        Selection.from_args(args)
    assert says in told.value.message


def test_a_selection_survives_its_address() -> None:
    args = {
        "q": '"city hall" -x', "account": "3,1", "set": "4", "from": "2026-01-01",
        "to": "2026-02-01", "zone": "Europe/Berlin", "lang": "ja", "kind": "post,quote",
        "retweets": "no", "link": "yes", "media": "no", "ids": "5",
    }  # fmt: skip
    selection = Selection.from_args(args)
    assert selection.to_args() == args
    assert Selection.from_args(selection.to_args()) == selection
    assert selection.from_day == date(2026, 1, 1)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("days", [{"from": "2026-11-01"}, {"to": "2026-11-30"}])
def test_days_mean_the_same_to_readers_of_every_zone(zone: str, days: dict[str, str]) -> None:
    selection = Selection.from_args(days, zone)
    for reader in ("UTC", "Europe/Berlin", "Asia/Kolkata"):
        assert Selection.from_args(selection.to_args(), reader).moments == selection.moments


def test_no_zone_is_said_without_a_day() -> None:
    assert Selection.from_args({"q": "flood"}, "Europe/Berlin").to_args() == {"q": "flood"}


def test_lists_do_not_read_the_json(app: Flask) -> None:
    make_tweet(make_user("ann"))
    item = db.session.scalars(select(TwitterUserItem)).one()
    assert "item_json" not in item.__dict__
    assert not any("item_json" in str(column) for column in queries.CARD)
    assert queries.by_twitter_id(item.twitter_id, with_json=True).__dict__["item_json"]
    with pytest.raises(NotFound):
        queries.by_twitter_id(1)
