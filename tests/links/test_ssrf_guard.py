"""Nothing but the open internet is ever connected to: UX1 to UX5, UX13 to UX16."""

import socket
from ipaddress import ip_address

import pytest

from sfm.links.ip_ranges import is_public
from sfm.links.ssrf_guard import GuardedResolver, NotPublic, ResolvedHost, SsrfGuard
from sfm.links.urls import RefusedUrl, read_url
from tests.links.conftest import follow, names, open_guard
from tests.twitter.fake import Fake, answer

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.0.0.2
127.255.255.254 169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.192
192.0.2.1 192.88.99.1
192.168.0.1 192.168.255.254 198.18.0.1 198.19.255.254 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 fe80::1
fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1
2002:0808:0808::1 3ffe::1 3fff::1 5f00::1 4000::1
""".split()
OPEN = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1
172.15.255.255 172.32.0.1 192.0.1.1 192.167.0.1 192.169.0.1 198.17.0.1 198.20.0.1 223.255.255.255
2606:4700::1111 2a00:1450::1 2001:4860:4860::8888 2003::1
""".split()
ODD_FORMS = [
    "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127.0.0.01",
    "127。0。0。1", "１２７.0.0.1", "①②⑦.0.0.1", "127.0.0.1.", "0", "0x0", "127.0.1", "1.2.3.4.5",
    "0x7f.0x0.0x0.0x1", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]",
]  # fmt: skip
INSIDE = ["localhost", "LOCALHOST", "a.localhost", "router.local", "db.internal", "intranet",
          "printer", "x.home.arpa", "nas.lan", "abc.onion", "metadata"]  # fmt: skip


@pytest.mark.parametrize("text", CLOSED)
def test_closed_addresses(text):
    assert not is_public(ip_address(text))
    with pytest.raises(NotPublic):
        SsrfGuard().check(text)


@pytest.mark.parametrize("text", OPEN)
def test_open_addresses(text):
    assert is_public(ip_address(text))
    SsrfGuard().check(text)


def test_an_address_with_a_zone_is_closed():
    assert not is_public(ip_address("2606:4700::1%eth0"))


def hosts():
    yield from (f"[{one}]" if ":" in one else one for one in CLOSED)
    yield from ODD_FORMS
    yield from INSIDE


def test_no_literal_that_is_not_public_is_dialled(dialled):
    urls = [f"http://{host}/" for host in hosts()]
    found = follow(*urls, guard=SsrfGuard())
    assert len(urls) >= 60
    for one in found:
        assert one.outcome in ("not_public", "invalid"), one
    assert dialled.addresses == []


def test_no_redirect_to_an_address_that_is_not_public_is_followed(dialled):
    for host in hosts():
        with Fake([answer(302, b"", {"Location": f"http://{host}/"})]) as fake:
            one = follow(f"http://start.example:{fake.port}/")
            assert len(fake.asked) == 1
        if host not in ("127.0.0.1", "127.0.0.1.") and one.outcome != "connection":
            assert one.outcome in ("not_public", "invalid"), (host, one)
    assert set(dialled.outside()) == set()


def test_names_of_addresses_that_are_not_public_are_not_dialled(dialled):
    table = {f"host{number}_example": address for number, address in enumerate(CLOSED)}
    urls = [f"http://host{number}.example/" for number in range(len(CLOSED))]
    for one in follow(*urls, guard=SsrfGuard(), lookup=names(**table)):
        assert one.outcome == "not_public"
    assert dialled.addresses == []


@pytest.mark.parametrize("mixed", ["8.8.8.8 10.0.0.1", "10.0.0.1 8.8.8.8", "8.8.8.8 ::1"])
def test_one_bad_answer_among_good_ones_refuses_all(dialled, mixed):
    one = follow("http://mixed.example/", guard=SsrfGuard(), lookup=names(mixed_example=mixed))
    assert one.outcome == "not_public"
    assert dialled.addresses == []


def test_a_name_that_changes_after_the_check_gains_nothing(dialled):
    answers = iter(["8.8.8.8", "127.0.0.1", "127.0.0.1", "127.0.0.1"])
    with Fake([answer(200, b"secret")]) as inner:
        one = follow(
            f"http://rebind.example:{inner.port}/",
            guard=SsrfGuard(ports=None),
            lookup=names(rebind_example=lambda: next(answers)),
        )
        assert inner.asked == []
    assert dialled.addresses == ["8.8.8.8"]
    assert one.outcome == "connection"


def test_the_socket_itself_is_checked():
    resolver = GuardedResolver(SsrfGuard())
    with pytest.raises(NotPublic):
        resolver.open_socket(ResolvedHost(socket.AF_INET, "10.0.0.1"))
    resolver.open_socket(ResolvedHost(socket.AF_INET, "8.8.8.8")).close()
    resolver.close()


def test_the_name_stays_in_the_question():
    with Fake([answer(200, b"")]) as fake:
        follow(f"http://shown.example:{fake.port}/a?b=c")
        (asked,) = fake.asked
    assert asked.headers["host"] == f"shown.example:{fake.port}"
    assert asked.target == "/a?b=c"


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with Fake([answer(200, b"")]) as proxy, Fake([answer(200, b"")]) as fake:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.root)
        assert follow(f"http://shown.example:{fake.port}/").outcome == "ok"
        assert (len(proxy.asked), len(fake.asked)) == (0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "javascript:alert(1)",
        "data:text/html,x", "mailto:a@example.org", "http:example.org", "http:/example.org",
        "//a.b/",         "http://", "http:///path", "http://[::1/", "http://[zz]/", "http://a b/", "http://a\x00.b/",
        "http://example.org:99999/", "http://example.org:x/", "http://user@example.org/",
        "http://user:pw@example.org/", "http://example.org\\@127.0.0.1/",
        "http://127.0.0.1\\@example.org/", "http://example.org#@127.0.0.1:80@x/", "http://a..b/",
        "http://-a.example/", "http://a-.example/", "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 130 + "example/", "http://exa\ud800mple.org/", "http://%00.example/",
        "http://example.org:80:80/", "http://ex*mple.org/", "http://xn--\u0661.example", "",
        "   ", "x" * 5000, "http://example.org/" + "a" * 5000, "http://\u200b.example/", "http://.",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused_and_never_dialled(dialled, url):
    one = follow(url, guard=SsrfGuard(), lookup=names(example_org="8.8.8.8"))
    if url == "http://example.org#@127.0.0.1:80@x/":
        assert dialled.addresses == ["8.8.8.8"]  # a fragment is nobody's host
        return
    assert one.outcome in ("invalid", "not_public")
    assert dialled.addresses == []


@pytest.mark.parametrize(
    ("url", "rebuilt"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:443/a", "http://example.org:443/a"),
        ("http://example.org./a", "http://example.org/a"),
        (
            "http://example.org/a b/ü?q=ü&x=%20#frag",
            "http://example.org/a%20b/%C3%BC?q=%C3%BC&x=%20",
        ),
        ("http://example.org?x=1", "http://example.org/?x=1"),
        ("http://example.org/\\..\\x", "http://example.org/%5C..%5Cx"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://BÜCHER。example/", "http://xn--bcher-kva.example/"),
        ("http://раураl.example/", "http://xn--l-7sba6dbr.example/"),
        ("http://my_site.example/", "http://my_site.example/"),
        (" http://example.org/ ", "http://example.org/"),
        ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
    ],
)
def test_addresses_are_rebuilt_from_what_was_read(url, rebuilt):
    assert read_url(url).url == rebuilt


@pytest.mark.parametrize("port", [1, 22, 25, 8080, 6379, 65535])
def test_other_ports_are_refused(port):
    with pytest.raises(RefusedUrl) as why:
        read_url(f"http://example.org:{port}/")
    assert why.value.outcome == "not_public"


def test_our_own_names_are_refused(dialled):
    guard = SsrfGuard(own_names=frozenset({"sfm.library.example"}))
    one = follow("https://SFM.library.example./x", guard=guard, lookup=names())
    assert one.outcome == "not_public"
    assert dialled.addresses == []


def test_a_redirect_to_another_port_is_refused(dialled):
    with Fake([answer(302, b"", {"Location": "http://8.8.8.8:22/"})]) as fake:
        guard = SsrfGuard(
            ports=frozenset({80, 443, fake.port}), allowed_networks=open_guard().allowed_networks
        )
        assert follow(f"http://a.example:{fake.port}/", guard=guard).outcome == "not_public"
    assert dialled.outside() == []


def test_the_guard_as_delivered_allows_no_exception():
    assert SsrfGuard() == SsrfGuard(
        ports=frozenset({80, 443}), own_names=frozenset(), allowed_networks=()
    )
