"""Which links a post holds."""

import pytest

from sfm.links.extract import FoundLink, hash_of, host_of, links_in, links_of


def starts(*given):
    return [link.start_url for link in links_of(*given)]


def test_listed_links_start_where_twitter_says_they_lead():
    urls = [
        ["https://t.co/a", "https://example.org/a", "example.org/a", ""],
        ["https://t.co/b", ""],
    ]
    assert links_of(urls, [], "https://t.co/c") == (
        FoundLink("https://example.org/a", "https://example.org/a"), FoundLink("https://t.co/b"),
    )  # fmt: skip


def test_pictures_and_films_are_links_too():
    media = [
        {"type": "photo", "url": "https://img.example/p.jpg"},
        {"page_url": "https://x.com/a/1"},
    ]
    assert starts([], media, "") == ["https://x.com/a/1"]


def test_only_without_listed_ones_the_text_is_searched():
    assert starts([], [], "see http://example.org/a, and HTTPS://b.example!") == [
        "http://example.org/a", "HTTPS://b.example",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(http://example.org/a)", ("http://example.org/a",)),
        ("http://example.org/a_(b)", ("http://example.org/a_(b)",)),
        ("“http://example.org/a”", ("http://example.org/a",)),
        ("http://example.org/a?b=c&d…", ("http://example.org/a?b=c&d",)),
        ("http://a.example http://a.example", ("http://a.example",)),
        ("no link, www.example.org neither", ()),
        ("", ()),
    ],
)
def test_links_in_texts(text, found):
    assert links_in(text) == found


def test_the_same_link_twice_is_one():
    urls = [["https://t.co/a", "https://example.org/"], ["https://t.co/b", "https://example.org/"]]
    assert starts(urls, [], "") == ["https://example.org/"]


@pytest.mark.parametrize("entry", [[], [""], ["", ""]])
def test_empty_entries_are_none(entry):
    assert starts([entry], [], "") == []


def test_short_links_are_known():
    assert FoundLink("https://t.co/abc").is_short
    assert FoundLink("http://www.bit.ly/abc").is_short
    assert not FoundLink("https://example.org/t.co").is_short


def test_hosts_and_hashes_take_anything():
    assert host_of("https://www.Example.ORG:80/x") == "example.org"
    assert host_of("http://[::1") == ""
    assert len(hash_of("http://\ud800")) == 64
