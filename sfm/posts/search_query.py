"""What a reader types into the search box, parsed, and written as an FTS5 query or a tsquery. Pure.

flood harbour           both words          flood OR harbour    one of them
"city hall"             next to each other  flood -river        not this one
flood*                  begins with         (a OR b) c          in groups
#flood   @city_hall     hashtag, mention    from:city_hall      by this account
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.posts.tokenizer import is_beginning, mention_mark, query_words, tag_mark

MAX_QUERY_CHARS = 1000  # characters
MAX_TERMS = 60
MIN_PREFIX_CHARS = 2  # letters before a *

_TOKENS = re.compile(r'(-?)"([^"]*)("?)|(-?\(|\))|([^\s()"]+?(?=-?\(|[\s)"]|$))')
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "＂": '"'})


@dataclass(frozen=True)
class SearchTerm:
    """Words next to each other; the last may stand for all that begin with it."""

    words: tuple[str, ...]
    beginning: bool = False


@dataclass(frozen=True)
class AllOf:
    """Everything in `parts`, and nothing in `without`."""

    parts: tuple[Node, ...]
    without: tuple[Node, ...] = ()


@dataclass(frozen=True)
class OneOf:
    """At least one of the parts."""

    parts: tuple[Node, ...]


Node = SearchTerm | AllOf | OneOf


@dataclass(frozen=True)
class SearchQuery:
    """What was typed: what the text must hold (None: anything), and by whom, lower case."""

    node: Node | None = None
    by: tuple[str, ...] = ()
    not_by: tuple[str, ...] = ()


def parse(text: str) -> SearchQuery:
    """The meaning of a typed search. Raises WrongInput with what to change."""
    if len(text) > MAX_QUERY_CHARS:
        raise WrongInput(
            Message("A search may have %(limit)s characters at most.", limit=f"{MAX_QUERY_CHARS:,}")
        )
    reader = _Reader(_tokens(text))
    node = reader.either(0) if reader.tokens else None
    if reader.tokens:
        raise WrongInput(Message("There is a closing bracket without an opening one."))
    if node is None and text.strip() and not (reader.by or reader.not_by):
        raise WrongInput(Message("There is no word in this search. Type one to look for."))
    return SearchQuery(node, tuple(reader.by), tuple(reader.not_by))


def with_marks(node: Node | None, groups: Sequence[Sequence[str]]) -> Node | None:
    """The same, and of each group of marks one."""
    parts = [OneOf(tuple(SearchTerm((mark,)) for mark in marks)) for marks in groups if marks]
    if not parts:
        return node
    return AllOf((*parts, node) if node else tuple(parts))


def to_fts5(node: Node) -> str:
    """An FTS5 query. Words hold letters, digits and signs of marks only, so nothing breaks out."""
    if isinstance(node, SearchTerm):
        return '"' + " ".join(node.words) + ('" *' if node.beginning else '"')
    if isinstance(node, OneOf):
        return "(" + " OR ".join(map(to_fts5, node.parts)) + ")"
    every = "(" + " AND ".join(map(to_fts5, node.parts)) + ")"
    if not node.without:
        return every
    return f"({every} NOT ({' OR '.join(map(to_fts5, node.without))}))"


def to_tsquery(node: Node) -> str:
    """A tsquery as text, of words in quotes."""
    if isinstance(node, SearchTerm):
        words = [f"'{word}'" for word in node.words]
        return "(" + " <-> ".join(words) + (":*)" if node.beginning else ")")
    if isinstance(node, OneOf):
        return "(" + " | ".join(map(to_tsquery, node.parts)) + ")"
    parts = [to_tsquery(part) for part in node.parts]
    parts += ["!" + to_tsquery(part) for part in node.without]
    return "(" + " & ".join(parts) + ")"


@dataclass(frozen=True)
class _Token:
    kind: str  # word, phrase, open, close, or
    text: str = ""
    minus: bool = False


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    for minus, phrase, end, bracket, word in _TOKENS.findall(text.translate(_QUOTES)):
        if bracket:
            tokens.append(_Token("close" if bracket == ")" else "open", minus=bracket == "-("))
        elif word:
            tokens += _word(word)
        elif not end:
            raise WrongInput(
                Message("A quotation mark is missing: put one before and one after the words.")
            )
        else:
            tokens.append(_Token("phrase", phrase, minus=bool(minus)))
    return tokens


def _word(word: str) -> list[_Token]:
    if word in ("OR", "|"):
        return [_Token("or")]
    if word in ("AND", "&", "-", "+"):
        return []
    minus = word.startswith("-")
    return [_Token("word", word.lstrip("-+"), minus)]


class _Reader:
    """Reads tokens from the left: alternatives of groups of terms."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens[::-1]
        self.terms = 0
        self.by: list[str] = []
        self.not_by: list[str] = []

    def either(self, depth: int) -> Node | None:
        """Groups with OR between them."""
        parts = [self._group(depth)]
        while self.tokens and self.tokens[-1].kind == "or":
            self.tokens.pop()
            parts.append(self._group(depth))
        if len(parts) == 1:
            return parts[0]
        alternatives = [part for part in parts if part is not None]
        if len(alternatives) < len(parts):
            raise WrongInput(Message("OR needs a word on both sides."))
        return OneOf(tuple(alternatives))

    def _group(self, depth: int) -> Node | None:
        parts: list[Node] = []
        without: list[Node] = []
        while self.tokens and self.tokens[-1].kind not in ("or", "close"):
            token = self.tokens.pop()
            node = self._bracket(depth) if token.kind == "open" else self._term(token, depth)
            if node is not None:
                (without if token.minus else parts).append(node)
        if without and not parts:
            raise WrongInput(
                Message(
                    "A search cannot be made of words to leave out alone: add a word to look for."
                )
            )
        if len(parts) == 1 and not without:
            return parts[0]
        return AllOf(tuple(parts), tuple(without)) if parts else None

    def _bracket(self, depth: int) -> Node | None:
        if depth > 5:
            raise WrongInput(Message("There are too many brackets inside each other."))
        node = self.either(depth + 1)
        if not self.tokens or self.tokens.pop().kind != "close":
            raise WrongInput(Message("There is an opening bracket without a closing one."))
        return node

    def _term(self, token: _Token, depth: int) -> Node | None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise WrongInput(Message("A search may have %(limit)s words at most.", limit=MAX_TERMS))
        if token.kind == "word" and token.text.lower().startswith("from:"):
            self._from(token, depth)
            return None
        if token.kind == "word" and token.text[:1] in ("#", "@", "＃", "＠"):
            tag = token.text[0] in "#＃"
            mark = tag_mark(token.text[1:]) if tag else mention_mark(token.text[1:])
            return SearchTerm((mark,)) if mark else None
        return self._words(token)

    def _words(self, token: _Token) -> Node | None:
        typed = token.text
        starred = token.kind == "word" and typed.endswith("*")
        words = query_words(typed)
        if not words:
            if "://" in typed:
                raise WrongInput(
                    Message("Addresses are not searched for: type words of the post instead.")
                )
            return None
        beginning = starred or is_beginning(words[-1])
        if starred and len(words[-1]) < MIN_PREFIX_CHARS and not is_beginning(words[-1]):
            raise WrongInput(
                Message("Type at least %(limit)s letters before the *.", limit=MIN_PREFIX_CHARS)
            )
        return SearchTerm(tuple(words), beginning)

    def _from(self, token: _Token, depth: int) -> None:
        name = token.text[5:].lstrip("@").lower()
        if not name:
            raise WrongInput(
                Message("Write the account's name right behind from: such as from:city_hall.")
            )
        if depth or any(other.kind == "or" for other in self.tokens):
            raise WrongInput(
                Message("Put from: at the end, outside of brackets and behind every OR.")
            )
        (self.not_by if token.minus else self.by).append(name)
