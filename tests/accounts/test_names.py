"""Names as people type them."""

from __future__ import annotations

import pytest

from sfm.accounts.names import is_possible, normalize


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("nasa", "nasa"),
        ("  @NASA \t", "NASA"),
        ("@ nasa", "nasa"),
        ("\ufeffnasa", "nasa"),
        ("\u200e@nasa\u200f", "nasa"),
        ("\u00a0nasa\u00a0", "nasa"),
        ("\uff20nasa", "nasa"),
        ("https://twitter.com/nasa", "nasa"),
        ("https://x.com/nasa/status/1?s=20", "nasa"),
        ("mobile.twitter.com/nasa/", "nasa"),
        ("www.x.com/nasa#top", "nasa"),
        ("@@nasa", "@nasa"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_what_is_typed_becomes_a_name(typed: str, name: str) -> None:
    assert normalize(typed) == name


@pytest.mark.parametrize("name", ["a", "_", "NASA", "0123456789", "a" * 15, "under_score"])
def test_possible_names(name: str) -> None:
    assert is_possible(name)


@pytest.mark.parametrize(
    "name", ["", "a" * 16, "two words", "@nasa", "na-sa", "nasa\n", "é", "\u0661", "<b>", "a\x00"]
)
def test_impossible_names(name: str) -> None:
    assert not is_possible(name)
