"""Only paths of our own are believed as the place to go on to."""

from __future__ import annotations

import pytest
from flask import Flask

from sfm.web.redirects import here, safe_next

OWN = [
    "/", "/tweets/", "/tweets/?q=a+b&sort=-date", "/users/alpha/?at=x%20y", "/search/?q=%E2%80%AE",
    "/a/b/c", "/?next=//evil.example", "/sets/1/#members", "/search/?q=http://x.example/",
]  # fmt: skip
FOREIGN = [
    "", None, "tweets/", "//evil.example", "///evil.example", "////evil.example", "/\\evil.example",
    "\\\\evil.example", "\\/evil.example", "/\tevil.example", "/\t/evil.example",
    "/\n/evil.example", "/\r\n/evil.example", "\t//evil.example", " //evil.example",
    " /tweets/", "http://evil.example", "https://evil.example/", "https:evil.example",
    "http:///evil.example", "//evil.example/%2f..", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "/tweets/\x00", "/tweets/\x07", "/tweets/\x1b[0m", "/tweets\\..\\x",
    "/a b", "//", "/\\", "/\x0b/evil.example", "/\x0c/evil.example", "/\u2028/evil.example",
    "/\xa0/evil.example", "/\x85/evil.example", "//user@evil.example", "/\\/evil.example",
    "mailto:a@evil.example", "ftp://evil.example/", "://evil.example", "//[::1]/", "//evil\x00",
]  # fmt: skip


@pytest.mark.parametrize("address", OWN)
def test_paths_of_this_site_are_kept(address: str) -> None:
    assert safe_next(address) == address


@pytest.mark.parametrize("address", FOREIGN)
def test_everything_else_becomes_the_first_page(address: str | None) -> None:
    assert safe_next(address) == "/"
    assert safe_next(address, otherwise="/sets/") == "/sets/"


def test_a_fragment_comes_back_to_the_page_around_it(app: Flask) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://any.example/tweets/?q=x"}
    with app.test_request_context("/tweets/_part", headers=headers):
        assert here() == "/tweets/?q=x"


def test_a_post_comes_back_to_its_address_without_what_was_sent(app: Flask) -> None:
    with app.test_request_context("/sets/1/edit/?x=1", method="POST"):
        assert here() == "/sets/1/edit/"
