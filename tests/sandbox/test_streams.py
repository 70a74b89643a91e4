"""Filtered and sample streams: what arrives, what does not, and what goes wrong on demand."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import tweepy
import xdk

from sfm.sandbox.query.match import ParsedQuery
from sfm.sandbox.query.parse import parse
from sfm.sandbox.query.subject import MatchSubject
from sfm.sandbox.server import Sandbox
from tests.sandbox.conftest import CAPTURE, NOON, Get
from tests.sandbox.held_time import HeldTime
from tests.sandbox.test_openapi import Spec, tweet_spec
from tests.sandbox.test_real_clients import Twarc, mount
from tests.sandbox.test_rules import add, change

__all__ = ["tweet_spec"]
STREAM = "/2/tweets/search/stream"
SAMPLE = "/2/tweets/sample/stream"


@pytest.fixture
def x() -> Iterator[Sandbox]:
    with Sandbox(clock=HeldTime(NOON), keep_alive=0.2) as sandbox:
        sandbox.streams.tick = 0.01
        yield sandbox


class Reader:
    """Reads a stream's raw bytes through a socket of its own."""

    def __init__(self, x: Sandbox, path: str = STREAM, token: str = "") -> None:
        address = (x.url.split("//")[1].split(":")[0], int(x.url.rsplit(":", 1)[1]))
        self.socket = socket.create_connection(address, timeout=5)
        head = f"GET {path} HTTP/1.1\r\nHost: api.x.com\r\n"
        head += f"Authorization: Bearer {token or x.bearer_token}\r\n\r\n"
        self.socket.sendall(head.encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(iter(self._header, None))  # type: ignore[arg-type]
        self.rest = b""
        self.chunks: list[bytes] = []

    def _header(self) -> tuple[str, str] | None:
        name, _, value = self.file.readline().decode().strip().partition(": ")
        return (name.lower(), value) if name else None

    def chunk(self) -> bytes:
        """The next chunk; nothing at a clean end. Raises EOFError for an unclean one."""
        size = self.file.readline()
        if not size.endswith(b"\n"):
            raise EOFError
        data = self.file.read(int(size, 16))
        self.file.readline()
        self.chunks.append(data)
        return data

    def line(self) -> bytes:
        """The next line with its end, keep-alives too."""
        while b"\r\n" not in self.rest:
            data = self.chunk()
            if not data:
                raise EOFError
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line + b"\r\n"

    def post(self) -> dict[str, Any]:
        """The next line that is not a keep-alive."""
        while True:
            line = self.line()
            if line.strip():
                body: dict[str, Any] = json.loads(line)
                return body

    def json(self) -> dict[str, Any]:
        """The body of a refusal."""
        body: dict[str, Any] = json.loads(self.file.read(int(self.headers["content-length"])))
        return body

    def close(self) -> None:
        self.file.close()
        self.socket.close()


Open = Callable[..., Reader]


@pytest.fixture
def stream(x: Sandbox) -> Iterator[Open]:
    """Connect; what a test opens is closed at its end."""
    readers: list[Reader] = []

    def connect(path: str = STREAM, token: str = "") -> Reader:
        reader = Reader(x, path, token)
        readers.append(reader)
        return reader

    yield connect
    for reader in readers:
        reader.close()


def ended(x: Sandbox) -> str:
    """Why the newest connection ended; waits for that."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        connection = x.streams.connections[-1]
        if connection.reason:
            return connection.reason
        time.sleep(0.01)
    raise AssertionError("the connection never ended")


# What arrives ---------------------------------------------------------------------------------


def test_matching_posts_arrive_with_their_rules(x: Sandbox, stream: Open) -> None:
    rules = add(x, "zebra", "from:A1", "walrus")
    reader = stream()
    assert reader.status == 200
    assert reader.headers["transfer-encoding"] == "chunked"
    x.world.add_post(x.world.find("FerryNotes"), "nothing here")
    post = x.world.add_post(x.world.find("A1"), "a zebra")
    body = reader.post()
    assert body["data"]["id"] == str(post.id)
    assert body["matching_rules"] == [
        {"id": rules[0]["id"], "tag": "t:zebra"},
        {"id": rules[1]["id"], "tag": "t:from:A1"},
    ]
    other = x.world.add_post(x.world.find("FerryNotes"), "zebra again")
    assert reader.post()["data"]["id"] == str(other.id)


def test_fields_and_expansions_work_as_on_rest(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream(f"{STREAM}?tweet.fields=author_id,created_at&expansions=author_id")
    x.world.add_post(x.world.find("A1"), "zebra")
    body = reader.post()
    assert set(body["data"]) == {
        "id", "text", "edit_history_tweet_ids", "author_id", "created_at",
    }  # fmt: skip
    assert [user["username"] for user in body["includes"]["users"]] == ["A1"]


def test_stream_gives_exactly_what_the_rules_match_of_the_world(x: Sandbox, stream: Open) -> None:
    """The oracle goes through the world's timetable on its own and asks each rule of each post."""
    texts = ["library OR flood", "is:retweet the", "from:QuayWeather", '"the ferry" -is:reply']
    rules = {rule["id"]: rule["value"] for rule in add(x, *texts)}
    x.world.crowd.set_pace(2, x.clock.now_ms() + 1)
    reader = stream()
    start = x.clock.now_ms()
    x.clock.advance(600)
    expected = {}
    for post_id in x.world.made_between(start + 1, x.clock.now_ms() + 1):
        post = x.world.post(post_id)
        assert post is not None
        subject = MatchSubject(x.world, post, stream=True)
        matching = {
            rule_id
            for rule_id, text in rules.items()
            if ParsedQuery(parse(text, stream=True, longest=1_024), stream=True).meets(subject)
        }
        if matching:
            expected[str(post_id)] = matching
    assert len(expected) > 100
    got = [reader.post() for _ in range(len(expected))]
    assert [body["data"]["id"] for body in got] == list(expected)
    assert {body["data"]["id"]: {r["id"] for r in body["matching_rules"]} for body in got} == (
        expected
    )
    assert reader.line() == b"\r\n", "and nothing more"


def test_rule_changes_count_without_a_reconnect(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    author = x.world.find("A1")
    [walrus] = add(x, "walrus")
    x.world.add_post(author, "walrus one")
    assert reader.post()["data"]["text"] == "walrus one"
    change(x, {"delete": {"ids": [walrus["id"]]}})
    x.world.add_post(author, "walrus two")
    x.world.add_post(author, "zebra")
    assert reader.post()["data"]["text"] == "zebra"


def test_new_rules_may_take_their_time(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    x.rules.delay_seconds = 20
    add(x, "walrus")
    author = x.world.find("A1")
    x.world.add_post(author, "walrus early")
    x.world.add_post(author, "zebra")
    assert reader.post()["data"]["text"] == "zebra"
    x.clock.advance(21)
    x.world.add_post(author, "walrus late")
    assert reader.post()["data"]["text"] == "walrus late"


def test_protected_and_suspended_authors_do_not_stream(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    for who in ("quiet_keeper", "spam_fountain", "A1"):
        x.world.add_post(x.world.find(who), f"zebra {who}")
    assert reader.post()["data"]["text"] == "zebra A1"


def test_edits_arrive_with_their_history(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    first = x.world.add_post(x.world.find("A1"), "zebar zebra")
    reader.post()
    second = x.world.add_post(x.world.find("A1"), "zebra zebra", edit_of=first.id)
    assert reader.post()["data"]["edit_history_tweet_ids"] == [str(first.id), str(second.id)]


def test_sample_gives_its_share(x: Sandbox, stream: Open) -> None:
    x.world.crowd.set_pace(20, x.clock.now_ms() + 1)
    reader = stream(SAMPLE)
    x.clock.advance(100)
    got = [reader.post() for _ in range(300)]
    assert "matching_rules" not in got[0]
    ids = [int(body["data"]["id"]) for body in got]
    assert ids == sorted(set(ids))
    span = len([i for i in x.world.made_between(0, x.clock.now_ms()) if ids[0] <= i <= ids[-1]])
    assert 0.15 < 300 / span < 0.25


def test_keep_alives_are_bare_line_ends(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    began = time.monotonic()
    assert [reader.line() for _ in range(3)] == [b"\r\n"] * 3
    assert 0.5 < time.monotonic() - began < 2


def test_posts_read_from_streams_are_counted(x: Sandbox, stream: Open, get: Get) -> None:
    add(x, "zebra")
    reader = stream()
    for n in range(3):
        x.world.add_post(x.world.find("A1"), f"zebra {n}")
        reader.post()
    assert get("/2/usage/tweets").json()["data"]["project_usage"] == 3


def test_lines_keep_to_the_description(x: Sandbox, stream: Open, tweet_spec: Spec) -> None:
    add(x, "the OR library OR tag OR flood", "is:quote the")
    x.world.crowd.set_pace(20, x.clock.now_ms() + 1)
    query = "&".join(f"{name}={value}" for name, value in CAPTURE.items())
    reader = stream(f"{STREAM}?{query}")
    x.clock.advance(60)
    for _ in range(150):
        tweet_spec.check(STREAM, "get", reader.post())


# Who may connect ------------------------------------------------------------------------------


def test_second_connection_of_an_app_is_refused(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    first = stream()
    second = stream()
    assert second.status == 429
    assert second.json()["connection_issue"] == "TooManyConnections"
    assert stream(SAMPLE).status == 200, "the other stream has a connection of its own"
    first.close()
    assert ended_soon(x)
    assert stream().status == 200


def ended_soon(x: Sandbox) -> bool:
    deadline = time.monotonic() + 5
    while x.streams.active(endpoint="filtered_stream") and time.monotonic() < deadline:
        time.sleep(0.01)
    return not x.streams.active(endpoint="filtered_stream")


def test_second_connection_may_replace_the_first(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    x.streams.second = "replace"
    first, second = stream(), stream()
    assert first.post()["errors"][0]["disconnect_type"] == "ForceDisconnect"
    assert second.status == 200


def test_other_app_has_its_own_connection_and_rules(x: Sandbox, stream: Open) -> None:
    x.site.credentials.add_bearer("another")
    add(x, "zebra")
    assert stream().status == 200
    without_rules = stream(token="another")
    assert without_rules.status == 409
    assert without_rules.json()["connection_issue"] == "RuleConfigurationIssue"


def test_user_tokens_do_not_stream(x: Sandbox, stream: Open) -> None:
    scopes = ("tweet.read", "users.read")
    token = x.oauth2.tokens(x.world.find("A1").uid, scopes)["access_token"]
    assert stream(token=token).status == 403
    assert stream(token="nonsense").status == 401


def test_connects_are_limited(x: Sandbox, stream: Open) -> None:
    x.limits.enabled = True
    x.limits.set("tweets/search/stream", 1)
    add(x, "zebra")
    stream().close()
    assert ended_soon(x)
    again = stream()
    assert again.status == 429
    assert again.json()["title"] == "Too Many Requests"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unauthorized", 401),
        ("credits-depleted", 402),
        ("client-forbidden", 403),
        ("conflict", 409),
        ("too-many-connections", 429),
        ("too-many-requests", 429),
        ("enhance-your-calm", 420),
        ("provisioning", 503),
        ("rules-invalid", 400),
        ("bad-gateway", 502),
        ("unavailable", 503),
    ],
)
def test_connect_is_refused_on_demand(x: Sandbox, stream: Open, kind: str, status: int) -> None:
    add(x, "zebra")
    fault = x.faults.add(kind, path=STREAM)
    assert stream().status == status
    assert fault.fired == 1
    assert stream().status == 200


def test_connections_are_listed_and_ended(x: Sandbox, stream: Open, get: Get) -> None:
    add(x, "zebra")
    reader = stream()
    [one] = get("/2/connections").json()["data"]
    assert one["endpoint_name"] == "filtered_stream"
    assert "client_ip" not in one
    headers = {"Authorization": f"Bearer {x.bearer_token}"}
    killed = requests.delete(f"{x.url}/2/connections/all", headers=headers, timeout=5).json()
    assert killed["data"]["successful_kills"] == 1
    assert reader.post()["errors"][0]["disconnect_type"] == "ForceDisconnect"
    with pytest.raises(EOFError):
        reader.line()
    assert ended(x) == "operator_disconnect"
    assert "data" not in get("/2/connections").json()
    fields = "disconnect_reason,disconnected_at,client_ip"
    past = get("/2/connections", {"status": "inactive", "connection.fields": fields}).json()
    assert past["data"][0]["disconnect_reason"] == "operator_disconnect"
    assert past["data"][0]["client_ip"] == "127.0.0.1"


def test_connections_are_ended_one_by_one(x: Sandbox, stream: Open, get: Get) -> None:
    add(x, "zebra")
    filtered, sample = stream(), stream(SAMPLE)
    headers = {"Authorization": f"Bearer {x.bearer_token}"}
    path = f"{x.url}/2/connections"
    listed = get("/2/connections", {"endpoints": "sample_stream"}).json()["data"]
    body = {"uuids": [listed[0]["id"], "no-such-uuid"]}
    killed = requests.delete(path, json=body, headers=headers, timeout=5).json()["data"]
    assert (killed["successful_kills"], killed["failed_kills"]) == (1, 1)
    assert "errors" in sample.post()
    assert requests.delete(f"{path}/filtered_stream", headers=headers, timeout=5).ok
    assert "errors" in filtered.post()
    assert requests.delete(f"{path}/nonsense", headers=headers, timeout=5).status_code == 400
    assert requests.delete(path, json={}, headers=headers, timeout=5).status_code == 400


# What goes wrong --------------------------------------------------------------------------------


def drain(reader: Reader) -> None:
    """Read until it breaks off."""
    while True:
        reader.line()


@contextmanager
def zebras(x: Sandbox, every: float = 0.005) -> Iterator[None]:
    """Posts that match, all the while."""
    done = threading.Event()

    def work() -> None:
        number = 0
        while not done.wait(every):
            x.world.add_post(x.world.find("A1"), f"zebra {number}")
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "kind", ["OperationalDisconnect", "UpstreamOperationalDisconnect", "SlowReader", "InvalidRules"]
)
def test_disconnect_comes_in_the_stream_and_ends_it(x: Sandbox, stream: Open, kind: str) -> None:
    add(x, "zebra")
    reader = stream()
    fault = x.faults.add("disconnect", disconnect_type=kind)
    error = reader.post()["errors"][0]
    assert error["disconnect_type"] == kind
    assert error["type"].endswith("operational-disconnect")
    with pytest.raises(EOFError):
        reader.line()
    assert fault.fired == 1
    assert ended(x) == "fault:disconnect"


def test_disconnect_may_come_without_its_wrapping(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    x.faults.add("disconnect", body="bare")
    assert reader.post()["title"] == "operational-disconnect"


def test_eof_right_after_the_connect(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    fault = x.faults.add("eof", path=STREAM, times=2)
    for _ in range(2):
        reader = stream()
        assert reader.status == 200
        assert reader.chunk() == b""
    assert fault.fired == 2
    assert stream().line() == b"\r\n"


def test_fin_tears_a_line(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    fault = x.faults.add("fin", after=3)
    with zebras(x):
        reader = stream()
        with pytest.raises(EOFError):
            drain(reader)
    assert fault.fired == 1
    assert reader.rest.startswith(b'{"data"')
    assert b"\r\n" not in reader.rest
    assert ended(x) == "fault:fin"


def test_rst_is_a_reset(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    fault = x.faults.add("rst", after=3)
    with zebras(x):
        reader = stream()
        with pytest.raises(ConnectionResetError):
            drain(reader)
    assert fault.fired == 1


def test_stall_is_silence_and_the_posts_come_later(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    reader.line()
    fault = x.faults.add("stall", seconds=0.6)
    while not fault.fired:
        time.sleep(0.01)
    began = time.monotonic()
    x.world.add_post(x.world.find("A1"), "zebra in the silence")
    assert reader.post()["data"]["text"] == "zebra in the silence"
    assert 0.4 < time.monotonic() - began < 3
    assert len(reader.chunks) <= 3, "no keep-alives meanwhile"


def test_keep_alives_only_loses_posts(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    fault = x.faults.add("keep-alives-only", seconds=0.5)
    while not fault.fired:
        time.sleep(0.01)
    x.world.add_post(x.world.find("A1"), "zebra lost")
    assert reader.line() == b"\r\n"
    time.sleep(0.6)
    x.world.add_post(x.world.find("A1"), "zebra found")
    assert reader.post()["data"]["text"] == "zebra found"


@pytest.mark.parametrize("body", [None, "<html>", "12", "\ud83d", '{"delete":{}}', "[" * 5_000])
def test_garbage_lines_come_between_good_ones(x: Sandbox, stream: Open, body: str | None) -> None:
    add(x, "zebra")
    reader = stream()
    x.world.add_post(x.world.find("A1"), "zebra one")
    assert reader.post()["data"]["text"] == "zebra one"
    fault = x.faults.add("garbage", body=body)
    line = next(line for line in iter(reader.line, b"") if line != b"\r\n")
    expected = '{"data":{"id":"1' if body is None else body
    assert line == expected.encode("utf-8", "surrogatepass") + b"\r\n"
    x.world.add_post(x.world.find("A1"), "zebra two")
    assert reader.post()["data"]["text"] == "zebra two"
    assert fault.fired == 1


def test_huge_line_is_as_long_as_asked(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    x.faults.add("huge-line", at=300_000)
    line = next(line for line in iter(reader.line, b"") if line != b"\r\n")
    assert len(line) == 300_002


def test_replay_sends_the_same_again_in_disorder(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    for number in range(20):
        x.world.add_post(x.world.find("A1"), f"zebra {number}")
    first = [reader.post()["data"]["id"] for _ in range(20)]
    fault = x.faults.add("replay")
    again = [reader.post()["data"]["id"] for _ in range(20)]
    assert again != first
    assert sorted(again) == sorted(first)
    assert fault.fired == 1


def test_duplicates_come_twice(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    x.faults.add("duplicates")
    reader = stream()
    reader.line()
    x.world.add_post(x.world.find("A1"), "zebra")
    assert reader.post() == reader.post()


def test_chunks_may_be_one_byte_each(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    x.faults.add("split", at=1)
    reader = stream()
    reader.line()
    x.world.add_post(x.world.find("A1"), "zebra 👩🏾‍🔬 \u2028 مكتبة")
    body = reader.post()
    assert body["data"]["text"] == "zebra 👩🏾‍🔬 \u2028 مكتبة"
    assert {len(chunk) for chunk in reader.chunks} == {1}


def test_rules_may_come_without_tags(x: Sandbox, stream: Open) -> None:
    [rule] = add(x, "zebra")
    x.faults.add("no-tags")
    reader = stream()
    reader.line()
    x.world.add_post(x.world.find("A1"), "zebra")
    assert reader.post()["matching_rules"] == [{"id": rule["id"]}]


def test_pushed_bytes_go_out_as_they_are(x: Sandbox, stream: Open) -> None:
    add(x, "zebra")
    reader = stream()
    reader.line()
    assert x.streams.push(b'{"data":{"id":"1","text":"made elsewhere"}}\r\n') == 1
    assert reader.post()["data"]["text"] == "made elsewhere"


def test_stopping_the_sandbox_ends_its_streams() -> None:
    with Sandbox(keep_alive=30) as x:
        add(x, "zebra")
        reader = Reader(x)
        assert reader.status == 200
    with pytest.raises(EOFError):
        reader.line()
    reader.close()


@pytest.mark.slow
def test_crowd_streams_at_the_pace_that_is_set() -> None:
    with Sandbox(crowd=0) as x:
        add(x, "-is:retweet the", "library", "is:retweet the")
        x.world.crowd.set_pace(400, x.clock.now_ms() + 1)
        reader = Reader(x, SAMPLE)
        x.streams.sample_percent = 100
        reader.post()
        began, got = time.monotonic(), 0
        while time.monotonic() < began + 2:
            reader.post()
            got += 1
        assert 600 < got < 1_000
        reader.close()


# Real clients -----------------------------------------------------------------------------------


def test_tweepy_streams(x: Sandbox) -> None:
    got: list[str] = []

    class Client(tweepy.StreamingClient):
        def on_response(self, response: Any) -> None:
            got.append(f"{response.data.text} {response.matching_rules[0].tag}")
            if len(got) == 5:
                self.disconnect()

        def on_closed(self, response: Any) -> None:
            self.disconnect()

    client = Client(x.bearer_token, chunk_size=1)
    mount(client.session, x.url)
    made = client.add_rules([tweepy.StreamRule("zebra", tag="z"), tweepy.StreamRule("((")])
    assert made.meta["summary"]["created"] == 1
    assert [rule.value for rule in client.get_rules().data] == ["zebra"]
    with zebras(x):
        client.filter()
    assert [text.split()[0] for text in got] == ["zebra"] * 5
    assert got[0].endswith(" z")
    mount(client.session, x.url)
    assert client.delete_rules([made.data[0].id]).meta["summary"]["deleted"] == 1


def test_twarc_streams(x: Sandbox) -> None:
    twarc = Twarc(x.url, bearer_token=x.bearer_token)
    twarc.add_stream_rules([{"value": "zebra", "tag": "z"}])
    assert twarc.get_stream_rules()["data"][0]["value"] == "zebra"
    with zebras(x):
        got = []
        event = threading.Event()
        for tweet in twarc.stream(event=event):
            got.append(tweet["data"]["text"])
            if len(got) == 5:
                event.set()
    assert len(got) >= 5
    assert all(text.startswith("zebra") for text in got)


def test_xdk_streams(x: Sandbox) -> None:
    client = xdk.Client(base_url=x.url, bearer_token=x.bearer_token)
    add(x, "zebra")
    assert [rule.value for page in client.stream.get_rules() for rule in page.data] == ["zebra"]
    with zebras(x):
        got = []
        for item in client.stream.posts():
            got.append(item.data.text)
            if len(got) == 5:
                break
    assert all(text.startswith("zebra") for text in got)
