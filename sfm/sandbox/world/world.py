"""The world: who exists, what they posted until now, and what has been changed by hand since."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sfm.sandbox.clock import SandboxClock
from sfm.sandbox.defaults import DEFAULT_SEED
from sfm.sandbox.world.cast import CAST
from sfm.sandbox.world.compose import plain_words, scheduled_post
from sfm.sandbox.world.crowd import CROWD_BIT, Crowd
from sfm.sandbox.world.dice import mix
from sfm.sandbox.world.draft import retweet_of, short_form
from sfm.sandbox.world.people import STATES, Person, make_people, unscramble
from sfm.sandbox.world.posts import LOW_MASK, WorldPost, id_ms, make_id
from sfm.sandbox.world.slots import Slot, Timetable

CROWD_FOUND_MS = 86_400_000
_BY_HAND = (
    0b11 << 20
)  # the bits of an id that say: on no timetable, neither the cast's nor a crowd's


class NotInWorld(LookupError):
    """No such account or post; the message says which."""


class World:
    """Everything the sandbox holds. Reading is cheap and safe from any thread."""

    def __init__(
        self,
        seed: int = DEFAULT_SEED,
        accounts: int = len(CAST),
        clock: SandboxClock | None = None,
        crowd: float = 0.0,
    ) -> None:
        self.seed = seed
        self.clock = clock or SandboxClock()
        self.people = make_people(seed, accounts)
        self.timetable = Timetable(seed, self.people)
        self._by_uid = {person.uid: person for person in self.people}
        self._by_name = {person.username.lower(): person for person in self.people}
        self.posted: list[int] = []  # ids of posts made by hand, in the order they were made
        self._extras: dict[int, WorldPost] = {}
        self._removed: set[int] = set()
        self._replaced: set[int] = set()
        self._lock = threading.RLock()
        self._composed = lru_cache(maxsize=8_000)(self._compose)
        self.crowd = Crowd(seed, self.timetable, self.people, self._version, crowd)

    # Accounts -----------------------------------------------------------------------------

    def person(self, uid: int) -> Person | None:
        """The account with this uid, in whatever state; None if there never was one."""
        return self._by_uid.get(uid) or self.crowd.by_uid(uid)

    def named(self, username: str) -> Person | None:
        """The account that has this name now. Capitals do not matter."""
        name = username.lower()
        return self._by_name.get(name) or self.crowd.by_name(name)

    def find(self, who: str) -> Person:
        """An account by uid, or by name with or without `@`. Raises NotInWorld."""
        person = self.named(who.removeprefix("@"))
        if person is None and who.isdecimal():
            person = self.person(int(who))
        if person is None:
            raise NotInWorld(f"the sandbox has no account {who!r}")
        return person

    def rename(self, person: Person, username: str) -> None:
        """Give the account another name. Raises ValueError if it is taken or cannot be one."""
        if not 1 <= len(username) <= 15 or not username.replace("_", "a").isalnum():
            raise ValueError("a name has 1 to 15 letters, digits and underscores")
        with self._lock:
            holder = self.named(username)
            if holder is not None and holder is not person:
                raise ValueError(f"{holder.username} is taken by {holder.uid}")
            self._by_name.pop(person.username.lower(), None)
            person.names.append((self.clock.now_ms(), username))
            self._by_name[username.lower()] = person

    def pass_name_on(self, giver: Person, taker: Person, new_name: str) -> None:
        """The giver becomes new_name, and the taker takes the name that is free now."""
        with self._lock:
            freed = giver.username
            self.rename(giver, new_name)
            self.rename(taker, freed)

    def may_see(self, person: Person, viewer: int | None) -> bool:
        """Whether the viewer (a uid, or None for an app) may read a protected account's posts."""
        return viewer is not None and (viewer == person.uid or viewer in person.approved)

    def set_state(self, person: Person, state: str) -> None:
        """active, protected, suspended or deleted. Raises ValueError for anything else."""
        if state not in STATES:
            raise ValueError(f"a state is one of {', '.join(STATES)}")
        person.state = state

    # Posts --------------------------------------------------------------------------------

    def post(self, post_id: int) -> WorldPost | None:
        """The post with this id if it has been made by now, removed or not."""
        extra = self._extras.get(post_id)
        if extra is not None:
            return extra
        if id_ms(post_id) > self.clock.now_ms():
            return None
        slot = self._scheduled(post_id)
        if slot is None:
            return self.crowd.post(post_id)
        person, number = slot
        post = self._composed(person.index, number, id_ms(post_id))
        chain = self.timetable.slot(person.index, number).ids_until(self.clock.now_ms())
        return replace(post, chain=chain) if chain != post.chain else post

    def is_removed(self, post: WorldPost) -> bool:
        """Whether its author has deleted it."""
        if post.id in self._removed or post.chain[0] in self._removed:
            return True
        slot = self._scheduled(post.id) if post.id not in self._extras else None
        return slot is not None and self.timetable.is_removed(*slot)

    def timeline(self, person: Person) -> Iterator[int]:
        """Ids of everything the account has posted until now, newest first, removed ones too.

        An edited post stands there once, under its newest id.
        """
        now = self.clock.now_ms()
        if person.index < 0:
            scheduled = self.crowd.timeline(person, now + 1)
        else:
            count = self.timetable.count_until(person, now)
            scheduled = self.timetable.newest_ids(person, now, count)
        extras = self._extras_of(person)
        return heapq.merge(scheduled, extras, reverse=True) if extras else scheduled

    def visible(self, person: Person) -> list[int]:
        """Ids of all posts of the account that are still there, newest first, 3,200 or not."""
        posts = ((post_id, self.post(post_id)) for post_id in self.timeline(person))
        return [post_id for post_id, post in posts if post and not self.is_removed(post)]

    def count(self, person: Person) -> int:
        """How many posts the account's profile says it has made."""
        now = self.clock.now_ms()
        if person.index < 0:
            return self.crowd.count(person, now + 1) + len(person.extras)
        return self.timetable.count_until(person, now) + len(person.extras)

    def recent(self, from_ms: int, until_ms: int) -> Iterator[int]:
        """Ids of all accounts' posts of a span (until excluded), newest first, removed ones too.

        The crowd's posts are found for a day only, else a search would go through millions.
        """
        lowest, beyond = make_id(from_ms, 0), make_id(until_ms, 0)
        crowd_from = max(from_ms, self.clock.now_ms() - CROWD_FOUND_MS)
        crowd_until = min(until_ms, self.clock.now_ms() + 1)
        crowd = self.crowd.newest_first(crowd_from, crowd_until)
        by_hand = [self._extras_of(person) for person in self.crowd.known() if person.extras]
        cast = map(self.timeline, self.people)
        for post_id in heapq.merge(*cast, *by_hand, crowd, reverse=True):
            if post_id < lowest:
                return
            if post_id < beyond:
                yield post_id

    def made_between(self, from_ms: int, until_ms: int) -> Iterator[int]:
        """Ids of all scheduled posts of a span (until excluded), each version, oldest first.

        This is what streams are fed with, next to `posted`; posts that are removed later are in it.
        """
        cast = [
            post_id
            for person in self.people
            for post_id in self.timetable.ids_between(person, from_ms, until_ms)
        ]
        return heapq.merge(sorted(cast), self.crowd.between(from_ms, until_ms))

    def add_post(
        self,
        person: Person,
        text: str,
        *,
        reply_to: int | None = None,
        quote_of: int | None = None,
        edit_of: int | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> WorldPost:
        """Post something by hand, now. Over 280 signs it becomes a long post.

        `overrides` replaces keys of the JSON that goes out (None leaves one out), for answers that
        X ought never to give. Raises NotInWorld where reply_to, quote_of or edit_of is unknown.
        """
        with self._lock:
            post = self._written_by_hand(person, text, reply_to, quote_of)
            if edit_of is not None:
                chain = self._known(edit_of).chain
                post = replace(post, chain=(*chain, post.id))
                self._mark_edited(chain, post.chain)
            post = replace(post, overrides=dict(overrides or {}))
            self._keep(person, post)
        return post

    def retweet(self, person: Person, post_id: int) -> WorldPost:
        """Pass a post on, now. Raises NotInWorld."""
        original = self._known(post_id)
        author = self._by_uid[original.author]
        with self._lock:
            post = replace(
                self._written_by_hand(person, "", None, None),
                written=retweet_of(author.username, author.uid, original.written),
                references=(("retweeted", post_id),),
                appeal=original.appeal,
            )
            self._keep(person, post)
        return post

    def remove_post(self, post_id: int) -> None:
        """Delete a post with all its versions. Raises NotInWorld."""
        self._removed.update(self._known(post_id).chain)

    def _extras_of(self, person: Person) -> list[int]:
        return [post_id for post_id in reversed(person.extras) if post_id not in self._replaced]

    # Inside -------------------------------------------------------------------------------

    def _known(self, post_id: int) -> WorldPost:
        post = self.post(post_id)
        if post is None:
            raise NotInWorld(f"the sandbox has no post {post_id}")
        return post

    def _keep(self, person: Person, post: WorldPost) -> None:
        self._extras[post.id] = post
        person.extras.append(post.id)
        self.posted.append(post.id)

    def _mark_edited(self, earlier_ids: tuple[int, ...], chain: tuple[int, ...]) -> None:
        self._replaced.update(earlier_ids)
        for earlier in earlier_ids:
            if earlier in self._extras:
                self._extras[earlier] = replace(self._extras[earlier], chain=chain)

    def _new_id(self, person: Person) -> int:
        """Of a post written by hand now: above this person's others."""
        now = self.clock.now_ms()
        post_id = make_id(now, _BY_HAND | (mix(now, len(self._extras)) & 0xFFFFF))
        while post_id in self._extras or (person.extras and post_id <= person.extras[-1]):
            post_id += 1
        return post_id

    def _references(
        self, reply_to: int | None, quote_of: int | None
    ) -> tuple[tuple[str, int], ...]:
        """Raises NotInWorld."""
        if quote_of is not None:
            self._known(quote_of)
        references = (("replied_to", reply_to), ("quoted", quote_of))
        return tuple((kind, post_id) for kind, post_id in references if post_id is not None)

    def _written_by_hand(
        self, person: Person, text: str, reply_to: int | None, quote_of: int | None
    ) -> WorldPost:
        post_id = self._new_id(person)
        full = plain_words(text, self._uid_of)
        is_long = len(full.text) > 280
        replied = self._known(reply_to) if reply_to is not None else None
        references = self._references(reply_to, quote_of)
        return WorldPost(
            id=post_id,
            author=person.uid,
            created_ms=id_ms(post_id),
            written=short_form(full, f"n{post_id % 10**9:09d}", post_id) if is_long else full,
            note=full if is_long else None,
            lang="en",
            chain=(post_id,),
            conversation=replied.conversation if replied else post_id,
            references=references,
            reply_to_user=replied.author if replied else None,
        )

    def _uid_of(self, username: str) -> int | None:
        person = self.named(username)
        return person.uid if person else None

    def _scheduled(self, post_id: int) -> tuple[Person, int] | None:
        low = post_id & LOW_MASK
        index = unscramble(low)
        if low & CROWD_BIT or index >= len(self.people) or post_id >= 1 << 63:
            return None
        person = self.people[index]
        number = self.timetable.at(person, id_ms(post_id))
        return None if number is None else (person, number)

    def _compose(self, person_index: int, number: int, moment_ms: int) -> WorldPost:
        slot = self.timetable.slot(person_index, number)
        return scheduled_post(self.seed, self.people, slot, moment_ms)

    def _version(self, slot: Slot, moment_ms: int) -> WorldPost:
        """A scheduled post as it was at that moment."""
        made = [moment for moment in slot.moments if moment <= moment_ms]
        return self._composed(slot.person.index, slot.number, made[-1])
