"""Look-ups, timelines and posts over the wire."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from sfm.sandbox.server import Sandbox
from sfm.sandbox.world.posts import make_id
from tests.sandbox.conftest import CAPTURE, NOON, pages

Get = Callable[..., requests.Response]


def test_only_default_fields_come_unless_asked(get: Get) -> None:
    user = get("/2/users/by/username/millbrook_lib").json()["data"]
    assert set(user) == {"id", "name", "username"}
    post = get(f"/2/users/{user['id']}/tweets").json()["data"][0]
    assert set(post) == {"id", "text", "edit_history_tweet_ids"}


def test_batch_look_up_gives_data_and_partial_errors(x: Sandbox, get: Get) -> None:
    body = get("/2/users/by", {"usernames": "MILLBROOK_LIB,spam_fountain,nobody_here"}).json()
    assert [user["username"] for user in body["data"]] == ["millbrook_lib"]
    told = {error["value"]: (error["title"], error["detail"]) for error in body["errors"]}
    assert told == {
        "spam_fountain": ("Forbidden", "User has been suspended: [spam_fountain]."),
        "nobody_here": (
            "Not Found Error",
            "Could not find user with usernames: [nobody_here].",
        ),
    }


def test_protected_account_is_seen_but_not_its_posts(x: Sandbox, get: Get) -> None:
    person = x.world.find("quiet_keeper")
    user = get(f"/2/users/{person.uid}", {"user.fields": "protected"}).json()["data"]
    assert user["protected"] is True
    answer = get(f"/2/users/{person.uid}/tweets")
    assert answer.status_code == 200
    assert "data" not in answer.json()
    assert answer.json()["errors"][0]["title"] == "Authorization Error"
    post_id = x.world.visible(person)[0]
    errors = get("/2/tweets", {"ids": post_id}).json()["errors"]
    assert errors[0]["type"].endswith("not-authorized-for-resource")


def test_timeline_pages_to_what_x_reaches_and_no_further(x: Sandbox, get: Get) -> None:
    person = x.world.find("ArchiveOfTides")
    everything = list(x.world.timeline(person))
    assert len(everything) > 3_200
    bodies = list(pages(get, f"/2/users/{person.uid}/tweets", {"max_results": 100}))
    got = [int(post["id"]) for body in bodies for post in body.get("data", [])]
    assert len(bodies) == 32
    reachable = set(everything[:3_200])
    assert got == [post_id for post_id in x.world.visible(person) if post_id in reachable]
    assert len(got) < 3_200, "removed posts make pages short, they do not end them"


def test_without_replies_800_are_in_reach(x: Sandbox, get: Get) -> None:
    person = x.world.find("ArchiveOfTides")
    path = f"/2/users/{person.uid}/tweets"
    bodies = pages(get, path, {"max_results": 100, "exclude": "replies", **CAPTURE})
    posts = [post for body in bodies for post in body.get("data", [])]
    kinds = {ref["type"] for post in posts for ref in post.get("referenced_tweets", [])}
    assert kinds == {"retweeted", "quoted"}
    assert min(int(post["id"]) for post in posts) >= list(x.world.timeline(person))[799]


def test_since_id_is_exclusive_and_nothing_new_is_an_empty_page(x: Sandbox, get: Get) -> None:
    person = x.world.find("millbrook_lib")
    newest, second = x.world.visible(person)[:2]
    path = f"/2/users/{person.uid}/tweets"
    one = get(path, {"since_id": second}).json()
    assert [post["id"] for post in one["data"]] == [str(newest)]
    assert get(path, {"since_id": newest}).json() == {"meta": {"result_count": 0}}


def test_world_grows_with_its_clock(x: Sandbox, get: Get) -> None:
    person = x.world.find("QuayWeather")
    before = x.world.visible(person)
    x.clock.advance(86_400)
    path = f"/2/users/{person.uid}/tweets"
    new = get(path, {"since_id": before[0], "max_results": 100}).json()
    assert 8 <= new["meta"]["result_count"] <= 13
    assert x.world.visible(person)[-len(before) :] == before


def test_times_bound_a_timeline(x: Sandbox, get: Get) -> None:
    person = x.world.find("QuayWeather")
    span = {"start_time": "2026-11-18T00:00:00Z", "end_time": "2026-11-19T00:00:00Z"}
    path = f"/2/users/{person.uid}/tweets"
    got = get(path, {**span, "max_results": 100, "tweet.fields": "created_at"}).json()["data"]
    assert got
    assert {post["created_at"][:10] for post in got} == {"2026-11-18"}
    day_ms = 86_400_000
    first_ms = int(NOON.timestamp() * 1000) - 5 * day_ms // 2
    inside = range(make_id(first_ms, 0), make_id(first_ms + day_ms, 0))
    assert [int(p["id"]) for p in got] == [i for i in x.world.visible(person) if i in inside]


def test_pages_can_be_walked_back(x: Sandbox, get: Get) -> None:
    path = f"/2/users/{x.world.find('millbrook_lib').uid}/tweets"
    first = get(path, {"max_results": 10}).json()
    second = get(path, {"pagination_token": first["meta"]["next_token"], "max_results": 10}).json()
    back = get(
        path, {"pagination_token": second["meta"]["previous_token"], "max_results": 10}
    ).json()
    assert back["data"] == first["data"]
    assert "previous_token" not in first["meta"]


def test_new_posts_between_pages_shift_nothing(x: Sandbox, get: Get) -> None:
    person = x.world.find("millbrook_lib")
    before = x.world.visible(person)
    path = f"/2/users/{person.uid}/tweets"
    bodies = pages(get, path, {"max_results": 50})
    first = next(bodies)
    x.world.add_post(person, "in between")
    got = [int(p["id"]) for body in (first, *bodies) for p in body.get("data", [])]
    assert got == before


def test_foreign_or_garbled_token_is_a_400(x: Sandbox, get: Get) -> None:
    path = f"/2/users/{x.world.find('millbrook_lib').uid}/tweets"
    token = get(path).json()["meta"]["next_token"]
    other = f"/2/users/{x.world.find('HarborCouncil').uid}/tweets"
    for wrong_path, wrong in ((other, token), (path, "7140dibdnow9c7btw"), (path, "ä!")):
        answer = get(wrong_path, {"pagination_token": wrong})
        assert answer.status_code == 400
        assert answer.json()["type"].endswith("invalid-request")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/2/users", {"ids": "NA"}),
        ("/2/users", {}),
        ("/2/users/by", {"usernames": "this_name_is_too_long"}),
        ("/2/users/by", {"usernames": ",".join(["a"] * 101)}),
        ("/2/tweets", {"ids": "99999999999999999999"}),
        ("/2/users/abc/tweets", {}),
        ("/2/users/1553000011/tweets", {"max_results": 101}),
        ("/2/users/1553000011/tweets", {"max_results": 4}),
        ("/2/users/1553000011/tweets", {"exclude": "quotes"}),
        ("/2/users/1553000011/tweets", {"start_time": "yesterday"}),
        ("/2/users/1553000011/tweets", {"start_time": "2026-13-01T00:00:00Z"}),
        (
            "/2/users/1553000011/tweets",
            {"start_time": "2026-11-02T00:00:00Z", "end_time": "2026-11-01T00:00:00Z"},
        ),
        ("/2/users/1553000011/tweets", {"colour": "blue"}),
    ],
)
def test_wrong_parameter_is_a_400_that_names_it(
    get: Get, path: str, params: dict[str, object]
) -> None:
    answer = get(path, params)
    assert answer.status_code == 400
    body = answer.json()
    assert body["title"] == "Invalid Request"
    assert body["errors"][0]["parameters"]


def test_unknown_names_in_field_lists_are_ignored(get: Get) -> None:
    user = get("/2/users/by/username/millbrook_lib", {"user.fields": "created_at,shoe_size"})
    assert set(user.json()["data"]) == {"id", "name", "username", "created_at"}


def test_long_post_has_short_text_and_whole_note(x: Sandbox, get: Get) -> None:
    author = x.world.find("millbrook_lib")
    text = "A #long story & more. " * 60
    post = x.world.add_post(author, text)
    shown = get(f"/2/tweets/{post.id}", {"tweet.fields": "note_tweet,entities"}).json()["data"]
    assert shown["note_tweet"]["text"] == text.replace("&", "&amp;")
    assert len(shown["text"]) < 300
    assert shown["entities"]["urls"][-1]["expanded_url"].endswith(str(post.id))
    assert len(shown["note_tweet"]["entities"]["hashtags"]) == 60


def test_dialects_are_never_mixed(x: Sandbox, get: Get) -> None:
    author = x.world.find("millbrook_lib")
    post = x.world.add_post(author, "word " * 100)
    path = f"/2/tweets/{post.id}"
    old = get(path, {"tweet.fields": "note_tweet,note_post,public_metrics,author_id"}).json()
    assert "note_tweet" in old["data"]
    assert "note_post" not in old["data"]
    assert "retweet_count" in old["data"]["public_metrics"]
    new = get(path, {"post.fields": "note_post,note_tweet,public_metrics,author_id"}).json()
    assert "note_post" in new["data"]
    assert "note_tweet" not in new["data"]
    assert "repost_count" in new["data"]["public_metrics"]
    assert "author_id" not in new["data"], "an expansion only, in the newer vocabulary"
    both = get(path, {"post.fields": "id", "expansions": "author_id,edit_history_post_ids"}).json()
    assert both["data"]["author_id"] == str(author.uid)
    assert both["data"]["edit_history_post_ids"] == [str(post.id)]
    assert both["includes"]["users"][0]["username"] == "millbrook_lib"


def test_referenced_posts_come_under_the_dialects_name(x: Sandbox, get: Get) -> None:
    writer, other = x.world.find("millbrook_lib"), x.world.find("FerryNotes")
    first = x.world.add_post(writer, "first")
    quote = x.world.add_post(other, "look", quote_of=first.id)
    path = f"/2/tweets/{quote.id}"
    old = get(path, {"expansions": "referenced_tweets.id,referenced_tweets.id.author_id"}).json()
    assert old["data"]["referenced_tweets"] == [{"type": "quoted", "id": str(first.id)}]
    assert [post["id"] for post in old["includes"]["tweets"]] == [str(first.id)]
    assert [user["id"] for user in old["includes"]["users"]] == [str(writer.uid)]
    new = get(path, {"expansions": "referenced_posts"}).json()
    assert new["data"]["referenced_posts"] == [{"type": "quoted", "id": str(first.id)}]
    assert [post["id"] for post in new["includes"]["posts"]] == [str(first.id)]


@pytest.mark.parametrize(
    ("state", "title"),
    [("deleted", "Not Found Error"), ("protected", "Authorization Error")],
)
def test_referenced_post_out_of_reach_is_a_partial_error(
    x: Sandbox, get: Get, state: str, title: str
) -> None:
    writer, other = x.world.find("millbrook_lib"), x.world.find("FerryNotes")
    first = x.world.add_post(writer, "first")
    quote = x.world.add_post(other, "look", quote_of=first.id)
    x.world.set_state(writer, state)
    body = get(f"/2/tweets/{quote.id}", {"expansions": "referenced_tweets.id"}).json()
    assert body["data"]["id"] == str(quote.id)
    assert "includes" not in body
    assert [(e["title"], e["resource_id"]) for e in body["errors"]] == [(title, str(first.id))]


def test_edited_post_stands_once_under_its_newest_id(x: Sandbox, get: Get) -> None:
    author = x.world.find("millbrook_lib")
    first = x.world.add_post(author, "teh library")
    second = x.world.add_post(author, "the library", edit_of=first.id)
    path = f"/2/users/{author.uid}/tweets"
    newest = get(path, {"tweet.fields": "edit_controls"}).json()["data"][:2]
    assert newest[0]["id"] == str(second.id)
    assert newest[0]["edit_history_tweet_ids"] == [str(first.id), str(second.id)]
    assert newest[0]["edit_controls"]["edits_remaining"] == 4
    assert newest[1]["id"] not in (str(first.id), str(second.id))
    older = get(f"/2/tweets/{first.id}").json()["data"]
    assert older["text"] == "teh library"
    assert older["edit_history_tweet_ids"] == newest[0]["edit_history_tweet_ids"]


def test_scheduled_edits_stand_once_too(x: Sandbox) -> None:
    person = x.world.find("ArchiveOfTides")
    posts = [x.world.post(post_id) for post_id in x.world.timeline(person)]
    edited = [post for post in posts if post and len(post.chain) > 1]
    assert len(edited) > 10
    ids = {post.id for post in posts if post}
    assert not [post for post in edited if ids & set(post.chain[:-1])]
    first = x.world.post(edited[0].chain[0])
    assert first is not None
    assert first.written.text != edited[0].written.text


def test_usage_counts_posts_handed_out(x: Sandbox, get: Get) -> None:
    get(f"/2/users/{x.world.find('millbrook_lib').uid}/tweets", {"max_results": 20})
    ids = ",".join(str(i) for i in x.world.visible(x.world.find("HarborCouncil"))[:7])
    got = get("/2/tweets", {"ids": ids}).json()["data"]
    data = get("/2/usage/tweets", {"usage.fields": "daily_project_usage"}).json()["data"]
    read = data["project_usage"]
    assert len(got) == 7
    assert 25 <= read <= 27, "a removed post is not read"
    assert data["daily_project_usage"]["usage"][0] == {
        "date": "2026-11-20T00:00:00.000Z",
        "usage": read,
    }


def test_app_token_is_refused_where_x_wants_a_user(get: Get) -> None:
    answer = get("/2/users/me")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("unsupported-authentication")


def test_unknown_token_is_a_401(x: Sandbox) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic QTpC"}):
        answer = requests.get(f"{x.url}/2/users/by?usernames=A1", headers=headers, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["title"] == "Unauthorized"


def test_unknown_path_is_a_404_page(get: Get) -> None:
    answer = get("/2/tweets/search/everything")
    assert answer.status_code == 404
    assert "html" in answer.headers["Content-Type"]


def test_same_seed_and_clock_give_the_same_bytes(x: Sandbox, get: Get) -> None:
    from tests.sandbox.held_time import HeldTime

    with Sandbox(clock=HeldTime(NOON)) as twin:
        uid = x.world.find("ArchiveOfTides").uid
        path = f"/2/users/{uid}/tweets"
        headers = {"Authorization": f"Bearer {twin.bearer_token}"}
        params = {"max_results": "100", **CAPTURE}
        other = requests.get(twin.url + path, params=params, headers=headers, timeout=10)
        assert get(path, params).content == other.content


def test_both_host_names_are_fine(x: Sandbox) -> None:
    for host in ("api.x.com", "api.twitter.com"):
        headers = {"Authorization": f"Bearer {x.bearer_token}", "Host": host}
        assert requests.get(f"{x.url}/2/users/by?usernames=A1", headers=headers, timeout=5).ok
