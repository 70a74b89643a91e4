"""Whether a post meets a query. Operators mean what X's pages say they mean."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, hypot, radians

from sfm.sandbox.query.language import BOX, RADIUS, radius_km
from sfm.sandbox.query.parse import Both, Either, Node, QueryTerm
from sfm.sandbox.query.subject import MatchSubject, folded, tokens
from sfm.sandbox.requested_fields import read_fields
from sfm.sandbox.shapes import PostView, post_metrics, user_metrics
from sfm.sandbox.world.dice import mix
from sfm.sandbox.world.people import Person

Test = Callable[[MatchSubject], bool]

# Kinds of terms that depend on nothing but the words of a post.
_WORDS_ONLY = frozenset(("word", "phrase", "near", "hashtag", "cashtag", "lang"))


class ParsedQuery:
    """A tree made ready to be asked about many posts."""

    def __init__(self, node: Node, *, stream: bool) -> None:
        self.stream = stream
        self.words_only = _words_only(node)
        self.meets: Test = _compiled(node, stream)


def _words_only(node: Node) -> bool:
    if isinstance(node, QueryTerm):
        return node.kind in _WORDS_ONLY
    return all(map(_words_only, node.parts))


def _compiled(node: Node, stream: bool) -> Test:
    if isinstance(node, Both):
        tests = [_compiled(part, stream) for part in node.parts]
        return lambda subject: all(test(subject) for test in tests)
    if isinstance(node, Either):
        tests = [_compiled(part, stream) for part in node.parts]
        return lambda subject: any(test(subject) for test in tests)
    test = _TERMS[node.kind](node, stream)
    if node.negated:
        return lambda subject: not test(subject)
    return test


# Words --------------------------------------------------------------------------------------


def _word(term: QueryTerm, stream: bool) -> Test:
    word = folded(term.value, strict=stream)
    pieces = tokens(word)
    if len(pieces) == 1 and pieces[0] == word:
        return lambda subject: word in subject.token_set
    return lambda subject: word in subject.text  # an emoji, or a word with an apostrophe


def _phrase(term: QueryTerm, stream: bool) -> Test:
    phrase = folded(term.value.strip(), strict=stream)

    def test(subject: MatchSubject) -> bool:
        text, at = subject.text, -1
        while (at := text.find(phrase, at + 1)) >= 0:
            before, after = text[at - 1 : at] if at else "", text[at + len(phrase) :][:1]
            starts_word, ends_word = phrase[0].isalnum(), phrase[-1].isalnum()
            if not (starts_word and before.isalnum()) and not (ends_word and after.isalnum()):
                return True
        return False

    return test


def _near(term: QueryTerm, stream: bool) -> Test:
    words_near = tokens(folded(term.value, strict=stream))
    reach = len(words_near) + term.distance

    def test(subject: MatchSubject) -> bool:
        words = subject.tokens
        return any(
            set(words_near) <= set(words[at : at + reach])
            for at, word in enumerate(words)
            if word in words_near
        )

    return test


def _mark(kind: str, name: str) -> Callable[[QueryTerm, bool], Test]:
    def build(term: QueryTerm, _: bool) -> Test:
        term_value = folded(term.value, strict=True)
        return lambda subject: term_value in subject.marks(kind, name)

    return build


def _mention(term: QueryTerm, _: bool) -> Test:
    name = term.value.casefold()
    by_name, by_id = _mark("mentions", "username")(term, True), name.isdecimal()
    if not by_id:
        return by_name
    return lambda subject: (
        by_name(subject)
        or any(
            mark.get("id") == name
            for written in subject.writings
            for mark in written.entities.get("mentions", [])
        )
    )


# People -------------------------------------------------------------------------------------


def _is_person(person: Person | None, value: str) -> bool:
    return person is not None and value in (person.username.casefold(), str(person.uid))


def _from(term: QueryTerm, _: bool) -> Test:
    name = term.value.casefold()
    return lambda subject: _is_person(subject.author, name)


def _to(term: QueryTerm, _: bool) -> Test:
    name = term.value.casefold()

    def test(subject: MatchSubject) -> bool:
        uid = subject.post.reply_to_user
        return uid is not None and _is_person(subject.world.person(uid), name)

    return test


def _retweets_of(term: QueryTerm, _: bool) -> Test:
    name = term.value.casefold()

    def test(subject: MatchSubject) -> bool:
        original_id = subject.refers_to("retweeted")
        original = subject.world.post(original_id) if original_id else None
        return original is not None and _is_person(subject.world.person(original.author), name)

    return test


def _profile(read: Callable[[Person], str]) -> Callable[[QueryTerm, bool], Test]:
    def build(term: QueryTerm, _: bool) -> Test:
        term_value = tokens(folded(term.value, strict=False))

        def test(subject: MatchSubject) -> bool:
            person = subject.author
            words = tokens(folded(read(person), strict=False)) if person else []
            return _holds(words, term_value)

        return test

    return build


def _holds(words: list[str], phrase: list[str]) -> bool:
    """Whether the wanted words stand there one after another."""
    size = len(phrase)
    return bool(phrase) and any(
        words[at : at + size] == phrase for at in range(len(words) - size + 1)
    )


def _size(name: str) -> Callable[[QueryTerm, bool], Test]:
    def build(term: QueryTerm, _: bool) -> Test:
        low, _dots, high = term.value.partition("..")
        lowest, highest = int(low), int(high) if high else None

        def test(subject: MatchSubject) -> bool:
            if subject.author is None:
                return False
            size = int(user_metrics(_view(subject), subject.author)[name])
            return size >= lowest and (highest is None or size <= highest)

        return test

    return build


# Links, things, places ----------------------------------------------------------------------


def _url(term: QueryTerm, _: bool) -> Test:
    parts = tokens(term.value.casefold())
    return lambda subject: any(_holds(tokens(link), parts) for link in subject.links)


def _url_contains(term: QueryTerm, _: bool) -> Test:
    part = term.value.casefold()
    return lambda subject: any(part in link for link in subject.links)


def _entity(term: QueryTerm, _: bool) -> Test:
    entity = term.value.casefold()
    return lambda subject: entity in subject.marks("annotations", "normalized_text")


def _reference(kind: str) -> Callable[[QueryTerm, bool], Test]:
    def build(term: QueryTerm, _: bool) -> Test:
        term_value = int(term.value)
        return lambda subject: subject.refers_to(kind) == term_value

    return build


def _conversation(term: QueryTerm, _: bool) -> Test:
    conversation = int(term.value)
    return lambda subject: subject.post.conversation == conversation


def _place(term: QueryTerm, _: bool) -> Test:
    place = term.value.casefold()
    return lambda subject: (
        subject.place is not None
        and place
        in (
            subject.place.id,
            subject.place.name.casefold(),
            subject.place.full_name.casefold(),
        )
    )


def _country(term: QueryTerm, _: bool) -> Test:
    country = term.value.upper()
    return lambda subject: subject.place is not None and subject.place.country_code == country


def _in_box(term: QueryTerm, _: bool) -> Test:
    match = BOX.match(term.value)
    west, south, east, north = map(float, match.groups()) if match else (0, 0, 0, 0)

    def inside(longitude: float, latitude: float) -> bool:
        return west <= longitude <= east and south <= latitude <= north

    return _within(inside)


def _in_circle(term: QueryTerm, _: bool) -> Test:
    match = RADIUS.match(term.value)
    if not match:
        return lambda _: False
    longitude, latitude, reach = float(match[1]), float(match[2]), radius_km(match)

    def inside(other_longitude: float, other_latitude: float) -> bool:
        east = (other_longitude - longitude) * 111.32 * cos(radians(latitude))
        return hypot(east, (other_latitude - latitude) * 110.57) <= reach

    return _within(inside)


def _within(inside: Callable[[float, float], bool]) -> Test:
    """The exact point lies inside, or else the place's box does, whole. Retweets never match."""

    def test(subject: MatchSubject) -> bool:
        if subject.post.kind == "retweeted":
            return False
        if subject.post.point:
            return inside(*subject.post.point)
        if subject.place is None:
            return False
        west, south, east, north = subject.place.box
        corners = ((west, south), (west, north), (east, south), (east, north))
        return all(inside(*corner) for corner in corners)

    return test


# Kinds --------------------------------------------------------------------------------------


def _view(subject: MatchSubject) -> PostView:
    return PostView(subject.world, read_fields({}), subject.world.clock.now_ms())


def _is(term: QueryTerm, _: bool) -> Test:
    kinds: dict[str, Test] = {
        "retweet": lambda subject: subject.post.kind == "retweeted",
        "reply": lambda subject: subject.post.reply_to_user is not None,
        "quote": lambda subject: subject.refers_to("quoted") is not None,
        "verified": lambda subject: (
            subject.author is not None and subject.author.role.verified != "none"
        ),
        "nullcast": lambda _: False,
    }
    return kinds[term.value.lower()]


def _has(term: QueryTerm, _: bool) -> Test:
    kinds: dict[str, Test] = {
        "hashtags": lambda subject: bool(subject.marks("hashtags", "tag")),
        "cashtags": lambda subject: bool(subject.marks("cashtags", "tag")),
        "mentions": lambda subject: bool(subject.marks("mentions", "username")),
        "links": lambda subject: bool(subject.links),
        "media": lambda subject: bool(subject.post.media),
        "images": lambda subject: any(m.kind == "photo" for m in subject.post.media),
        "videos": lambda subject: any(m.kind == "video" for m in subject.post.media),
        "video_link": lambda subject: any(m.kind == "video" for m in subject.post.media),
        "geo": lambda subject: subject.post.place is not None and subject.post.kind != "retweeted",
    }
    return kinds[term.value.lower()]


def _lang(term: QueryTerm, _: bool) -> Test:
    lang = term.value.lower()
    return lambda subject: subject.post.lang == lang


def _sample(term: QueryTerm, _: bool) -> Test:
    percent = int(term.value)
    return lambda subject: mix(subject.post.id) % 100 < percent


def _liked(name: str) -> Callable[[QueryTerm, bool], Test]:
    def build(term: QueryTerm, _: bool) -> Test:
        least = int(term.value)
        return lambda subject: post_metrics(_view(subject), subject.post)[name] >= least

    return build


def _never(_: QueryTerm, __: bool) -> Test:
    """For what nobody in the sandbox has: affiliates, contexts, titles of pages, sources."""
    return lambda _: False


_TERMS: dict[str, Callable[[QueryTerm, bool], Test]] = {
    "word": _word,
    "phrase": _phrase,
    "near": _near,
    "hashtag": _mark("hashtags", "tag"),
    "cashtag": _mark("cashtags", "tag"),
    "mention": _mention,
    "from": _from,
    "to": _to,
    "retweets_of": _retweets_of,
    "from_affiliate_of": _never,
    "to_affiliate_of": _never,
    "url": _url,
    "url_contains": _url_contains,
    "url_title": _never,
    "url_description": _never,
    "context": _never,
    "entity": _entity,
    "conversation_id": _conversation,
    "bio": _profile(lambda person: person.description),
    "bio_name": _profile(lambda person: person.name),
    "bio_location": _profile(lambda person: person.role.place),
    "place": _place,
    "place_country": _country,
    "point_radius": _in_circle,
    "bounding_box": _in_box,
    "is": _is,
    "has": _has,
    "lang": _lang,
    "sample": _sample,
    "min_followers": _size("followers_count"),
    "followers_count": _size("followers_count"),
    "tweets_count": _size("tweet_count"),
    "following_count": _size("following_count"),
    "listed_count": _size("listed_count"),
    "in_reply_to_tweet_id": _reference("replied_to"),
    "retweets_of_tweet_id": _reference("retweeted"),
    "quotes_of_tweet_id": _reference("quoted"),
    "source": _never,
    "min_likes": _liked("like_count"),
    "min_replies": _liked("reply_count"),
    "min_reposts": _liked("retweet_count"),
}
