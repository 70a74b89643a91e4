from __future__ import annotations

import pytest

from sfm.posts.tokenizer import (
    body_words,
    is_beginning,
    mention_mark,
    query_words,
    tag_mark,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't PANIC, it's 2026", "don t panic it s 2026"),
        ("Café ÉCOLE naïve Ærø", "cafe ecole naive ærø"),
        ("STRASSE Straße", "strasse strasse"),
        ("İstanbul ΑΘΉΝΑ Ёлка", "istanbul αθηνα елка"),
        ("ＷＩＤＥ ﬁsh ①", "wide fish 1"),
        ("مَكْتَبَة مكتبة مـكتبة", "مكتبة مكتبة مكتبة"),
        ("שָׁלוֹם שלום", "שלום שלום"),
        ("आज बाढ़ के कारण", "आज बाढ़ के कारण"),
        ("இன்று வெள்ளம்", "இன்று வெள்ளம்"),
        ("see https://t.co/AbC123 and http://example.org/x?y=z#q now", "see and now"),
        ("#Flood_2026 @City_Library", "flood 2026 city library"),
        ("a\x00b\u200bc\u202ed", "a b c d"),
        ("", ""),
        ("https://t.co/AbC123", ""),
    ],
)
def test_spaced_scripts_are_cut_at_what_is_no_letter(text: str, words: str) -> None:
    assert " ".join(body_words(text)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("東京都", "東京 京都 都"),
        ("東京tower東", "東京 京 tower 東"),
        ("ｶﾞｷﾞ", "ガギ ギ"),
        ("도서관은 오늘", "도서 서관 관은 은 오늘 늘"),
        ("ห้อง", "ห้ ้อ อง ง"),
    ],
)
def test_unspaced_scripts_are_cut_into_pairs(text: str, words: str) -> None:
    assert " ".join(body_words(text)) == words


def test_every_emoji_is_a_word_whatever_joins_or_colours_it() -> None:
    assert body_words("👩‍🚒 ❤️ ❤ 👍🏽 🇩🇪é") == "👩 🚒 ❤ ❤ 👍 🏽 🇩 🇪 e".split()


def test_numbers_in_circles_are_parts_of_words_beside_any_script() -> None:
    assert body_words("❶step ★ 東 ②") == ["❶step", "★", "東", "2"]
    assert body_words("❶step東") == ["❶step", "東"]


def test_a_text_has_the_words_of_its_parts_and_of_its_whole() -> None:
    text = "Café\u3000東京 e\u0301te\u0301 👍x\x1fb \u0301z"
    long = "é" * 80 + " " + "東" * 80
    for whole in (text, long):
        assert body_words(whole) == [word for part in whole.split() for word in body_words(part)]
    assert [len(word) for word in body_words(long)][:2] == [60, 2]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("東京都", ["東京", "京都"]),
        ("東", ["東"]),
        ("都 tower", ["都", "tower"]),
        ("Café", ["cafe"]),
        ("don't", ["don", "t"]),
        ("!!!", []),
    ],
)
def test_a_query_leaves_open_where_the_text_goes_on(typed: str, words: list[str]) -> None:
    assert query_words(typed) == words


@pytest.mark.parametrize("text", ["東京都庁前", "도서관은", "ภาษาไทย", "新 東京", "東"])
def test_every_part_of_an_unspaced_text_finds_it(text: str) -> None:
    """Whatever stretch somebody types, its words stand in the text one after the other."""
    indexed = body_words(text)
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            wanted = query_words(text[start:end])
            assert found_in_order(wanted, indexed), (text[start:end], wanted, indexed)


def found_in_order(wanted: list[str], indexed: list[str]) -> bool:
    def fits(at: int) -> bool:
        for offset, word in enumerate(wanted):
            last = offset == len(wanted) - 1
            there = indexed[at + offset] if at + offset < len(indexed) else ""
            if there != word and not (last and is_beginning(word) and there.startswith(word)):
                return False
        return True

    return any(fits(at) for at in range(len(indexed)))


def test_marks_hold_only_what_can_stand_in_a_query() -> None:
    words = words_of("x", ["Flood", "a\"b'c\\ d", "!!", "東京"], ["@Ann_X"], 12, "en")
    assert words.marks.split() == ["=u12", "=len", "#flood", "#abcd", "#東京", "@ann_x"]
    assert tag_mark("#Café") == tag_mark("CAFÉ") == "#cafe"
    assert mention_mark("Ann_X") == "@ann_x"


def test_no_word_can_break_out_of_the_index_syntax() -> None:
    every = "".join(chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000)
    assert not set("'\"\\ ():*&|!<~=#@^+-") & set("".join(body_words(every)))
    assert max(map(len, body_words("x" * 5000))) <= 60
