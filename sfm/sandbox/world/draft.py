"""Text with its entities: pieces go in, text and code-point offsets come out.

X's text holds `&amp;`, `&lt;` and `&gt;`, and every offset counts code points of that escaped text.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Entities = dict[str, list[dict[str, Any]]]


class DraftText(NamedTuple):
    """A text and what it names, as X's v2 `entities` have it."""

    text: str
    entities: Entities


class PostDraft:
    """A text being written."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._entities: Entities = {}
        self.length = 0

    @classmethod
    def after(cls, written: DraftText) -> PostDraft:
        """A draft that goes on where a text ends."""
        draft = cls()
        draft._parts.append(written.text)
        draft._entities = {kind: list(marks) for kind, marks in written.entities.items()}
        draft.length = len(written.text)
        return draft

    def say(self, words: str) -> PostDraft:
        """Plain words; the three signs that X escapes are escaped here."""
        if "&" in words or "<" in words or ">" in words:
            words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        self._put(words)
        return self

    def hashtag(self, tag: str) -> PostDraft:
        """`#tag`."""
        return self._mark("hashtags", f"#{tag}", {"tag": tag})

    def cashtag(self, tag: str) -> PostDraft:
        """`$TAG`."""
        return self._mark("cashtags", f"${tag}", {"tag": tag})

    def mention(self, username: str, uid: int | None) -> PostDraft:
        """`@username`; no id where the account is gone."""
        fields: dict[str, Any] = {"username": username}
        if uid is not None:
            fields["id"] = str(uid)
        return self._mark("mentions", f"@{username}", fields)

    def link(self, code: str, expanded: str, display: str, **more: Any) -> PostDraft:
        """A shortened link and where it leads."""
        url = f"https://t.co/{code}"
        fields = {"url": url, "expanded_url": expanded, "display_url": display, **more}
        return self._mark("urls", url, fields)

    def same_link(self, **more: Any) -> PostDraft:
        """The last link once more, for the next medium behind it."""
        self._entities["urls"].append({**self._entities["urls"][-1], **more})
        return self

    def annotated(self, words: str, kind: str, probability: float) -> PostDraft:
        """Words that X took for a person, place or thing. Their `end` is inclusive."""
        start = self.length
        self.say(words)
        fields = {"probability": probability, "type": kind, "normalized_text": words}
        mark = {"start": start, "end": self.length - 1, **fields}
        self._entities.setdefault("annotations", []).append(mark)
        return self

    def done(self) -> DraftText:
        """The whole text with its entities."""
        return DraftText("".join(self._parts), self._entities)

    def _mark(self, kind: str, words: str, fields: dict[str, Any]) -> PostDraft:
        start = self.length
        self._put(words)
        self._entities.setdefault(kind, []).append({"start": start, "end": self.length, **fields})
        return self

    def _put(self, words: str) -> None:
        self._parts.append(words)
        self.length += len(words)


def shifted(entities: Entities, by: int, until: int) -> Entities:
    """The entities that end at or before `until` once all stand `by` code points further on."""
    kept: Entities = {}
    for kind, marks in entities.items():
        limit = until - 1 if kind == "annotations" else until
        moved = [
            {**mark, "start": mark["start"] + by, "end": mark["end"] + by}
            for mark in marks
            if mark["end"] + by <= limit
        ]
        if moved:
            kept[kind] = moved
    return kept


def cut_point(text: str, limit: int) -> int:
    """Where to cut so that no more than `limit` stay and no `&amp;` is torn."""
    ampersand = text.rfind("&", max(0, limit - 5), limit)
    if ampersand >= 0 and ";" not in text[ampersand:limit]:
        return ampersand
    return limit


def retweet_of(username: str, uid: int, original: DraftText) -> DraftText:
    """`RT @name: …` cut to 140 as X does, with only the entities that are left whole."""
    draft = PostDraft().say("RT ").mention(username, uid).say(": ")
    head = draft.done()
    text = head.text + original.text
    until = len(text)
    if until > 140:
        until = cut_point(text, 139)
        text = text[:until] + "…"
    entities: Entities = {kind: list(marks) for kind, marks in head.entities.items()}
    for kind, marks in shifted(original.entities, len(head.text), until).items():
        entities.setdefault(kind, []).extend(marks)
    return DraftText(text, entities)


def short_form(long: DraftText, code: str, post_id: int) -> DraftText:
    """What the `text` of a long post shows: its beginning, an ellipsis and a link to the whole."""
    until = cut_point(long.text, 250)
    blank = long.text.rfind(" ", 200, until)
    until = blank if blank > 0 else until
    entities = shifted(long.entities, 0, until)
    text = long.text[:until] + "… "
    url = f"https://t.co/{code}"
    self_link = {
        "start": len(text),
        "end": len(text) + len(url),
        "url": url,
        "expanded_url": f"https://x.com/i/web/status/{post_id}",
        "display_url": "x.com/i/web/status/1…",
    }
    entities.setdefault("urls", []).append(self_link)
    return DraftText(text + url, entities)
