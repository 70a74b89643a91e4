"""The query language: what can be read, what is refused and where, and what matches."""

from __future__ import annotations

import pytest

from sfm.sandbox.clock import SandboxClock
from sfm.sandbox.query.match import ParsedQuery
from sfm.sandbox.query.parse import QueryError, parse
from sfm.sandbox.query.subject import MatchSubject
from sfm.sandbox.world.posts import WorldPost
from sfm.sandbox.world.world import World
from tests.sandbox.conftest import NOON
from tests.sandbox.held_time import HeldTime


@pytest.fixture
def world() -> World:
    return World(clock=SandboxClock(HeldTime(NOON)))


def meets(world: World, post: WorldPost, text: str, *, stream: bool = True) -> bool:
    query = ParsedQuery(parse(text, stream=stream, longest=1_024), stream=stream)
    return query.meets(MatchSubject(world, post, stream=stream))


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("The cat sat", "cat", True),
        ("The CAT sat", "cat", True),
        ("concatenate", "cat", False),
        ("I like coca-cola", "cola", True),
        ("I like coca-cola", '"coca-cola"', True),
        ("I like coca cola", '"coca-cola"', False),
        ("see #cat", "cat", True),
        ("see #cats", "#cat", False),
        ("see #Cat", "#cat", True),
        ("a cat", "#cat", False),
        ("hi @FerryNotes", "@ferrynotes", True),
        ("hi FerryNotes", "@ferrynotes", False),
        ("buy $HBRF", "$hbrf", True),
        ("a b", "a b", True),
        ("b a", "a b", True),
        ("a", "a b", False),
        ("a", "a OR b", True),
        ("c", "a OR b", False),
        ("a c", "a (b OR c)", True),
        ("a d", "a (b OR c)", False),
        ("a b", "a -b", False),
        ("a c", "a -b", True),
        # AND binds tighter than OR.
        ("c", "a b OR c", True),
        ("a", "a b OR c", False),
        ("big red dog", '"red dog"', True),
        ("dog red", '"red dog"', False),
        ("reddish dogs", '"red dog"', False),
        ("one two three four", '"one four"~2', True),
        ("one two three four", '"one four"~1', False),
        ("touché", "touche", False),
        ("touché", "touché", True),
        ("water 🌊 rising", "🌊", True),
        ("Q&A today", '"Q&A"', True),
        ("go https://example.org/library/42", "url:example.org", True),
        ("go https://example.org/library/42", 'url:"example.org/library"', True),
        ("go https://example.org/librarian", 'url:"example.org/library"', False),
        ("go https://example.org/librarian", 'url_contains:"org/libr"', True),
        ("go https://example.org/library/42", "library", False),
        ("x", "x has:links", False),
        ("x https://example.org/a", "x has:links", True),
        ("x #y", "x has:hashtags -has:mentions", True),
        ("x", "x lang:en", True),
        ("x", "x (lang:de OR lang:fr)", False),
        ("القطة هنا", "القطة", True),
    ],
)
def test_words_match_as_x_says(world: World, text: str, rule: str, expected: bool) -> None:
    post = world.add_post(world.find("A1"), text)
    assert meets(world, post, rule) is expected


def test_search_does_not_mind_accents(world: World) -> None:
    post = world.add_post(world.find("A1"), "Touché")
    assert meets(world, post, "touche", stream=False)
    assert not meets(world, post, "touche", stream=True)


def test_people_by_name_and_by_id(world: World) -> None:
    writer, other = world.find("A1"), world.find("FerryNotes")
    first = world.add_post(writer, "hello")
    reply = world.add_post(other, "hi", reply_to=first.id)
    retweet = world.retweet(other, first.id)
    assert meets(world, first, "from:a1")
    assert meets(world, first, f"from:{writer.uid}")
    assert not meets(world, reply, "from:A1")
    assert meets(world, reply, "to:A1")
    assert meets(world, reply, f"to:{writer.uid} is:reply")
    assert meets(world, retweet, f"retweets_of:{writer.uid}")
    assert meets(world, retweet, "hello is:retweet")
    assert not meets(world, first, "retweets_of:A1")
    assert meets(world, reply, f"conversation_id:{first.id}")
    assert meets(world, reply, f"from:FerryNotes in_reply_to_tweet_id:{first.id}")


def test_rules_see_the_quoted_post_and_search_does_not(world: World) -> None:
    first = world.add_post(world.find("A1"), "zebra #stripes")
    quote = world.add_post(world.find("FerryNotes"), "look", quote_of=first.id)
    assert meets(world, quote, "zebra")
    assert meets(world, quote, "#stripes is:quote")
    assert not meets(world, quote, "zebra", stream=False)


def test_boxes_take_points_inside_and_places_contained(world: World) -> None:
    tagged = [post for post in _tagged(world) if post.place == "18cd49e38ef04463"]
    with_point = next(post for post in tagged if post.point)
    without = next(post for post in tagged if not post.point and post.kind == "original")
    whole = "bounding_box:[-77.15 38.78 -77.03 38.85]"
    part = "bounding_box:[-77.10 38.80 -77.05 38.82]"
    assert meets(world, with_point, whole)
    assert meets(world, without, whole)
    assert not meets(world, without, part), "only overlapping"
    assert meets(world, without, "point_radius:[-77.09 38.815 15km]")
    assert not meets(world, without, "point_radius:[-77.09 38.815 2mi]")
    assert meets(world, without, "place_country:us")
    assert meets(world, without, 'place:"Alexandria, VA" has:geo')


def _tagged(world: World) -> list[WorldPost]:
    people = [world.find("QuayWeather"), world.find("clinic_bus")]
    posts = [world.post(post_id) for person in people for post_id in world.timeline(person)]
    return [post for post in posts if post and post.place]


def test_kinds_of_media_and_accounts(world: World) -> None:
    posts = [world.post(post_id) for post_id in world.timeline(world.find("OwlTelescope"))]
    video = next(p for p in posts if p and p.media and p.media[0].kind == "video")
    photo = next(p for p in posts if p and p.media and p.media[0].kind == "photo")
    assert meets(world, video, "from:OwlTelescope has:media has:video_link -has:images")
    assert meets(world, photo, "from:OwlTelescope has:images -has:video_link")
    official = world.add_post(world.find("HarborCouncil"), "vote")
    assert meets(world, official, "vote is:verified followers_count:1000..100000")
    assert not meets(world, official, "vote followers_count:1..10")
    assert meets(world, official, 'bio:"city council"')


def test_sample_lets_its_share_through(world: World) -> None:
    posts = [world.post(i) for _, i in zip(range(2_000), _all_ids(world), strict=False)]
    hits = sum(meets(world, p, f"from:{p.author} sample:10") for p in posts if p)
    assert 140 < hits < 260


def _all_ids(world: World) -> list[int]:
    return list(world.timeline(world.find("ArchiveOfTides")))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("(cat", 1),
        ("cat)", 4),
        ("cat OR", 7),
        ("OR cat", 1),
        ("", 1),
        ("()", 2),
        ("-(cat dog)", 2),
        ("cat -", 6),
        ('"cat', 1),
        ('""', 1),
        ("cat AND dog", 5),
        ("coca-cola", 1),
        ("cat foo:bar", 5),
        ("from:", 1),
        ("from:@A1", 1),
        ("from:this_name_is_too_long", 1),
        ("cat lang:", 5),
        ("cat has:wings", 5),
        ("cat is:lazy", 5),
        ('"a b"~7', 1),
        ("cat sample:0", 5),
        ("-cat", 1),
        ("lang:en", 1),
        ("is:retweet has:media", 1),
        ("cat OR lang:en", 1),
        ("cat OR -dog", 1),
        ("bounding_box:[-83 36 -75 39]", 1),
        ("bounding_box:[1 2 3]", 1),
        ("bounding_box:[2.3 48.8 2.2 48.9]", 1),
        ("point_radius:[2.3 48.8 30mi]", 1),
        ("point_radius:[2.3 48.8 10]", 1),
        ("place_country:usa", 1),
        ("cat min_likes:10", 5),
        ("!!!", 1),
        ("(" * 60 + "a" + ")" * 60, 51),
        ("a" * 1_025, 1_024),
    ],
)
def test_wrong_rules_are_refused_with_the_place(text: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, stream=True, longest=1_024)
    assert caught.value.details[0].endswith(f"(at position {position})")


@pytest.mark.parametrize(
    "text",
    [
        "cat",
        '"OR"',
        "(cat OR dog) lang:en -is:retweet",
        "from:1553000011 OR to:1553000011 OR retweets_of:1553000011",
        "#مكتبة OR 図書館",
        "bounding_box:[-77.15 38.78 -77.03 38.85]",
        "((a b) OR (c -d)) has:media",
        "🌊",
        "don't",
    ],
)
def test_good_rules_are_read(text: str) -> None:
    parse(text, stream=True, longest=1_024)


def test_search_and_rules_have_operators_of_their_own() -> None:
    parse("cat min_likes:10", stream=False, longest=512)
    with pytest.raises(QueryError):
        parse("cat sample:10", stream=False, longest=512)
