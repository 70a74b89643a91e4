"""A query or rule as a tree, or the faults that keep it from being one, each with its position."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sfm.sandbox.query.language import ALIASES, OPERATORS

_NEAR = re.compile(r"~(\d+)")
_WORD_END = re.compile(r"[\s()\"]")
_OPERATOR = re.compile(r"([A-Za-z_]+):")
_MAX_DEPTH = 50


@dataclass(frozen=True)
class QueryTerm:
    """One condition: word, phrase, near, hashtag, mention, cashtag, or an operator by its name."""

    kind: str
    value: str
    position: int
    negated: bool = False
    distance: int = 0


@dataclass(frozen=True)
class Both:
    """All of these (AND)."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """One of these at least (OR)."""

    parts: tuple[Node, ...]


Node = QueryTerm | Both | Either


class QueryError(ValueError):
    """The text is no query. `details` are sentences that end in `(at position N)`."""

    def __init__(self, details: list[str]) -> None:
        super().__init__("; ".join(details))
        self.details = details


def parse(text: str, *, stream: bool, longest: int) -> Node:
    """The tree of a query (or, with stream, of a rule). Raises QueryError."""
    if len(text) > longest:
        raise QueryError([f"longer than {longest} characters, {len(text)} (at position {longest})"])
    node = _Reader(text, stream).whole()
    if not _anchored(node):
        raise QueryError(
            ["it must contain a positive term that can stand on its own (at position 1)"]
        )
    return node


def _anchored(node: Node) -> bool:
    if isinstance(node, Both):
        return any(map(_anchored, node.parts))
    if isinstance(node, Either):
        return all(map(_anchored, node.parts))
    if node.negated:
        return False
    operator = OPERATORS.get(node.kind)
    return operator.alone if operator else True


class _Reader:
    """Goes through the text once, from left to right."""

    def __init__(self, text: str, stream: bool) -> None:
        self.text = text
        self.at = 0
        self.stream = stream
        self.depth = 0

    def whole(self) -> Node:
        node = self.either()
        if self.at < len(self.text):
            raise self.wrong(f"unexpected '{self.text[self.at]}'")
        return node

    def either(self) -> Node:
        parts = [self.both()]
        while self.word_here("OR"):
            self.at += 2
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self) -> Node:
        parts: list[Node] = []
        while self.skip_blanks() and self.text[self.at] != ")" and not self.word_here("OR"):
            parts.append(self.one())
        if not parts:
            raise self.wrong("a term is missing")
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def one(self) -> Node:
        negated = self.text[self.at] == "-"
        self.at += negated
        if self.at >= len(self.text) or self.text[self.at].isspace():
            raise self.wrong("'-' must stand right before a term")
        if self.text[self.at] != "(":
            return self.term(negated)
        if negated:
            raise self.wrong("a group cannot be negated; negate each of its terms")
        return self.group()

    def group(self) -> Node:
        opened = self.at
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.wrong("groups are nested too deeply")
        self.at += 1
        node = self.either()
        if self.at >= len(self.text):
            raise QueryError([f"'(' is never closed (at position {opened + 1})"])
        self.at += 1
        self.depth -= 1
        return node

    def term(self, negated: bool) -> QueryTerm:
        start = self.at
        match = _OPERATOR.match(self.text, self.at)
        if match:
            return self.operator(match, negated)
        sign = self.text[self.at]
        if sign == '"':
            return self.quoted(negated)
        if sign == ")":
            raise self.wrong("unexpected ')'")
        word = self.bare_word()
        kinds = {"#": "hashtag", "@": "mention", "$": "cashtag"}
        if sign in kinds and len(word) > 1:
            return QueryTerm(kinds[sign], word[1:], start + 1, negated)
        self.check_word(word, start, negated)
        return QueryTerm("word", word, start + 1, negated)

    def check_word(self, word: str, start: int, negated: bool) -> None:
        """Raises QueryError for a word that X wants in quotes or cannot look for."""
        if word in ("AND", "and") and not negated:
            raise self.wrong("AND is written as a blank; quote the word to look for it", start)
        bad = re.search(r"[^\w'’]", word) if word[0].isascii() else None
        if bad and word[0].isalnum():
            raise self.wrong(f"'{word}' has punctuation and must be in double quotes", start)
        if not any(sign.isalnum() or ord(sign) > 127 for sign in word):
            raise self.wrong(f"'{word}' holds nothing to look for", start)

    def operator(self, match: re.Match[str], negated: bool) -> QueryTerm:
        start = self.at
        name = match[1].lower()
        name = ALIASES.get(name, name)
        operator = OPERATORS.get(name)
        if operator is None or not (operator.stream if self.stream else operator.search):
            raise self.wrong(f"there is no operator '{match[1]}:' here", start)
        self.at = match.end()
        value = self.value()
        problem = operator.check(value) if value else "a value is missing"
        if problem:
            raise self.wrong(f"{name}: {problem}", start)
        return QueryTerm(name, value, start + 1, negated)

    def value(self) -> str:
        opening = self.text[self.at : self.at + 1]
        if opening in ('"', "["):
            closing = '"' if opening == '"' else "]"
            end = self.text.find(closing, self.at + 1)
            if end < 0:
                raise self.wrong(f"'{opening}' is never closed")
            raw = self.text[self.at : end + 1]
            self.at = end + 1
            return raw.strip('"') if opening == '"' else raw
        return self.bare_word()

    def quoted(self, negated: bool) -> QueryTerm:
        start = self.at
        phrase = self.value()
        if not phrase.strip():
            raise self.wrong("the quotes are empty", start)
        near = _NEAR.match(self.text, self.at)
        if not near:
            return QueryTerm("phrase", phrase, start + 1, negated)
        self.at = near.end()
        if not 1 <= int(near[1]) <= 6:
            raise self.wrong("the distance after ~ is from 1 to 6", start)
        return QueryTerm("near", phrase, start + 1, negated, int(near[1]))

    def bare_word(self) -> str:
        end = _WORD_END.search(self.text, self.at)
        stop = end.start() if end else len(self.text)
        word = self.text[self.at : stop]
        self.at = stop
        return word

    def skip_blanks(self) -> bool:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text)

    def word_here(self, word: str) -> bool:
        self.skip_blanks()
        after = self.text[self.at + len(word) : self.at + len(word) + 1]
        return self.text.startswith(word, self.at) and (not after or not after.isalnum())

    def wrong(self, sentence: str, at: int | None = None) -> QueryError:
        position = (self.at if at is None else at) + 1
        return QueryError([f"{sentence} (at position {position})"])
