"""The world itself: repeatable, consistent, cheap."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from sfm.sandbox.clock import SandboxClock
from sfm.sandbox.world.draft import Entities
from sfm.sandbox.world.posts import WorldPost, id_ms
from sfm.sandbox.world.world import World
from tests.sandbox.held_time import HeldTime

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def world(seed: int = 20, **more: int) -> World:
    return World(seed, clock=SandboxClock(HeldTime(NOON)), **more)


def sample(w: World, each: int) -> list[WorldPost]:
    found = []
    for person in w.people:
        for _, post_id in zip(range(each), w.timeline(person), strict=False):
            post = w.post(post_id)
            assert post is not None
            found.append(post)
    return found


@pytest.mark.parametrize("seed", [20, 3, 77])
def test_entities_point_at_their_words(seed: int) -> None:
    signs = {"hashtags": "#", "mentions": "@", "cashtags": "$", "urls": "https://t.co/"}
    names = {"hashtags": "tag", "mentions": "username", "cashtags": "tag", "urls": "url"}
    checked = 0
    for post in sample(world(seed), 60):
        for written in (post.written, post.full):
            for kind, marks in _of(written.entities, signs):
                for mark in marks:
                    words = written.text[mark["start"] : mark["end"]]
                    sign = "" if kind == "urls" else signs[kind]
                    assert words == sign + mark[names[kind]], (post.id, written.text)
                    checked += 1
    assert checked > 1_000


def _of(entities: Entities, kinds: dict[str, str]) -> list[tuple[str, list[dict[str, object]]]]:
    return [(kind, marks) for kind, marks in entities.items() if kind in kinds]  # type: ignore[misc]


def test_everything_that_makes_trouble_is_there() -> None:
    posts = sample(world(), 200)
    texts = "".join(post.full.text for post in posts)
    assert {post.kind for post in posts} == {"original", "retweeted", "quoted", "replied_to"}
    assert [post for post in posts if post.note and len(post.note.text) > 1_000]
    assert {m.kind for post in posts for m in post.media} == {"photo", "video", "animated_gif"}
    assert [post for post in posts if post.poll]
    assert [post for post in posts if post.point]
    assert [post for post in posts if post.withheld]
    assert [post for post in posts if len(post.chain) == 3]
    for piece in ("&amp;", "&lt;", "👨‍👩‍👧‍👦", "👍🏽", "مكتبة", "ספרייה", "図書館", "\n"):
        assert piece in texts
    assert all(len(post.written.text) <= 420 for post in posts)


def test_ids_tell_the_time_and_find_the_post() -> None:
    w = world()
    for post in sample(w, 40):
        assert id_ms(post.id) == post.created_ms
        assert w.post(post.id) == post
        assert post.created_ms <= w.clock.now_ms()


def test_timelines_fall_without_doubles() -> None:
    w = world()
    for person in w.people:
        ids = list(w.timeline(person))
        assert ids == sorted(set(ids), reverse=True)
        assert len(ids) == w.count(person)


def test_no_post_refers_to_the_future() -> None:
    w = world()
    for post in sample(w, 80):
        for _, reference in post.references:
            target = w.post(reference)
            assert target is not None
            assert target.created_ms < post.created_ms


def test_posts_to_come_cannot_be_read_yet() -> None:
    w = world()
    person = w.find("QuayWeather")
    later = world()
    later.clock.advance(86_400)
    to_come = set(later.visible(person)) - set(w.visible(person))
    assert len(to_come) > 5
    assert not [post_id for post_id in to_come if w.post(post_id)]


def test_other_seed_other_posts() -> None:
    first, second = world(1).find("millbrook_lib"), world(2).find("millbrook_lib")
    assert set(world(1).visible(first)).isdisjoint(world(2).visible(second))


def test_uids_and_names_are_each_ones_own() -> None:
    people = world(accounts=2_000).people
    assert len({person.uid for person in people}) == 2_000
    assert len({person.username.lower() for person in people}) == 2_000
    assert all(len(person.username) <= 15 for person in people)


def test_big_world_costs_nothing_until_asked() -> None:
    began = time.process_time()
    w = world(accounts=2_000)
    assert next(iter(w.timeline(w.people[-1])))
    assert time.process_time() - began < 1.0


def test_former_names_lead_to_their_new_holders() -> None:
    w = world()
    mover, taker = w.find("tideline_news"), w.find("TideLine")
    assert "TideLine" in [name for _, name in mover.names[:-1]]
    assert mover.uid != taker.uid
    assert w.named("tideline_live") is None
