"""Words, links, pictures and polls of a scheduled post, made when somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sfm.sandbox.world import phrases
from sfm.sandbox.world.dice import Dice
from sfm.sandbox.world.draft import DraftText, PostDraft, retweet_of, short_form
from sfm.sandbox.world.people import Person, scramble
from sfm.sandbox.world.places import PLACE_IDS, PLACES
from sfm.sandbox.world.posts import Article, WorldMedia, WorldPoll, WorldPost, make_id
from sfm.sandbox.world.slots import Slot, root_of

_BLANK = re.compile(r"\{(\w+)\}")
_MEDIA = (("photo", "3", 60), ("video", "7", 25), ("animated_gif", "16", 15))


@dataclass(frozen=True)
class Voice:
    """Who is writing, about what, and with whom to mention."""

    person: Person
    topic: phrases.Topic
    language: str
    people: list[Person]
    moment_ms: int


def scheduled_post(seed: int, people: list[Person], slot: Slot, moment_ms: int) -> WorldPost:
    """The version of a slot's post that was made at moment_ms."""
    if slot.kind == "retweeted" and slot.target:
        return _retweet(seed, people, slot, moment_ms)
    return _own_words(seed, people, slot, moment_ms)


def _retweet(seed: int, people: list[Person], slot: Slot, moment_ms: int) -> WorldPost:
    target = slot.target
    assert target is not None  # noqa: S101  (a retweet's slot always has its target)
    made = [moment for moment in target.moments if moment <= moment_ms][-1]
    original = scheduled_post(seed, people, target, made)
    post_id = make_id(moment_ms, scramble(slot.person.index))
    name = target.person.username_at(moment_ms)
    return WorldPost(
        id=post_id,
        author=slot.person.uid,
        created_ms=moment_ms,
        written=retweet_of(name, target.person.uid, original.written),
        lang=original.lang,
        chain=(post_id,),
        conversation=post_id,
        references=(("retweeted", original.id),),
        appeal=original.appeal,
    )


def _own_words(seed: int, people: list[Person], slot: Slot, moment_ms: int) -> WorldPost:
    person, role = slot.person, slot.person.role
    dice = Dice(seed, 21, person.index, slot.number)
    post_id = make_id(moment_ms, scramble(person.index))
    voice = _voice(person, people, dice, moment_ms)
    is_long = dice.chance(55 if role.habit == "long" else 4)
    draft = _words(slot, voice, dice, is_long)
    media = () if is_long else _media(dice, role.habit, post_id)
    poll = None if media or is_long else _poll(dice, role.habit, post_id, moment_ms)
    references = _references(draft, slot, dice, moment_ms)
    _link_media(draft, person.username_at(moment_ms), media, post_id)
    full = draft.done()
    place, point = where(dice, 80 if role.habit == "places" else 5)
    replied = slot.target.person.uid if slot.kind == "replied_to" and slot.target else None
    return WorldPost(
        id=post_id,
        author=person.uid,
        created_ms=moment_ms,
        written=short_form(full, dice.code(10), post_id) if is_long else full,
        note=full if is_long else None,
        lang=voice.language if role.habit != "emoji" else "und",
        chain=slot.ids_until(moment_ms),
        conversation=post_id if replied is None else root_of(slot).id_at(moment_ms),
        references=references,
        reply_to_user=replied,
        media=media,
        poll=poll,
        article=_article(Dice(seed, 22, person.index, slot.number), full, post_id, is_long),
        place=place,
        point=point,
        sensitive=dice.chance(1),
        withheld=("DE", "FR") if dice.chance(0.4) else (),
        appeal=dice.skewed(max(2, role.followers // 3)),
    )


def _voice(person: Person, people: list[Person], dice: Dice, moment_ms: int) -> Voice:
    role = person.role
    topic = phrases.TOPICS[dice.pick(role.topics)]
    language = role.language if role.language == "en" or dice.chance(80) else "en"
    return Voice(person, topic, language, people, moment_ms)


def _words(slot: Slot, voice: Voice, dice: Dice, is_long: bool) -> PostDraft:
    draft = PostDraft()
    if slot.kind == "replied_to" and slot.target:
        other = slot.target.person
        draft.mention(other.username_at(voice.moment_ms), other.uid).say(" ")
    _write(draft, voice, dice, "long" if is_long else slot.kind)
    version = slot.moments.index(voice.moment_ms)
    if version:
        draft.say(" (corrected)" if version == 1 else " (corrected twice)")
    return draft


def _references(
    draft: PostDraft, slot: Slot, dice: Dice, moment_ms: int
) -> tuple[tuple[str, int], ...]:
    if slot.kind == "original" or not slot.target:
        return ()
    target_id = slot.target.id_at(moment_ms)
    if slot.kind == "quoted":
        name = slot.target.person.username_at(moment_ms)
        expanded = f"https://x.com/{name}/status/{target_id}"
        draft.say(" ").link(dice.code(10), expanded, f"x.com/{name}/status/…")
    return ((slot.kind, target_id),)


def _write(draft: PostDraft, voice: Voice, dice: Dice, kind: str) -> None:
    habit = voice.person.role.habit
    if habit == "emoji":
        draft.say(" ".join(dice.pick(phrases.EMOJI) for _ in range(dice.between(1, 12))))
    elif kind == "long":
        for _ in range(dice.between(9, 40)):
            fill(draft, dice.pick(phrases.LONG), voice, dice)
    elif voice.language != "en":
        fill(draft, dice.pick(phrases.OTHER_LANGUAGES[voice.language]), voice, dice)
    elif kind == "replied_to":
        fill(draft, dice.pick(phrases.REPLIES), voice, dice)
    elif kind == "quoted":
        fill(draft, dice.pick(phrases.QUOTES), voice, dice)
    else:
        fill(draft, dice.pick(phrases.PLAIN), voice, dice)


def fill(draft: PostDraft, template: str, voice: Voice, dice: Dice) -> None:
    """Write a template with its blanks filled."""
    pieces = _BLANK.split(template)
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            if piece:
                draft.say(piece)
        else:
            _fill_blank(draft, piece, voice, dice)


def _fill_blank(draft: PostDraft, blank: str, voice: Voice, dice: Dice) -> None:
    topic = voice.topic
    if blank in ("tag", "tag2"):
        foreign = phrases.FOREIGN_TAGS.get(voice.language)
        draft.hashtag(dice.pick(foreign if foreign and dice.chance(70) else topic.tags))
    elif blank in ("who", "who2"):
        other = dice.pick(voice.people)
        known = other.state != "deleted"
        draft.mention(other.username_at(voice.moment_ms), other.uid if known else None)
    elif blank == "link":
        host, page = dice.pick(topic.hosts), dice.between(100, 9_999)
        expanded = f"https://{host}/{page}?from=feed&id={page % 97}"
        draft.link(dice.code(10), expanded, f"{host}/{page}…", status=200, unwound_url=expanded)
    elif blank == "where":
        draft.annotated(PLACES[dice.pick(PLACE_IDS)].name, "Place", 0.91)
    elif blank == "cash":
        draft.cashtag(dice.pick(phrases.CASHTAGS))
    else:
        draft.say(_plain_word(blank, topic, dice))


def _plain_word(blank: str, topic: phrases.Topic, dice: Dice) -> str:
    if blank in ("thing", "thing2"):
        return dice.pick(topic.things)
    if blank == "Thing":
        thing = dice.pick(topic.things)
        return thing[0].upper() + thing[1:]
    if blank in ("doing", "doing2"):
        return dice.pick(topic.doings)
    if blank == "emoji":
        return dice.pick(phrases.EMOJI)
    return str(dice.between(2, 1_971))


def _media(dice: Dice, habit: str, post_id: int) -> tuple[WorldMedia, ...]:
    if not dice.chance(85 if habit == "media" else 14):
        return ()
    kind, prefix = _media_kind(dice)
    count = dice.between(1, 4) if kind == "photo" and dice.chance(35) else 1
    return tuple(
        WorldMedia(
            key=f"{prefix}_{post_id + 1 + at}",
            kind=kind,
            code=dice.code(15),
            width=dice.pick((1200, 1600, 720)),
            height=dice.pick((675, 900, 1280)),
            alt_text=dice.pick(phrases.ALT_TEXTS) if dice.chance(40) else "",
            duration_ms=dice.between(1_500, 140_000) if kind == "video" else 0,
        )
        for at in range(count)
    )


def _media_kind(dice: Dice) -> tuple[str, str]:
    """Kind, and the prefix of its media keys."""
    roll = dice.below(100)
    for name, prefix, share in _MEDIA:
        if roll < share:
            return name, prefix
        roll -= share
    return "photo", "3"


def plain_media(
    draft: PostDraft, dice: Dice, username: str, post_id: int
) -> tuple[WorldMedia, ...]:
    """Media for a post like any other, linked at the end of its text."""
    media = _media(dice, "mixed", post_id)
    _link_media(draft, username, media, post_id)
    return media


def _link_media(
    draft: PostDraft, username: str, media: tuple[WorldMedia, ...], post_id: int
) -> None:
    """All media of a post stand behind one short link at its end, named once per medium."""
    if not media:
        return
    code = f"m{media[0].code[:9]}"
    kind = "photo" if media[0].kind == "photo" else "video"
    expanded = f"https://x.com/{username}/status/{post_id}/{kind}/1"
    draft.say(" ").link(code, expanded, f"pic.x.com/{code}", media_key=media[0].key)
    for medium in media[1:]:
        draft.same_link(media_key=medium.key)


def _poll(dice: Dice, habit: str, post_id: int, moment_ms: int) -> WorldPoll | None:
    if not dice.chance(70 if habit == "polls" else 1.5):
        return None
    minutes = dice.pick((60, 1_440, 4_320, 10_080))
    choices = dice.pick(phrases.POLL_CHOICES)
    return WorldPoll(post_id + 5, choices, minutes, moment_ms + minutes * 60_000)


def _article(dice: Dice, full: DraftText, post_id: int, is_long: bool) -> Article | None:
    """One long post in eight carries an article; its dice are its own, so all else stays."""
    if not is_long or not dice.chance(12):
        return None
    text = full.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    cover, picture = (
        WorldMedia(f"3_{post_id + 6 + at}", "photo", dice.code(15), 1500, 600, alt_text)
        for at, alt_text in enumerate((dice.pick(phrases.ALT_TEXTS), ""))
    )
    title = text.partition(".")[0][:80]
    return Article(title, text[:140], f"{text}\n\n{text}", cover, (picture,))


def where(dice: Dice, percent: float) -> tuple[str | None, tuple[float, float] | None]:
    """A place's id and perhaps a point (longitude, latitude), for so many posts in a hundred."""
    if not dice.chance(percent):
        return None, None
    place = PLACES[dice.pick(PLACE_IDS)]
    if place.kind in ("country", "admin") or not dice.chance(40):
        return place.id, None
    west, south, east, north = place.box
    longitude = west + (east - west) * dice.below(1_000) / 1_000
    latitude = south + (north - south) * dice.below(1_000) / 1_000
    return place.id, (round(longitude, 6), round(latitude, 6))


def plain_words(text: str, uid_of: Callable[[str], int | None]) -> DraftText:
    """Typed text as X stores it: signs escaped; tags, names and links found."""
    draft = PostDraft()
    for piece in re.split(r"(https?://\S+|[#@$]\w+)", text):
        if piece.startswith(("http://", "https://")):
            host = piece.split("//", 1)[1]
            code = Dice(*piece.encode()[:60]).code(10)
            draft.link(code, piece, host[:26] + ("…" if len(host) > 26 else ""))
        elif piece[:1] == "#":
            draft.hashtag(piece[1:])
        elif piece[:1] == "@" and len(piece) <= 16 and piece[1:].isascii():
            draft.mention(piece[1:], uid_of(piece[1:]))
        elif piece[:1] == "$" and piece[1:].isalpha():
            draft.cashtag(piece[1:])
        else:
            draft.say(piece)
    return draft.done()
