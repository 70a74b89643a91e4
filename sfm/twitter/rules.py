"""Words, people and places of a filter as the rules of X's filter stream. Pure.

Source: X, "Operators" and "Build a rule" (filter stream, v2); X API v1.1 "Standard stream
parameters" for what track, follow and locations meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.networks.rules import Box, Phrase, Rule
from sfm.twitter.boxes import tiles

STREAM_LIMIT = 1024  # characters of one rule of a self-serve app
SEARCH_LIMIT = 512  # characters of one query of recent search
MAX_RULES = 1000  # of one self-serve app
_MARGIN = 0.95  # X does not say how it counts emoji and the scripts of East Asia

_PIECES = re.compile(r'"([^"]*)"|([^\s"]+)')
_ENTITY = re.compile(r"[#＃@＠$]\w+")
_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,24}(?:/[^\s\"]*)?", re.IGNORECASE)
_RESERVED = frozenset({"or", "and", "not"})
_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")


def parse_words(text: str) -> tuple[Phrase, ...]:
    """What was typed as words: commas mean OR, blanks AND, line breaks are blanks.

    Each phrase is a tuple of terms as X takes them: quoted where they hold more than letters and
    digits. "Words in quotes" have to follow each other. Raises WrongInput.
    """
    phrases = [_phrase(part) for part in _split_at_commas(" ".join(text.split()))]
    return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))


def parse_people(text: str) -> tuple[str, ...]:
    """Account names, with commas between, @ dropped. Raises WrongInput for blanks inside one."""
    names = []
    for part in " ".join(text.split()).split(","):
        name = part.strip().removeprefix("@").strip()
        if " " in name:
            raise WrongInput(
                Message(
                    "“%(name)s”: a name has no blanks. Put a comma between two names.", name=name
                )
            )
        if name and not _NAME.fullmatch(name):
            raise WrongInput(
                Message(
                    "“%(name)s” cannot be a name: it has 1 to 15 letters, digits or underscores.",
                    name=name,
                )
            )
        if name:
            names.append(name)
    unique = {name.lower(): name for name in reversed(names)}
    return tuple(reversed(unique.values()))


def build_rules(
    words: Iterable[Phrase] = (),
    uids: Iterable[int] = (),
    boxes: Iterable[Box] = (),
    *,
    suffix: str = "",
    limit: int = STREAM_LIMIT,
) -> tuple[Rule, ...]:
    """The rules that together match any of these, each within the limit of characters.

    People: their tweets, retweets and replies, replies to them and retweets of them.
    `suffix` (such as "lang:en -is:retweet") narrows every rule. Raises WrongInput where a phrase
    is too long or a box too large.
    """
    budget = int(limit * _MARGIN) - (len(suffix) + 3 if suffix else 0)
    atoms = [_term_group(phrase) for phrase in words]
    atoms += [f"from:{uid} OR to:{uid} OR retweets_of:{uid}" for uid in uids]
    atoms += [_box_rule(tile) for tile in tiles(boxes)]
    values = (
        f"({packed}) {suffix}" if suffix else packed
        for packed in _pack(dict.fromkeys(atoms), budget)
    )
    return tuple(Rule(value) for value in values)


def _pack(atoms: Iterable[str], budget: int) -> Iterator[str]:
    """Atoms joined by OR, as many as fit, in the order given."""
    packed = ""
    for atom in atoms:
        if len(atom) > budget:
            raise WrongInput(
                Message(
                    "“%(atom)s…” is too long: a rule takes %(budget)s characters. Shorten it.",
                    atom=atom[:60],
                    budget=budget,
                )
            )
        joined = f"{packed} OR {atom}" if packed else atom
        if len(joined) > budget:
            yield packed
            joined = atom
        packed = joined
    if packed:
        yield packed


def _box_rule(box: Box) -> str:
    numbers = " ".join(f"{number:.5f}".rstrip("0").rstrip(".") for number in box.numbers)
    return f"bounding_box:[{numbers}]"


def _split_at_commas(text: str) -> Iterator[str]:
    """The parts between commas; a comma in quotes is none."""
    at, quoted = 0, False
    for place, sign in enumerate(text):
        quoted ^= sign == '"'
        if sign == "," and not quoted:
            yield text[at:place]
            at = place + 1
    if quoted:
        raise WrongInput(Message("A quotation mark is missing: they come in pairs."))
    yield text[at:]


def _phrase(part: str) -> Phrase:
    terms = []
    for quoted, plain in _PIECES.findall(part):
        text = (quoted or plain).replace("\\", "").strip()
        if text:
            terms.append(_quote(text) if quoted else _term(text))
    return tuple(dict.fromkeys(terms))


def _term(text: str) -> str:
    if text.startswith("-") and len(text) > 1:
        raise WrongInput(
            Message(
                "“%(text)s”: a filter cannot leave words out. Collect more, and leave out later.",
                text=text,
            )
        )
    if _ENTITY.fullmatch(text):
        return text.replace("＃", "#").replace("＠", "@")
    if _DOMAIN.fullmatch(text):
        return f'url:"{text}"'
    plain = all(_is_plain(sign) for sign in text)
    return text if plain and text.lower() not in _RESERVED else _quote(text)


def _quote(text: str) -> str:
    if not any(_is_plain(sign) for sign in text):
        raise WrongInput(
            Message(
                "“%(text)s” holds neither letters nor digits, so nothing can match it.", text=text
            )
        )
    return f'"{text}"'


def _is_plain(sign: str) -> bool:
    """Letters, marks, digits, emoji and what joins them; anything else X wants in quotes."""
    kind = unicodedata.category(sign)
    return kind[0] in "LMN" or sign == "_" or kind in ("So", "Sk", "Cf")


def _term_group(phrase: Phrase) -> str:
    return phrase[0] if len(phrase) == 1 else f"({' '.join(phrase)})"
