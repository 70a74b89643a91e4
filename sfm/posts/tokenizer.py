"""The words a text is found by: one rule for both databases, for texts and for queries alike. Pure.

Both full-text indexes get ready-made words, so that what is findable does not depend on a server's
locale or on a library's Unicode tables:

- capitals, accents, Arabic and Hebrew vowel points and width variants make no difference;
- scripts that are written without blanks (Chinese, Japanese, Thai, Khmer, …) and Korean, where
  particles hang on the word, are cut into overlapping pairs of characters;
- every emoji is a word; addresses (t.co and others) are none;
- hashtags, mentions, the account and the language are marks, apart from the words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache, lru_cache
from typing import NamedTuple

VERSION = 2  # counted up whenever the same text gives other words: the index is then made anew
MAX_WORD_CHARS = 60  # characters of one word; PostgreSQL takes 2,046 bytes

_ADDRESS = re.compile(r"https?://\S+")
_TOO_LONG = re.compile(rf"[^ ]{{{MAX_WORD_CHARS + 1},}}")
# ASCII's letters and figures in small, blanks for the rest of it; the bytes of other characters.
_PLAIN = bytes(
    code if code > 127 else ord(chr(code).lower()) if chr(code).isalnum() else ord(" ")
    for code in range(256)
)
# Accents of Latin, Greek and Cyrillic; Arabic vowels and lengthener; Hebrew points.
_POINTS = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640\u0591-\u05bd\u05bf-\u05c7]+")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3041-\u30fa\u30fc-\u312f\u31f0-\u31ff"  # kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\uac00-\ud7af"  # Korean syllables
)
# Without the numbers in circles and with stops among them, which are parts of words.
_EMOJI = (
    "\u203c\u2049\u2190-\u21ff\u231a-\u23ff\u25a0-\u2775\u2794-\u27bf\u2b00-\u2bff"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001faff"
)


class Words(NamedTuple):
    """What is indexed of one post: its words in reading order, and its marks; blanks between.

    Texts and not lists: a page's worth of lists costs more than all that is done with them.
    """

    body: str
    marks: str


def words_of(
    text: str, hashtags: Collection[str], mentions: Collection[str], user_id: int, lang: str
) -> Words:
    """All that one post is found by. `user_id` is our own number of its account."""
    marks = _account_and_language(user_id, lang)
    if hashtags or mentions:
        marks = " ".join(
            [marks, *filter(None, [*map(tag_mark, hashtags), *map(mention_mark, mentions)])]
        )
    return Words(_body(text), marks)


@lru_cache(maxsize=4096)  # those of a page's posts are mostly the same
def _account_and_language(user_id: int, lang: str) -> str:
    return f"{account_mark(user_id)} {language_mark(lang)}".strip()


def body_words(text: str) -> list[str]:
    """The words of a text as they are indexed, in order."""
    return _body(text).split()


def _body(text: str) -> str:
    if "://" in text:
        text = _ADDRESS.sub(" ", text)
    plain = text.encode("utf-8", "surrogatepass").translate(_PLAIN).decode("utf-8", "surrogatepass")
    if not plain.isascii():
        plain = " ".join([part if part.isascii() else _foreign(part) for part in plain.split()])
    return _cut(plain)


def _foreign(part: str) -> str:
    return _words_of_part(part) if len(part) <= MAX_WORD_CHARS else _all_words(part)


def _cut(words: str) -> str:
    """The same without what goes beyond the longest word's end."""
    return _TOO_LONG.sub(lambda match: match[0][:MAX_WORD_CHARS], words)


def _all_words(text: str) -> str:
    """The words of a text of any script. No word and no folding reaches over a blank."""
    words: list[str] = []
    for number, piece in enumerate(_unspaced_runs().split(_folded(text).replace("_", " "))):
        if number % 2:
            words += pairs(piece)
            words.append(piece[-1])  # so that one character finds it by its beginning
        elif piece:
            words += _spaced_words().findall(piece)
    return " ".join(words)


# Most words of a text are those of the texts before it.
_words_of_part = lru_cache(maxsize=2048)(_all_words)


def query_words(text: str) -> list[str]:
    """The words that a typed word or phrase has to match, in order.

    The last character of an unspaced run is left out where the run ends the query: the text may
    go on there. A run of one character is meant as the beginning of a pair (`is_beginning`).
    """
    words = body_words(text)
    pieces = _unspaced_runs().split(_folded(text).replace("_", " "))
    if len(pieces) > 1 and len(pieces[-2]) > 1 and not _spaced_words().search(pieces[-1]):
        words.pop()
    return words


def is_beginning(word: str) -> bool:
    """Whether this query word stands for every indexed word that begins with it."""
    return len(word) == 1 and bool(_unspaced_runs().fullmatch(word))


def pairs(run: str) -> list[str]:
    """Each character with its neighbour: 東京都 gives 東京 and 京都."""
    return [run[at : at + 2] for at in range(len(run) - 1)]


def tag_mark(tag: str) -> str:
    """The mark of a hashtag, given with or without its sign; '' where nothing is left of it."""
    return _mark("#", tag)


def mention_mark(name: str) -> str:
    """The mark of a mentioned name, given with or without @."""
    return _mark("@", name)


def account_mark(user_id: int) -> str:
    """The mark of the account (our own number) that a post belongs to."""
    return f"=u{user_id}"


def language_mark(lang: str) -> str:
    """The mark of a language code; '' where nothing is left of it."""
    return _mark("=l", lang)


@lru_cache(maxsize=4096)
def _mark(sign: str, text: str) -> str:
    kept = "".join(_mark_characters().findall(_folded(text)))
    return sign + kept[:MAX_WORD_CHARS] if kept else ""


def _folded(text: str) -> str:
    """Compatibility forms, capitals and points levelled; what is left is in composed form."""
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", _POINTS.sub("", spread))


@cache
def _combining() -> str:
    """Vowel signs and the like that are part of words, as in Hindi or Tamil; `\\w` lacks them."""
    return "".join(
        chr(code)
        for code in range(0x0300, 0x1C000)
        if unicodedata.category(chr(code)) in ("Mn", "Mc")
        and not 0xFE00 <= code <= 0xFE0F  # variation selectors only choose how an emoji looks
    )


@cache
def _spaced_words() -> re.Pattern[str]:
    """Words and emoji of a text without unspaced scripts."""
    return re.compile(rf"[\w{_combining()}]+|[{_EMOJI}]")


@cache
def _unspaced_runs() -> re.Pattern[str]:
    """Parts a text into what is not unspaced and, between, what is."""
    return re.compile(f"([{_UNSPACED}]+)")


@cache
def _mark_characters() -> re.Pattern[str]:
    return re.compile(rf"[\w{_combining()}{_EMOJI}]+")
