"""Following links: every one gets an outcome, every hop is kept: UX6 to UX12, UX17, UX18."""

import asyncio
import gzip
import random
import resource
import socket
import ssl
import time

import pytest
import trustme

from sfm.links.fetch import Fetcher
from sfm.links.outcomes import WORDS_FOR_OUTCOME, retry_at
from sfm.links.rate_limit import HostLimits
from tests.links.conftest import IN_A_HURRY, everybody, follow, names, open_guard
from tests.twitter.fake import Fake, answer, hold, reset


def to(path, status=301):
    return answer(status, b"", {"Location": path})


def by_path(**table):
    return lambda asked: table.get(asked.path.strip("/") or "start", answer(404, b""))


def test_every_hop_is_kept_with_address_status_headers_and_time():
    route = by_path(
        start=to("/two"), two=to("three?x=1", 302), three=answer(200, b"", {"X-A": "b"})
    )
    with Fake(route=route) as fake:
        one = follow(f"http://a.example:{fake.port}/")
        root = f"http://a.example:{fake.port}"
    assert one.outcome == "ok"
    assert [(hop.url, hop.method, hop.status) for hop in one.hops] == [
        (f"{root}/", "HEAD", 301), (f"{root}/two", "HEAD", 302), (f"{root}/three?x=1", "HEAD", 200),
    ]  # fmt: skip
    assert one.hops[0].headers["Location"] == "/two"
    assert one.final_url == f"{root}/three?x=1"
    assert (one.final_status, one.final_headers["X-A"]) == (200, "b")
    assert all(hop.seconds > 0 for hop in one.hops)
    assert one.seconds == sum(hop.seconds for hop in one.hops)


@pytest.mark.parametrize("refusal", [403, 404, 405, 501])
def test_where_head_is_refused_get_is_asked(refusal):
    def route(asked):
        return answer(refusal if asked.method == "HEAD" else 200, b"x")

    with Fake(route=route) as fake:
        one = follow(f"http://a.example:{fake.port}/")
    assert [(hop.method, hop.status) for hop in one.hops] == [("HEAD", refusal), ("GET", 200)]
    assert one.outcome == "ok"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (204, "ok"), (304, "ok"), (404, "gone"), (410, "gone"), (451, "gone"),
     (401, "refused"), (403, "refused"), (429, "refused"), (500, "server_error"),
     (503, "server_error")],
)  # fmt: skip
def test_final_statuses_have_their_outcome(status, outcome):
    with Fake([answer(status, b"")]) as fake:
        one = follow(f"http://a.example:{fake.port}/")
    assert (one.outcome, one.final_status) == (outcome, status)


def test_five_redirects_are_followed_and_a_sixth_is_not():
    with Fake(route=lambda asked: answer(302, b"", {"Location": f"{asked.path}x"})) as fake:
        one = follow(f"http://a.example:{fake.port}/")
        assert len(fake.asked) == 6
    assert one.outcome == "too_many_redirects"
    assert len(one.hops) == 6


def test_a_circle_is_left_at_once():
    with Fake(route=by_path(start=to("/two"), two=to("/"))) as fake:
        one = follow(f"http://a.example:{fake.port}/")
        assert len(fake.asked) == 2
    assert one.outcome == "too_many_redirects"


def test_a_redirect_that_says_nowhere_is_the_end():
    with Fake([answer(302, b"")]) as fake:
        assert follow(f"http://a.example:{fake.port}/").outcome == "ok"


def endless(head):
    def send(connection, _asked):
        connection.sendall(head)
        while True:
            connection.sendall(b"x" * 65536)

    return send


def test_the_body_behind_a_redirect_is_never_read():
    head = b"HTTP/1.1 302 X\r\nLocation: /two\r\nContent-Length: 99999999999\r\n\r\n"

    def route(asked):
        if asked.path == "/two":
            return answer(200, b"")
        return answer(405, b"") if asked.method == "HEAD" else endless(head)

    with Fake(route=route) as fake:
        started = time.monotonic()
        one = follow(f"http://a.example:{fake.port}/")
    assert one.outcome == "ok"
    assert time.monotonic() - started < 2


def test_the_body_of_a_page_is_never_read_either():
    head = b"HTTP/1.1 200 X\r\nContent-Type: text/html\r\n\r\n"
    with Fake(
        route=lambda asked: answer(405, b"") if asked.method == "HEAD" else endless(head)
    ) as fake:
        started = time.monotonic()
        assert follow(f"http://a.example:{fake.port}/").outcome == "ok"
    assert time.monotonic() - started < 2


def drip(start, piece):
    def send(connection, _asked):
        connection.sendall(start)
        while True:
            time.sleep(0.05)
            connection.sendall(piece)

    return send


@pytest.mark.parametrize(
    "slow",
    [
        drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
        lambda connection, asked: hold(connection),
    ],
)
def test_a_slow_answer_ends_at_the_deadline(slow):
    with Fake([slow]) as fake:
        started = time.monotonic()
        one = follow(f"http://a.example:{fake.port}/", link_seconds=0.5)
        assert len(fake.asked) == 1
    assert one.outcome == "timeout"
    assert 0.4 < time.monotonic() - started < 2
    assert [hop.status for hop in one.hops] == [None]


def test_the_deadline_is_the_whole_links():
    def route(asked):
        def send(connection, _asked):
            time.sleep(0.2)
            connection.sendall(answer(302, b"", {"Location": asked.path + "x"}))

        return send

    with Fake(route=route) as fake:
        one = follow(f"http://a.example:{fake.port}/", link_seconds=0.5)
    assert one.outcome == "timeout"
    statuses = [hop.status for hop in one.hops]
    assert statuses in ([302, 302, None], [302, None])
    assert one.seconds < 1


def test_a_title_comes_from_the_first_64_kib():
    page = b"<html><head><title> A \n flood &amp; more</title><link rel=canonical href='/c'></head>"
    with Fake([answer(200, page + b"x" * 500_000, kind="text/html; charset=utf-8")]) as fake:
        one = follow(f"http://a.example:{fake.port}/", wants_titles=True)
    assert (one.page.title, one.page.canonical_url) == ("A flood & more", "/c")
    assert [hop.method for hop in one.hops] == ["HEAD", "GET"]


def test_a_page_in_a_packing_is_unpacked():
    page = gzip.compress(b"<title>Packed</title>")
    with Fake([answer(200, page, {"Content-Encoding": "gzip"}, kind="text/html")]) as fake:
        assert follow(f"http://a.example:{fake.port}/", wants_titles=True).page.title == "Packed"


@pytest.mark.slow
def test_a_page_packed_as_a_bomb_takes_no_memory():
    bomb = gzip.compress(b"<title>Boom</title>" + b"\0" * 300_000_000, compresslevel=9)
    head = {"Content-Encoding": "gzip"}
    with Fake([answer(200, bomb, head, kind="text/html")]) as fake:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        one = follow(f"http://a.example:{fake.port}/", wants_titles=True)
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert one.page.title == "Boom"
    assert grown_kib < 20_000


@pytest.mark.parametrize("packing", ["gzip, gzip", "br", "gzip,gzip,gzip,gzip,gzip,gzip", "x" * 50])
def test_packings_in_a_chain_are_refused(packing):
    page = gzip.compress(gzip.compress(b"<title>Chained</title>"))
    with Fake([answer(200, page, {"Content-Encoding": packing}, kind="text/html")]) as fake:
        one = follow(f"http://a.example:{fake.port}/", wants_titles=True)
    assert (one.outcome, one.page.title) == ("ok", "")


@pytest.mark.parametrize(
    "page", [b"\xff\xfe<title>", b"<title>" * 5000, b"<!--", b"<![CDATA[x", b"<!x[", b""]
)
def test_pages_that_are_none_cost_nothing(page):
    with Fake([answer(200, page, kind="text/html; charset=nonsense")]) as fake:
        assert follow(f"http://a.example:{fake.port}/", wants_titles=True).outcome == "ok"


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({f"X-{number}": "a" for number in range(5000)}, ("too_large", "bad_answer")),
        ({"X-A": "a" * 100_000}, ("too_large", "bad_answer")),
        ({"Location": "http://a.example/" + "a" * 5000}, ("too_large",)),
        ({"Location": "http://a.example/" + "a" * 60_000}, ("too_large", "bad_answer")),
    ],
)
def test_headers_without_measure_are_refused(headers, outcome):
    with Fake([answer(302, b"", headers)]) as fake:
        one = follow(f"http://a.example:{fake.port}/")
    assert one.outcome in outcome


def test_kept_headers_are_few_and_short():
    many = {f"X-{number}": "a" * 3000 for number in range(60)}
    with Fake([answer(200, b"", many)]) as fake:
        one = follow(f"http://a.example:{fake.port}/")
    assert one.outcome in ("ok", "too_large", "bad_answer")
    assert len(one.final_headers) <= 40
    assert all(len(value) <= 1000 for value in one.final_headers.values())


@pytest.mark.parametrize(
    "location",
    ["javascript:alert(1)", "ftp://a.example/", "\\\\a.example\\x", "http://", "//", "http://[::1/",
     "data:,x", "http:\\\\a.example"],
)  # fmt: skip
def test_redirects_to_what_is_no_web_address(location):
    with Fake([answer(302, b"", {"Location": location})]) as fake:
        one = follow(f"http://a.example:{fake.port}/")
    assert one.outcome in ("invalid", "bad_answer", "too_many_redirects")
    assert len(one.hops) == 1


@pytest.fixture
def authority():
    return trustme.CA()


class Tls:
    """A TLS server with the certificate of this name."""

    def __init__(self, authority, name):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)
        self.names = []
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)


def tls_follow(authority, name, url_name, trusted):
    tls = Tls(authority, name)
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    heard = []

    async def run():
        async def talk(reader, writer):
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer(200, b""))
            await writer.drain()
            writer.close()

        serving = await asyncio.start_server(talk, sock=server, ssl=tls.context)
        async with serving:
            async with Fetcher(
                guard=open_guard(), limits=IN_A_HURRY, lookup=everybody, trusted=trusted
            ) as fetcher:
                return await fetcher.follow(f"https://{url_name}:{port}/")

    return asyncio.run(run()), heard, tls.names


def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_a_good_certificate_is_taken_with_the_name_shown(authority):
    one, heard, shown = tls_follow(authority, "a.example", "a.example", trusting(authority))
    assert one.outcome == "ok"
    assert len(heard) == 1
    assert shown == ["a.example"]


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_bad_certificate_is_an_outcome_and_nothing_is_asked(authority, wrong):
    trusted = trusting(trustme.CA() if wrong == "authority" else authority)
    url_name = "b.example" if wrong == "name" else "a.example"
    one, heard, _shown = tls_follow(authority, "a.example", url_name, trusted)
    assert one.outcome == "tls"
    assert heard == []
    assert len(one.hops) == 1


def test_the_chain_up_to_a_fault_is_kept():
    with Fake([to("https://nowhere.example/x")]) as fake:
        known = names(a_example="127.0.0.1")
        one = follow(f"http://a.example:{fake.port}/", lookup=known)
    assert one.outcome == "dns"
    assert [(hop.method, hop.status) for hop in one.hops] == [("HEAD", 301), ("HEAD", None)]
    assert one.final_url == "https://nowhere.example/x"


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x00\x01\x02", b"HTTP/9.9 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nX: \xff\xfe\r\n\r\n", b"HTTP/1.1 99999 X\r\n\r\n", lambda c, a: reset(c),
     b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
)  # fmt: skip
def test_answers_that_are_none_have_an_outcome(broken):
    with Fake([broken]) as fake:
        one = follow(f"http://a.example:{fake.port}/")
        assert fake.asked
    assert one.outcome in WORDS_FOR_OUTCOME


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert follow(f"http://a.example:{port}/").outcome == "connection"


def test_a_look_up_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr("sfm.links.ssrf_guard.DNS_SECONDS", 0.1)
    asked = []

    def slow(host, port):
        asked.append(host)
        time.sleep(0.5)
        return everybody(host, port)

    assert follow("http://a.example/", lookup=slow).outcome in ("dns", "timeout")
    assert asked == ["a.example"]


def all_of(urls, **more):
    options = {"guard": open_guard(), "limits": IN_A_HURRY, "lookup": everybody, "width": 50}

    async def run():
        async with Fetcher(**(options | more)) as fetcher:
            return [found async for found in fetcher.follow_all(urls)]

    return asyncio.run(run())


def test_a_host_is_asked_by_two_at_once_and_not_faster_than_its_gap():
    busy, most, starts = [0], [0], []

    def route(asked):
        def send(connection, _asked):
            starts.append(time.monotonic())
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            time.sleep(0.08)
            busy[0] -= 1
            connection.sendall(answer(200, b""))

        return send

    with Fake(route=route) as fake:
        urls = [f"http://a.example:{fake.port}/{number}" for number in range(20)]
        found = all_of(urls, limits=HostLimits(at_once=2, gap_seconds=0.03))
    assert {one.outcome for one in found} == {"ok"}
    assert most[0] <= 2
    assert len(starts) == 20
    starts.sort()
    assert starts[-1] - starts[0] >= 19 * 0.03 * 0.9


def test_the_manners_that_deliver_are_two_at_once_and_one_a_second():
    assert HostLimits() == HostLimits(at_once=2, gap_seconds=1.0)


def test_one_slow_host_does_not_hold_the_others_up():
    def route(asked):
        slow = asked.headers["host"].startswith("slow")
        return (lambda c, a: hold(c)) if slow else answer(200, b"")

    with Fake(route=route) as fake:
        urls = [f"http://slow.example:{fake.port}/{number}" for number in range(4)]
        urls += [f"http://h{number}.example:{fake.port}/" for number in range(100)]
        started = time.monotonic()
        found = all_of(urls, limits=HostLimits(2, 0.0), link_seconds=0.5, width=10)
    outcomes = [one.outcome for one in found]
    assert (outcomes.count("ok"), outcomes.count("timeout")) == (100, 4)
    assert time.monotonic() - started < 4


@pytest.mark.slow
def test_five_thousand_links_have_five_thousand_outcomes():
    dice = random.Random(1)
    answers = [
        answer(200, b"x"), answer(404, b""), answer(500, b""), to("/next"), to("http://10.0.0.1/"),
        to("http://[::1/"), b"", b"\x00garbage", answer(200, b"", {"X": "a" * 9000}),
        to("%zz"), answer(200, b"", length=9),
    ]  # fmt: skip
    odd = [
        "http://",
        "x",
        "http://[",
        "http://10.0.0.1/",
        "ftp://a.example/",
        "http://a\ud800/",
        "",
    ]
    with Fake(route=lambda asked: dice.choice(answers)) as fake:
        urls = [
            dice.choice(odd)
            if number % 10 == 0
            else f"http://h{number}.example:{fake.port}/{number}"
            for number in range(5000)
        ]
        found = all_of(urls, link_seconds=5.0)
        assert len(fake.asked) > 4000
    assert len(found) == 5000
    assert sorted(one.start_url for one in found) == sorted(urls)
    assert all(one.outcome in WORDS_FOR_OUTCOME for one in found)
    assert {one.outcome for one in found} >= {"ok", "gone", "server_error", "not_public", "invalid"}


def test_retries_grow_and_end():
    from datetime import UTC, datetime

    now = datetime(2026, 11, 22, tzinfo=UTC)
    hours = []
    for attempt in range(1, 8):
        again = retry_at("timeout", attempt, now)
        hours.append(again and (again - now).total_seconds() / 3600)
    assert hours == [1, 6, 24, 72, 168, None, None]
    for outcome in ("ok", "gone", "not_public", "invalid", "too_many_redirects", "too_large"):
        assert retry_at(outcome, 1, now) is None
