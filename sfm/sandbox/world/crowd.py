"""The crowd: thousands of small accounts that keep streams flowing, at a pace that can be turned.

Like the timetable of the cast, all of it follows from the seed; nothing is stored but the pace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sfm.sandbox.world import phrases
from sfm.sandbox.world.cast import REFERENCE_MS, Role
from sfm.sandbox.world.compose import Voice, fill, plain_media, where
from sfm.sandbox.world.dice import Dice, mix
from sfm.sandbox.world.draft import DraftText, PostDraft, retweet_of
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.posts import LOW_MASK, WorldPost, id_ms, make_id
from sfm.sandbox.world.slots import Slot, Timetable, root_of

SIZE = 4_999  # a prime, so that every account gets its turn
BODIES = 3_000
CROWD_BIT = 1 << 21
_SEQUENCE = (1 << 20) - 1
_BEGAN_MS = REFERENCE_MS - 400 * 86_400_000
_FIRST_UID = 3_100_000_000
_NAME = re.compile(r"^[a-z_]+?(\d{4})$")
_STRIDE = 1_373
_UNSTRIDE = pow(_STRIDE, -1, SIZE)
_FIRST = ("sunny", "quiet", "lucky", "tall", "bold", "misty", "plain", "swift", "late", "early")
_SECOND = ("cat", "fox", "owl", "elm", "bee", "cup", "key", "hat", "pen", "map", "oar", "sky")


@dataclass(frozen=True)
class Pace:
    """From a moment on, so many posts in a thousand seconds."""

    start_ms: int
    per_1000_s: int

    def made_by(self, moment_ms: int) -> int:
        """Posts from the start until this moment (excluded)."""
        return max(0, moment_ms - self.start_ms) * self.per_1000_s // 1_000_000

    def moment_of(self, number: int) -> int:
        """The millisecond in which a post is made."""
        return self.start_ms - (-(number + 1) * 1_000_000 // self.per_1000_s) - 1


@dataclass(frozen=True)
class Body:
    """Words that some of the crowd's posts have in common."""

    written: DraftText
    lang: str


class Crowd:
    """All small accounts and what they post."""

    def __init__(
        self,
        seed: int,
        timetable: Timetable,
        cast: list[Person],
        compose: Callable[[Slot, int], WorldPost],
        per_second: float,
    ) -> None:
        self._seed = seed
        self._compose = compose
        self._timetable = timetable
        self._cast = cast
        self._sources = [person for person in cast if person.state == "active"] or cast
        self._members: dict[int, Person] = {}
        self._bodies: dict[int, Body] = {}
        self._paces = [Pace(_BEGAN_MS, round(per_second * 1_000))]

    @property
    def per_second(self) -> float:
        """Posts a second at present."""
        return self._paces[-1].per_1000_s / 1_000

    def set_pace(self, per_second: float, from_ms: int) -> None:
        """Post so many a second from that moment on; what was posted before stays."""
        if not 0 <= per_second <= 1_000_000:
            raise ValueError("the crowd's pace is from 0 to 1,000,000 posts a second")
        self._paces.append(Pace(from_ms, round(per_second * 1_000)))

    # Accounts -----------------------------------------------------------------------------

    def by_uid(self, uid: int) -> Person | None:
        """The small account with this uid."""
        number, rest = divmod(uid - _FIRST_UID, 7)
        return self.member(number) if not rest and 0 <= number < SIZE else None

    def by_name(self, name: str) -> Person | None:
        """The small account that has this name now (lower case)."""
        match = _NAME.match(name)
        if not match or int(match[1]) >= SIZE:
            return None
        person = self.member(int(match[1]))
        return person if person.username.lower() == name else None

    def member(self, number: int) -> Person:
        """The n-th small account."""
        person = self._members.get(number)
        if person is None:
            person = self._members.setdefault(number, self._make_member(number))
        return person

    def known(self) -> list[Person]:
        """The small accounts that anybody has asked about."""
        return list(self._members.values())

    def _make_member(self, number: int) -> Person:
        dice = Dice(self._seed, 301, number)
        role = _role(dice, number)
        created_ms = _BEGAN_MS - dice.between(1, 2_000) * 86_400_000
        return Person(
            index=-1 - number,
            uid=_FIRST_UID + number * 7,
            role=role,
            created_ms=created_ms,
            first_ms=_BEGAN_MS,
            period_ms=1,
            names=[(created_ms, role.username)],
            state="active",
            name=role.name,
            description=role.bio,
        )

    # Posts --------------------------------------------------------------------------------

    def timeline(self, person: Person, until_ms: int) -> Iterator[int]:
        """Ids of a small account's posts, newest first."""
        turn = (-1 - person.index) * _UNSTRIDE % SIZE
        for at in range(len(self._paces) - 1, -1, -1):
            pace, made = self._paces[at], self._made(at, until_ms)
            newest = turn + (made - 1 - turn) // SIZE * SIZE if made > turn else -1
            for number in range(newest, -1, -SIZE):
                yield self._id(pace, number)

    def count(self, person: Person, until_ms: int) -> int:
        """How many posts a small account has made."""
        turn = (-1 - person.index) * _UNSTRIDE % SIZE
        made = [self._made(at, until_ms) for at in range(len(self._paces))]
        return sum((total - turn + SIZE - 1) // SIZE for total in made if total > turn)

    def between(self, from_ms: int, until_ms: int) -> Iterator[int]:
        """Ids of all posts of a span (until excluded), oldest first."""
        for at, pace in enumerate(self._paces):
            made = self._made(at, until_ms)
            for number in range(pace.made_by(from_ms), made):
                yield self._id(pace, number)

    def newest_first(self, from_ms: int, until_ms: int) -> Iterator[int]:
        """The same, newest first."""
        for at in range(len(self._paces) - 1, -1, -1):
            pace = self._paces[at]
            for number in range(self._made(at, until_ms) - 1, pace.made_by(from_ms) - 1, -1):
                yield self._id(pace, number)

    def post(self, post_id: int) -> WorldPost | None:
        """The post with this id, if the crowd has or will have made it."""
        number = self._find(post_id)
        if number is None:
            return None
        chance = mix(self._seed, 302, number)
        person = self.member(number * _STRIDE % SIZE)
        kind = chance % 100
        if kind < 30 and self._sources:
            about = self._about_the_cast(chance, person, post_id, kind)
            if about:
                return about
        return self._of_its_own(chance, person, post_id)

    def outline(self, post_id: int) -> tuple[str, int]:
        """What a post is without making it: retweeted, or `body` and which one, or something else.

        Posts with the same body say the same words.
        """
        number = self._find(post_id)
        if number is None:
            return "unknown", 0
        chance = mix(self._seed, 302, number)
        if chance % 100 < 14:
            return "retweeted", 0
        return ("about", 0) if chance % 100 < 30 else ("body", chance // 100 % BODIES)

    def _made(self, at: int, until_ms: int) -> int:
        ends = self._paces[at + 1].start_ms if at + 1 < len(self._paces) else until_ms
        return self._paces[at].made_by(min(ends, until_ms))

    def _id(self, pace: Pace, number: int) -> int:
        moment_ms = pace.moment_of(number)
        return make_id(moment_ms, CROWD_BIT | (number - pace.made_by(moment_ms)))

    def _find(self, post_id: int) -> int | None:
        low, moment_ms = post_id & LOW_MASK, id_ms(post_id)
        sequence = low & ~CROWD_BIT
        if not low & CROWD_BIT or sequence > _SEQUENCE:
            return None
        begun = [pace for pace in self._paces if pace.start_ms <= moment_ms]
        if not begun:
            return None
        number = begun[-1].made_by(moment_ms) + sequence
        return number if number < begun[-1].made_by(moment_ms + 1) else None

    def _of_its_own(self, chance: int, person: Person, post_id: int) -> WorldPost:
        body = self._body(chance // 100 % BODIES)
        dice = Dice(chance, 303)
        moment_ms = id_ms(post_id)
        draft = PostDraft.after(body.written)
        media = plain_media(draft, dice, person.username_at(moment_ms), post_id)
        place, point = where(dice, 8)
        return WorldPost(
            id=post_id,
            author=person.uid,
            created_ms=moment_ms,
            written=draft.done(),
            lang=body.lang,
            chain=(post_id,),
            conversation=post_id,
            media=media,
            place=place,
            point=point,
            appeal=dice.skewed(300),
        )

    def _body(self, number: int) -> Body:
        body = self._bodies.get(number)
        if body is None:
            body = self._bodies.setdefault(number, self._make_body(number))
        return body

    def _make_body(self, number: int) -> Body:
        dice = Dice(self._seed, 304, number)
        language = "en" if dice.chance(70) else dice.pick(tuple(phrases.OTHER_LANGUAGES))
        templates = phrases.OTHER_LANGUAGES.get(language, phrases.PLAIN)
        topic = phrases.TOPICS[dice.pick(tuple(phrases.TOPICS))]
        voice = Voice(self._cast[0], topic, language, self._cast, REFERENCE_MS)
        draft = PostDraft()
        fill(draft, dice.pick(templates), voice, dice)
        return Body(draft.done(), language)

    def _about_the_cast(
        self, chance: int, person: Person, post_id: int, kind: int
    ) -> WorldPost | None:
        dice, moment_ms = Dice(chance, 305), id_ms(post_id)
        source = dice.pick(self._sources)
        count = self._timetable.count_until(source, moment_ms - 60_000)
        if not count:
            return None
        slot = self._timetable.slot(source.index, count - 1 - dice.below(min(count, 5)))
        while slot.kind == "retweeted" and slot.target:
            slot = slot.target
        if kind < 14:
            return self._retweet(person, post_id, slot)
        return self._answer(dice, person, post_id, slot, is_reply=kind < 24)

    def _retweet(self, person: Person, post_id: int, slot: Slot) -> WorldPost:
        moment_ms = id_ms(post_id)
        original = self._compose(slot, moment_ms)
        author = slot.person
        return WorldPost(
            id=post_id,
            author=person.uid,
            created_ms=moment_ms,
            written=retweet_of(author.username_at(moment_ms), author.uid, original.written),
            lang=original.lang,
            chain=(post_id,),
            conversation=post_id,
            references=(("retweeted", original.id),),
            appeal=original.appeal,
        )

    def _answer(
        self, dice: Dice, person: Person, post_id: int, slot: Slot, *, is_reply: bool
    ) -> WorldPost:
        moment_ms = id_ms(post_id)
        author, target_id = slot.person, slot.id_at(moment_ms)
        topic = phrases.TOPICS[dice.pick(person.role.topics)]
        voice = Voice(person, topic, "en", self._cast, moment_ms)
        draft = _answer_text(dice, voice, slot, is_reply=is_reply)
        return WorldPost(
            id=post_id,
            author=person.uid,
            created_ms=moment_ms,
            written=draft.done(),
            lang="en",
            chain=(post_id,),
            conversation=root_of(slot).id_at(moment_ms) if is_reply else post_id,
            references=(("replied_to" if is_reply else "quoted", target_id),),
            reply_to_user=author.uid if is_reply else None,
            appeal=dice.skewed(200),
        )


def _role(dice: Dice, number: int) -> Role:
    first, second = dice.pick(_FIRST), dice.pick(_SECOND)
    return Role(
        username=f"{first}_{second}{number:04d}",
        name=f"{first.title()} {second.title()}",
        bio=f"I like {dice.pick(tuple(phrases.TOPICS))}.",
        topics=(dice.pick(tuple(phrases.TOPICS)),),
        followers=dice.skewed(20_000),
        verified="blue" if dice.chance(4) else "none",
    )


def _answer_text(dice: Dice, voice: Voice, slot: Slot, *, is_reply: bool) -> PostDraft:
    author = slot.person
    name = author.username_at(voice.moment_ms)
    draft = PostDraft()
    if is_reply:
        draft.mention(name, author.uid).say(" ")
    fill(draft, dice.pick(phrases.REPLIES if is_reply else phrases.QUOTES), voice, dice)
    if not is_reply:
        expanded = f"https://x.com/{name}/status/{slot.id_at(voice.moment_ms)}"
        draft.say(" ").link(dice.code(10), expanded, f"x.com/{name}/status/…")
    return draft
