"""The sandbox's own endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from sfm.sandbox.server import Sandbox

Get = Callable[..., requests.Response]


def post(x: Sandbox, address: str, /, **body: Any) -> requests.Response:
    return requests.post(x.url + address, json=body, timeout=5)


def test_renamed_account_keeps_its_id(x: Sandbox, get: Get) -> None:
    uid = str(x.world.find("FerryNotes").uid)
    assert post(x, "/sandbox/accounts/FerryNotes/rename", username="FerryNews").ok
    assert get("/2/users/by/username/FerryNews").json()["data"]["id"] == uid
    assert get("/2/users/by/username/FerryNotes").json()["errors"][0]["title"] == "Not Found Error"
    assert get(f"/2/users/{uid}").json()["data"]["username"] == "FerryNews"


def test_name_passes_on_to_another_id(x: Sandbox, get: Get) -> None:
    giver, taker = x.world.find("FerryNotes"), x.world.find("nightbus14")
    path = "/sandbox/accounts/FerryNotes/rename"
    assert post(x, path, username="FerryOld", pass_to="nightbus14").ok
    assert get("/2/users/by/username/FerryNotes").json()["data"]["id"] == str(taker.uid)
    assert get(f"/2/users/{giver.uid}").json()["data"]["username"] == "FerryOld"


def test_taken_name_is_refused(x: Sandbox) -> None:
    answer = post(x, "/sandbox/accounts/FerryNotes/rename", username="a1")
    assert answer.status_code == 400
    assert "taken" in answer.json()["error"]
    assert x.world.find("FerryNotes").username == "FerryNotes"


def test_states_come_and_go(x: Sandbox, get: Get) -> None:
    path = "/2/users/by/username/A1"
    for state, title in (("suspended", "Forbidden"), ("deleted", "Not Found Error")):
        assert post(x, "/sandbox/accounts/A1/state", state=state).ok
        assert get(path).json()["errors"][0]["title"] == title
    assert post(x, "/sandbox/accounts/A1/state", state="active").ok
    assert get(path).json()["data"]["username"] == "A1"
    assert post(x, "/sandbox/accounts/A1/state", state="asleep").status_code == 400


def test_posts_are_made_and_removed(x: Sandbox, get: Get) -> None:
    made = post(x, "/sandbox/posts", author="A1", text="Hi @FerryNotes #tag", count=3).json()["ids"]
    truth = requests.get(f"{x.url}/sandbox/accounts/A1/posts", timeout=5).json()["ids"]
    assert truth[:3] == made[::-1]
    shown = get(f"/2/tweets/{made[0]}", {"tweet.fields": "entities"}).json()["data"]
    mention = shown["entities"]["mentions"][0]
    assert (mention["username"], mention["id"]) == (
        "FerryNotes",
        str(x.world.find("FerryNotes").uid),
    )
    assert requests.delete(f"{x.url}/sandbox/posts/{made[0]}", timeout=5).ok
    assert "data" not in get(f"/2/tweets/{made[0]}").json()


def test_retweet_by_hand_is_cut_as_x_cuts(x: Sandbox, get: Get) -> None:
    [first] = post(x, "/sandbox/posts", author="A1", text="wide & wet " * 20).json()["ids"]
    [second] = post(x, "/sandbox/posts", author="FerryNotes", retweet_of=first).json()["ids"]
    shown = get(f"/2/tweets/{second}", {"tweet.fields": "referenced_tweets"}).json()["data"]
    assert shown["referenced_tweets"] == [{"type": "retweeted", "id": first}]
    assert shown["text"].startswith("RT @A1: wide &amp; wet")
    assert shown["text"].endswith("…")
    assert len(shown["text"]) <= 140


def test_faults_and_clock_over_the_wire(x: Sandbox, get: Get) -> None:
    planned = post(x, "/sandbox/faults", kind="unavailable", path="/2/users/by/*").json()
    assert get("/2/users/by/username/A1").status_code == 503
    listed = requests.get(f"{x.url}/sandbox/faults", timeout=5).json()["faults"]
    assert [(fault["id"], fault["fired"]) for fault in listed] == [(planned["id"], 1)]
    assert requests.delete(f"{x.url}/sandbox/faults", timeout=5).json() == {"faults": []}
    moved = post(x, "/sandbox/clock", advance=60).json()
    assert moved == {"now": "2026-11-20T12:01:00.000Z"}
    assert post(x, "/sandbox/clock", advance=-1).status_code == 400


def test_requests_are_logged_without_the_admins_own(x: Sandbox, get: Get) -> None:
    get("/2/users/by/username/A1", {"user.fields": "url"})
    log = requests.get(f"{x.url}/sandbox/requests", timeout=5).json()
    assert log["count"] == 1
    assert log["requests"][0]["path"] == "/2/users/by/username/A1"
    assert log["requests"][0]["query"] == "user.fields=url"


def test_form_posts_change_nothing(x: Sandbox) -> None:
    """A foreign page can send a form to 127.0.0.1, but no JSON without asking first."""
    path = f"{x.url}/sandbox/accounts/A1/state"
    answer = requests.post(path, data={"state": "deleted"}, timeout=5)
    assert answer.status_code == 400
    assert x.world.find("A1").state == "active"


def test_front_page_lists_the_accounts(x: Sandbox) -> None:
    page = requests.get(x.url, timeout=5)
    assert "@millbrook_lib" in page.text
    assert "Plum &amp; Rye &lt;bakery&gt;" in page.text


def test_unknown_account_is_a_404_with_a_sentence(x: Sandbox) -> None:
    answer = requests.get(f"{x.url}/sandbox/accounts/nobody_here", timeout=5)
    assert answer.status_code == 404
    assert "nobody_here" in answer.json()["error"]
