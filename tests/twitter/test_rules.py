"""Words, people and boxes become rules that X takes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm.errors import WrongInput
from sfm.networks.rules import Box
from sfm.twitter.boxes import parse_locations, tiles
from sfm.twitter.rules import SEARCH_LIMIT, build_rules, parse_people, parse_words


def rule_texts(text, **more):
    return [rule.value for rule in build_rules(parse_words(text), **more)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("flood", "flood"),
        ("flood, storm", "flood OR storm"),
        ("flood warning", "(flood warning)"),
        ("flood\nwarning,\r\nstorm", "(flood warning) OR storm"),
        ("  flood ,, storm , ", "flood OR storm"),
        ("#flood,@ann_x,$CASH", "#flood OR @ann_x OR $CASH"),
        ("＃flood", "#flood"),
        ("coca-cola", '"coca-cola"'),
        ("C++", '"C++"'),
        ('"high water"', '"high water"'),
        ('"high, water", x', '"high, water" OR x'),
        ("or, And, NOT", '"or" OR "And" OR "NOT"'),
        ("example.com", 'url:"example.com"'),
        ("example.com/a/b", 'url:"example.com/a/b"'),
        ("from:ann", '"from:ann"'),
        ("(a)", '"(a)"'),
        ("a\\b", "ab"),
        ("😀", "😀"),
        ("café, 東京, हिन्दी", "café OR 東京 OR हिन्दी"),
        ("flood, flood", "flood"),
        ("", None),
        (" , ", None),
    ],
)
def test_words(text, rule):
    assert rule_texts(text) == ([rule] if rule else [])


@pytest.mark.parametrize("text", ["-flood", '"flood', "!!!", "flood, ...", '"--"'])
def test_words_that_cannot_be_asked_for_are_refused(text):
    with pytest.raises(WrongInput):
        parse_words(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ann_x, @Bob_X", ("ann_x", "Bob_X")),
        ("ann_x,\n@ ann_X ,", ("ann_x",)),
        ("", ()),
    ],
)
def test_people(text, names):
    assert parse_people(text) == names


@pytest.mark.parametrize("text", ["ann bob", "ann_x, bob cat", "a" * 16, "ann-x", "@@ann", "é"])
def test_people_that_cannot_be_names_are_refused(text):
    with pytest.raises(WrongInput) as why:
        parse_people(text)
    assert "name" in str(why.value)


def test_a_person_is_followed_three_ways():
    (rule,) = build_rules(uids=[101])
    assert rule.value == "from:101 OR to:101 OR retweets_of:101"


def test_many_people_are_packed_into_rules_within_the_limit():
    uids = [1_400_000_000_000_000_000 + number for number in range(5_000)]
    rules = build_rules(uids=uids)
    assert all(len(rule.value) <= 1024 for rule in rules)
    assert len(rules) <= 500
    whole = " OR ".join(rule.value for rule in rules)
    assert whole == " OR ".join(f"from:{u} OR to:{u} OR retweets_of:{u}" for u in uids)


def test_a_suffix_narrows_every_rule():
    words = ",".join(f"word{number}" for number in range(200))
    rules = rule_texts(words, suffix="lang:en -is:retweet")
    assert len(rules) > 1
    for rule in rules:
        assert rule.startswith("(")
        assert rule.endswith(") lang:en -is:retweet")
        assert len(rule) <= 1024


def test_search_takes_shorter_ones():
    words = ",".join(f"word{number}" for number in range(200))
    assert max(len(rule) for rule in rule_texts(words, limit=SEARCH_LIMIT)) <= SEARCH_LIMIT


def test_a_phrase_that_fits_no_rule_is_refused():
    with pytest.raises(WrongInput, match="too long"):
        rule_texts(" ".join(f"word{number}" for number in range(300)))


def test_the_same_words_have_the_same_neutral_tag():
    first, again = build_rules(parse_words("flood")), build_rules(parse_words("flood"))
    (other,) = build_rules(parse_words("storm"))
    assert first == again
    assert first[0].tag("m") == again[0].tag("m") != other.tag("m")
    assert first[0].tag("m").startswith("sfm:m:")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_rule_or_refused(text):
    try:
        rules = build_rules(parse_words(text))
    except WrongInput:
        return
    for rule in rules:
        assert rule.value.count('"') % 2 == 0
        assert "\\" not in rule.value
        assert "\n" not in rule.value


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3", "a,1,2,3", "0,10,1,5", "0,91,1,95", "200,1,2,3", "nan,0,1,1", "1,1,1,2",
        "0,0,1,1,", "inf,0,1,1", "1;2;3;4",
    ],
)  # fmt: skip
def test_locations_that_are_no_boxes_are_refused(text):
    with pytest.raises(WrongInput):
        parse_locations(text)


def test_locations_are_read_in_order():
    boxes = parse_locations("-77.2, 38.8,\n-76.9, 39.0, 2.2,48.8,2.5,48.9")
    assert boxes == (Box(-77.2, 38.8, -76.9, 39.0), Box(2.2, 48.8, 2.5, 48.9))
    assert parse_locations("  ") == ()


CITIES = [
    Box(-77.5, 38.5, -76.5, 39.5),
    Box(2, 48, 3, 49),
    Box(18, -1, 19, 1),
    Box(-1, -60, 1, -59),
]


@pytest.mark.parametrize("box", CITIES)
def test_boxes_are_cut_below_forty_kilometres_without_a_gap(box):
    cut = tiles([box])
    assert len(cut) > 1
    for tile in cut:
        assert max(tile.size_km) < 40.2
    area = sum((tile.east - tile.west) * (tile.north - tile.south) for tile in cut)
    assert math.isclose(area, (box.east - box.west) * (box.north - box.south), rel_tol=1e-4)


def test_a_half_degree_city_at_forty_north_needs_four_tiles():
    assert len(tiles([Box(-83, 40, -82.5, 40.5)])) == 4


def test_a_box_over_the_date_line_is_halved():
    assert tiles([Box(179.9, -17, -179.9, -16.8)]) == (
        Box(179.9, -17, 180.0, -16.8), Box(-180.0, -17, -179.9, -16.8),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["-180,-90,180,90", "5.8,47.2,15.1,55.1", "170,0,-170,50"])
def test_countries_are_refused_with_the_size_and_a_way_out(text):
    with pytest.raises(WrongInput) as why:
        build_rules(boxes=parse_locations(text))
    assert "km" in str(why.value)
    assert "place_country" in str(why.value)


def test_many_boxes_together_are_refused_too():
    boxes = [Box(number, 40, number + 0.9, 40.9) for number in range(40)]
    with pytest.raises(WrongInput, match="too many"):
        tiles(boxes)


def test_boxes_become_rules():
    (rule,) = build_rules(boxes=parse_locations("-77.1,38.8,-76.9,39.0"))
    assert rule.value == "bounding_box:[-77.1 38.8 -76.9 39]"
