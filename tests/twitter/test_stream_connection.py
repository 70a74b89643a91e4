"""One stream connection: every byte out as it came in, every end told apart."""

import gzip
import json
import resource
import socket
import threading
import time
import zlib

import pytest

from sfm.networks import errors
from sfm.networks.rules import Rule, StreamRule
from sfm.networks.stream import Disconnect, KeepAlive, Skipped, StreamLine
from sfm.twitter.stream_client import StreamClient
from tests.twitter.fake import (
    STREAM_HEAD,
    TOKEN,
    Fake,
    answer,
    chunk,
    hold,
    reset,
    streamed,
    transport_to,
)
from tests.twitter.tweets import as_line, v2_retweet


def client(fake, **more):
    return StreamClient(transport_to(fake.root), mark="m1", **more)


def events(*script, **more):
    with Fake(list(script)) as fake:
        found = list(client(fake, **more).filter_stream())
        assert len(fake.asked) == 1
        return found


def raws(found):
    return [event.raw for event in found if isinstance(event, StreamLine)]


def test_lines_and_keep_alives_come_out_as_they_came_in():
    line = as_line(v2_retweet())
    found = events(streamed([line + b"\r\n", b"\r\n", line + b"\r\n\r\n"]))
    assert [type(event) for event in found] == [
        StreamLine,
        KeepAlive,
        StreamLine,
        KeepAlive,
        Disconnect,
    ]
    assert raws(found) == [line, line]
    assert found[-1].kind == "closed"
    assert found[0].received <= found[-2].received


def test_the_stream_is_asked_for_in_tweet_words_with_the_apps_token():
    with Fake([streamed([b"\r\n"])]) as fake:
        list(client(fake).sample_stream())
        (asked,) = fake.asked
    assert asked.path == "/2/tweets/sample/stream"
    assert "note_tweet" in asked.query["tweet.fields"]
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["user-agent"].startswith("SocialFeedManager/")


def test_one_byte_per_chunk_gives_the_same_bytes():
    text = as_line(v2_retweet()) + "\u2028\u0085é😀".encode()
    wire = b"\r\n" + text + b"\r\n" + text + b"\r\n"
    found = events(streamed(wire[at : at + 1] for at in range(len(wire))))
    assert raws(found) == [text, text]
    assert isinstance(found[0], KeepAlive)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_stream_is_unpacked_as_it_arrives(pack):
    kind = b"gzip" if pack is gzip.compress else b"deflate"
    line = as_line(v2_retweet())
    body = pack(line + b"\r\n" + line + b"\r\n")

    def send(connection, _asked):
        head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: " + kind + b"\r\n\r\n")
        connection.sendall(head)
        for at in range(0, len(body), 100):
            connection.sendall(chunk(body[at : at + 100]))
        connection.sendall(b"0\r\n\r\n")

    assert raws(events(send)) == [line, line]


def test_a_line_is_there_before_the_next_one_comes():
    first, go = as_line({"data": {"id": "1", "text": "a"}}), threading.Event()

    def wait(connection):
        assert go.wait(60)
        connection.sendall(chunk(b'{"data":{}}\r\n'))

    with Fake([streamed([first + b"\r\n"], then=wait)]) as fake:
        stream = iter(client(fake).filter_stream())
        assert next(stream).raw == first
        go.set()
        assert next(stream).raw == b'{"data":{}}'


def test_a_line_on_a_stream_that_ends_by_closing_is_there_at_once_too():
    go = threading.Event()

    def send(connection, _asked):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{1}\r\n")
        assert go.wait(60)
        connection.sendall(b"{2}\r\n{3")

    with Fake([send]) as fake:
        stream = iter(client(fake).filter_stream())
        assert next(stream).raw == b"{1}"
        go.set()
        rest = list(stream)
    assert raws(rest) == [b"{2}"]
    assert (rest[-1].kind, rest[-1].partial_bytes) == ("closed", 2)


def test_a_connection_closed_within_a_line_drops_the_half():
    found = events(streamed([b'{"data":{}}\r\n{"data":{"id'], end=False))
    assert raws(found) == [b'{"data":{}}']
    assert (found[-1].kind, found[-1].partial_bytes) == ("network", 12)


def test_a_reset_is_a_broken_network():
    found = events(
        streamed([b'{"data":{}}\r\n'], then=lambda c: (time.sleep(0.05), reset(c)), end=False)
    )
    assert raws(found) == [b'{"data":{}}']
    assert found[-1].kind == "network"
    assert found[-1].backoff == "network"


def test_silence_is_noticed():
    started = time.monotonic()
    found = events(streamed([b"\r\n"], then=hold), silence_seconds=0.8)
    assert 0.75 < time.monotonic() - started < 30
    assert [type(event) for event in found] == [KeepAlive, Disconnect]
    assert found[-1].kind == "silent"


@pytest.mark.slow
def test_a_connection_with_nothing_but_keep_alives_stays():
    """Longer than the limit of silence, which none of the pauses comes near."""

    def drip(connection):
        for _ in range(8):
            time.sleep(0.2)
            connection.sendall(chunk(b"\r\n"))

    found = events(streamed([], then=drip), silence_seconds=1.5)
    assert [type(event) for event in found] == [KeepAlive] * 8 + [Disconnect]
    assert found[-1].kind == "closed"


def test_a_reader_that_waits_can_be_stopped():
    with Fake([streamed([b"\r\n"], then=hold)]) as fake:
        connection = client(fake).filter_stream()
        threading.Timer(0.1, connection.stop).start()
        started = time.monotonic()
        found = list(connection)
    assert time.monotonic() - started < 20  # and not when the silence has been long enough
    assert found[-1].kind == "stopped"


@pytest.mark.slow
def test_a_line_without_end_is_skipped_and_memory_stays():
    piece = b"x" * 65536

    def flood(connection):
        for _ in range(50 * 16):
            connection.sendall(chunk(piece))
        connection.sendall(chunk(b'\r\n{"data":{}}\r\n'))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = events(streamed([], then=flood))
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert [type(event) for event in found] == [Skipped, StreamLine, Disconnect]
    assert found[0].size_bytes >= 50 * 1024 * 1024
    assert grown_kib < 16 * 1024


def test_a_line_just_over_the_limit_is_skipped():
    line = b"x" * (1024 * 1024)
    found = events(streamed([line + b"\r\n", b"y" + line + b"\r\n", b"{}\r\n"]))
    assert [type(event) for event in found] == [StreamLine, Skipped, StreamLine, Disconnect]


GARBAGE = [
    b"{", b"<html></html>", b"17", b'"text"', b"null", b"[]", b"\xff\xfe", b'{"data":', b"{}",
    b'{"a":' * 3000, b"[" * 100_000, b'{"n":' + b"9" * 5000 + b"}", b'{"a":"\\ud83d"}',
    b'{"delete":{"status":{"id":1}}}', b'{"data":{"id":"1"},"errors":[{"title":"x"}]}',
    b'{"unknown":1,"data":{}}', b"\x00\x00", b"   x",
]  # fmt: skip


def test_garbage_is_handed_on_byte_for_byte():
    found = events(streamed(line + b"\r\n" for line in GARBAGE))
    assert raws(found) == GARBAGE


TYPE = "https://api.twitter.com/2/problems/operational-disconnect"


@pytest.mark.parametrize(
    ("line", "how", "backoff"),
    [
        ({"errors": [{"title": "operational-disconnect", "type": TYPE,
                      "disconnect_type": "UpstreamOperationalDisconnect", "detail": "Bye."}]},
         "UpstreamOperationalDisconnect", "network"),
        ({"errors": [{"title": "operational-disconnect", "type": TYPE,
                      "disconnect_type": "OperationalDisconnect"}]},
         "OperationalDisconnect", "network"),
        ({"title": "operational-disconnect", "disconnect_type": "OperationalDisconnect"},
         "OperationalDisconnect", "network"),
        ({"errors": [{"disconnect_type": "SlowReader"}]}, "SlowReader", "http"),
        ({"errors": [{"disconnect_type": "ForceDisconnect"}]}, "ForceDisconnect", "http"),
        ({"errors": [{"title": "brand new"}]}, "", "network"),
        ({"errors": []}, "", "network"),
        ({"disconnect": {"code": 4}}, "", "network"),
    ],
)  # fmt: skip
def test_an_error_without_data_ends_the_connection(line, how, backoff):
    found = events(streamed([as_line(line) + b"\r\n", b'{"data":{}}\r\n'], then=hold))
    (end,) = found
    assert (end.kind, end.disconnect_type, end.backoff) == ("told", how, backoff)


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (401, {"title": "Unauthorized", "type": "about:blank"}, errors.CredentialProblem),
        (402, {"title": "CreditsDepleted"}, errors.OutOfCredits),
        (403, {"type": "x/client-forbidden", "reason": "client-not-enrolled"},
         errors.CredentialProblem),
        (409, {"title": "Conflict"}, errors.NoRules),
        (420, b"", errors.Wait),
        (429, {"type": "x/streaming-connection", "connection_issue": "TooManyConnections"},
         errors.Wait),
        (502, b"<html>", errors.Retry),
        (503, {"type": "x/streaming-connection", "connection_issue": "ProvisioningSubscription"},
         errors.Retry),
    ],
)  # fmt: skip
def test_refusals_have_their_class_and_are_not_repeated(status, body, trouble):
    with Fake([answer(status, body)]) as fake:
        with pytest.raises(trouble):
            client(fake).filter_stream()
        assert len(fake.asked) == 1


def test_a_web_page_in_place_of_the_stream_is_a_passing_fault():
    with Fake([answer(200, b"<html>hotel wifi</html>", kind="text/html")]) as fake:
        with pytest.raises(errors.Retry):
            client(fake).filter_stream()


def test_nobody_there_is_a_passing_fault_of_the_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    streams = StreamClient(transport_to(f"http://127.0.0.1:{port}"))
    with pytest.raises(errors.Retry) as fault:
        streams.filter_stream()
    assert fault.value.status is None


class RuleBook:
    """Twitter's side of the rules, with the order of what was done."""

    def __init__(self, *rules):
        self.rules = list(rules)
        self.done = []

    def __call__(self, asked):
        if asked.method == "GET":
            return answer(200, {"data": self.rules, "meta": {"sent": "x"}})
        body = json.loads(asked.body)
        if "delete" in body:
            self.done.append("delete")
            self.rules = [r for r in self.rules if r["id"] not in body["delete"]["ids"]]
            return answer(200, {"meta": {"summary": {"deleted": 1}}})
        self.done.append("add")
        return answer(201, self._add(body["add"], "dry_run" in asked.query))

    def _add(self, rules, dry):
        data, refused = [], []
        for rule in rules:
            held = [r for r in self.rules if r["value"] == rule["value"]]
            if held:
                refused.append({"title": "DuplicateRule", "id": held[0]["id"], **rule})
            elif "bad" in rule["value"]:
                refused.append({"title": "UnprocessableEntity", "details": ["no (at 5)"], **rule})
            else:
                data.append({"id": str(100 + len(self.rules) + len(data)), **rule})
        self.rules += [] if dry else data
        return {"data": data, "errors": refused, "meta": {}}


def held(rule, number, mark="m1"):
    return {"id": str(number), "value": rule.value, "tag": rule.tag(mark)}


def test_rules_are_added_before_old_ones_are_deleted_and_others_are_left_alone():
    old, kept, new = Rule("old words"), Rule("kept words"), Rule("new words")
    book = RuleBook(held(old, 1), held(kept, 2), {"id": "3", "value": "theirs", "tag": "other"})
    with Fake(route=book) as fake:
        result = client(fake).sync_rules([kept, new])
    assert book.done == ["add", "delete"]
    assert [rule["value"] for rule in book.rules] == ["kept words", "theirs", "new words"]
    assert [rule.value for rule in result.added] == ["new words"]
    assert [rule.value for rule in result.deleted] == ["old words"]
    assert [rule.value for rule in result.foreign] == ["theirs"]
    assert set(result.rules) == {"kept words", "theirs", "new words"}


def test_rules_that_are_there_though_the_list_is_empty_were_not_missing():
    """ST13: a list of rules that is falsely empty proves nothing, and makes no gap."""
    kept, new = Rule("kept words"), Rule("new words")
    book = RuleBook(held(kept, 1))
    empty = answer(200, {"meta": {"sent": "x", "result_count": 0}})
    lists = iter([empty])

    def route(asked):
        return next(lists, None) or book(asked) if asked.method == "GET" else book(asked)

    with Fake(route=route) as fake:
        result = client(fake).sync_rules([kept, new])
    assert result.missing == {"new words"}
    assert [rule.value for rule in result.added] == ["new words"], "the other is not this run's"
    assert set(result.rules) == {"kept words", "new words"}


def test_rules_of_another_installation_are_never_deleted():
    """ST13: also where both use the same app, and one wants what the other has."""
    theirs, shared, mine = Rule("their words"), Rule("shared words"), Rule("my words")
    book = RuleBook(held(theirs, 1, "m2"), held(shared, 2, "m2"), held(Rule("old"), 3))
    with Fake(route=book) as fake:
        result = client(fake).sync_rules([shared, mine])
    assert [rule["value"] for rule in book.rules] == ["their words", "shared words", "my words"]
    assert [rule.value for rule in result.deleted] == ["old"]
    assert [rule.value for rule in result.foreign] == ["their words"]
    assert result.missing == {"my words"}


def test_a_tag_without_a_mark_becomes_ours_only_with_a_text_of_ours():
    """ST13: rules of versions whose tags named no installation."""
    mine, theirs = Rule("my words"), Rule("their words")
    unmarked = [
        {"id": str(number), "value": rule.value, "tag": rule.unmarked_tag}
        for number, rule in enumerate((mine, theirs), start=1)
    ]
    book = RuleBook(*unmarked)
    with Fake(route=book) as fake:
        first = client(fake).sync_rules([mine])
        again = client(fake).sync_rules([mine])
    tags = {rule["value"]: rule["tag"] for rule in book.rules}
    assert tags == {"my words": mine.tag("m1"), "their words": theirs.unmarked_tag}
    assert [rule.value for rule in first.added] == ["my words"]
    assert first.missing == frozenset()
    assert (again.added, again.deleted) == ((), ())


def test_where_the_cap_is_near_old_rules_go_first():
    old, new = Rule("old words"), Rule("new words")
    book = RuleBook(held(old, 1))
    with Fake(route=book) as fake:
        client(fake).sync_rules([new], cap=1)
    assert book.done == ["delete", "add"]


def test_rules_in_force_already_cost_one_call():
    kept = Rule("kept words")
    with Fake(route=RuleBook(held(kept, 1))) as fake:
        result = client(fake).sync_rules([kept])
        assert [asked.method for asked in fake.asked] == ["GET"]
    assert (result.added, result.deleted, result.refused) == ((), (), ())


def test_a_rule_that_x_refuses_is_told_and_the_rest_holds():
    with Fake(route=RuleBook()) as fake:
        result = client(fake).sync_rules([Rule("bad words"), Rule("good words")])
    assert [(one.value, one.reason) for one in result.refused] == [("bad words", "no (at 5)")]
    assert set(result.rules) == {"good words"}


def test_a_dry_run_changes_nothing():
    book = RuleBook(held(Rule("held"), 1))
    with Fake(route=book) as fake:
        added, refused = client(fake).add_rules(
            [Rule("fine"), Rule("bad"), Rule("held")], dry_run=True
        )
    assert [rule.value for rule in added] == ["fine", "held"]
    assert [one.value for one in refused] == ["bad"]
    assert len(book.rules) == 1


def test_rules_are_read_to_the_last_page():
    pages = [
        answer(200, {"data": [{"id": "1", "value": "a"}], "meta": {"next_token": "n"}}),
        answer(200, {"data": [{"id": "2", "value": "b", "tag": "t"}], "meta": {}}),
    ]
    with Fake(pages) as fake:
        assert client(fake).rules() == (StreamRule("1", "a"), StreamRule("2", "b", "t"))
        assert fake.asked[1].query["pagination_token"] == "n"


def test_open_connections_are_listed_and_can_be_closed():
    listed = {"data": [{"id": "c1", "endpoint_name": "filtered_stream", "client_ip": "192.0.2.1",
                        "connected_at": "2026-11-22T10:00:00.000Z"}]}  # fmt: skip
    with Fake([answer(200, listed), answer(200, {"data": {"success": True}})]) as fake:
        streams = client(fake)
        (open_one,) = streams.connections()
        streams.close_connections()
        assert (fake.asked[1].method, fake.asked[1].path) == (
            "DELETE",
            "/2/connections/filtered_stream",
        )
    assert (open_one.id, open_one.client_ip) == ("c1", "192.0.2.1")
    assert open_one.connected_at.hour == 10
