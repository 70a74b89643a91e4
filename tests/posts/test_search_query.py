from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm.errors import WrongInput
from sfm.posts.search_query import parse, to_fts5, to_tsquery, with_marks


@pytest.mark.parametrize(
    ("typed", "fts5", "tsquery"),
    [
        ("flood", '"flood"', "('flood')"),
        ("Flood harbour", '("flood" AND "harbour")', "(('flood') & ('harbour'))"),
        ("flood OR fire", '("flood" OR "fire")', "(('flood') | ('fire'))"),
        ("“city hall”", '"city hall"', "('city' <-> 'hall')"),
        ("a -b", '(("a") NOT ("b"))', "(('a') & !('b'))"),
        ('a -"b c"', '(("a") NOT ("b c"))', "(('a') & !('b' <-> 'c'))"),
        ("a -(b OR c)", '(("a") NOT (("b" OR "c")))', "(('a') & !(('b') | ('c')))"),
        ("(a OR b) c", '(("a" OR "b") AND "c")', "((('a') | ('b')) & ('c'))"),
        ("flood*", '"flood" *', "('flood':*)"),
        ("#Café @Ann_X", '("#cafe" AND "@ann_x")', "(('#cafe') & ('@ann_x'))"),
        ("東京都", '"東京 京都"', "('東京' <-> '京都')"),
        ("東", '"東" *', "('東':*)"),
        ("a AND b", '("a" AND "b")', "(('a') & ('b'))"),
        (
            "well-known don't",
            '("well known" AND "don t")',
            "(('well' <-> 'known') & ('don' <-> 't'))",
        ),
        ("a - !!! b", '("a" AND "b")', "(('a') & ('b'))"),
    ],
)
def test_a_search_means_the_same_to_both_databases(typed: str, fts5: str, tsquery: str) -> None:
    node = parse(typed).node
    assert node is not None
    assert (to_fts5(node), to_tsquery(node)) == (fts5, tsquery)


def test_from_names_the_account() -> None:
    found = parse("flood from:@City_Hall -from:bob")
    assert (found.by, found.not_by) == (("city_hall",), ("bob",))
    assert parse("from:ann").node is None


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ('"city hall', "quotation mark"),
        ("(a", "opening bracket"),
        ("a)", "closing bracket"),
        ("-a", "leave out"),
        ("a OR", "OR needs"),
        ("OR a", "OR needs"),
        ("a (b OR -c)", "leave out"),
        ("from:", "from:city_hall"),
        ("(from:ann OR b)", "Put from:"),
        ("from:ann b OR c", "Put from:"),
        ("!?", "no word"),
        ("https://t.co/abc", "Addresses"),
        ("x*", "letters before"),
        ("a " * 61, "60 words"),
        ("a" * 1001, "1,000 characters"),
        ("(" * 30 + "a" + ")" * 30, "too many brackets"),
    ],
)
def test_what_cannot_be_understood_is_told_in_one_sentence(typed: str, says: str) -> None:
    with pytest.raises(WrongInput) as told:
        parse(typed)
    assert says in told.value.message


def test_marks_are_asked_for_beside_the_words() -> None:
    node = with_marks(parse("flood").node, [["=u1", "=u2"], [], ["=len"]])
    assert node is not None
    assert to_fts5(node) == '(("=u1" OR "=u2") AND ("=len") AND "flood")'
    assert with_marks(None, [[]]) is None


@given(st.text(alphabet=st.sampled_from(list("ab -\"()*#@:'\\&|!~=<>東é OR from")), max_size=40))
def test_nothing_typed_breaks_the_reader(typed: str) -> None:
    try:
        node = parse(typed).node
    except WrongInput:
        return
    if node is not None:
        said = to_tsquery(node)
        assert said.count("'") % 2 == 0
        assert "\\" not in said
