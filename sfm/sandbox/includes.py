"""What a page's posts refer to, each object once, and the errors for what is out of reach."""

from __future__ import annotations

from collections.abc import Iterable

from sfm.sandbox import problems
from sfm.sandbox.problems import Json
from sfm.sandbox.shapes import (
    PostView,
    media_json,
    place_json,
    poll_json,
    post_json,
    user_json,
)
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.places import PLACES
from sfm.sandbox.world.posts import WorldPost


class Includes:
    """Collects what the wanted expansions bring along. `viewer` is the user whose token asks."""

    def __init__(self, view: PostView, viewer: int | None = None) -> None:
        self._view = view
        self._viewer = viewer
        self._kinds: dict[str, dict[str, Json]] = {}
        self._errors: dict[tuple[str, str], Json] = {}

    def add_posts(self, posts: Iterable[WorldPost]) -> None:
        """Everything that the expansions say for these posts."""
        for post in posts:
            self._add_people_of(post)
            self._add_things_of(post)
            self._add_references_of(post)

    def add_users(self, people: Iterable[Person]) -> None:
        """The posts that user expansions name."""
        if "most_recent_tweet_id" not in self._view.fields.expansions:
            return
        for person in people:
            newest = next(iter(self._view.world.timeline(person)), None)
            if newest is not None and person.state == "active":
                self._add_post(newest, "most_recent_tweet_id")

    def into(self, body: Json) -> Json:
        """Put `includes` and `errors` into an answer, each only if there is something to say."""
        shown = {kind: list(objects.values()) for kind, objects in self._kinds.items() if objects}
        if shown:
            body["includes"] = shown
        if self._errors:
            body["errors"] = [*body.get("errors", []), *self._errors.values()]
        return body

    def _add_people_of(self, post: WorldPost) -> None:
        expansions = self._view.fields.expansions
        if "author_id" in expansions:
            self._add_user(post.author, "author_id")
        if "in_reply_to_user_id" in expansions and post.reply_to_user:
            self._add_user(post.reply_to_user, "in_reply_to_user_id")
        if "entities.mentions.username" in expansions:
            self._add_mentioned(post.written.entities.get("mentions", []))
        if "entities.note.mentions.username" in expansions and post.note:
            self._add_mentioned(post.note.entities.get("mentions", []))

    def _add_mentioned(self, mentions: list[Json]) -> None:
        parameter = "entities.mentions.username"
        for mention in mentions:
            person = self._view.world.named(mention["username"])
            if person is None:
                name = mention["username"]
                self._problem(problems.not_found("user", parameter, name))
            else:
                self._add_user(person.uid, parameter, person.username)

    def _add_things_of(self, post: WorldPost) -> None:
        expansions = self._view.fields.expansions
        if "attachments.media_keys" in expansions:
            self._add_media(post)
        self._add_article_media(post)
        if "attachments.poll_ids" in expansions and post.poll:
            self._put("polls", str(post.poll.id), poll_json(self._view, post.poll))
        if "geo.place_id" in expansions and post.place:
            place = PLACES[post.place]
            self._put("places", place.id, place_json(self._view, place))

    def _add_media(self, post: WorldPost) -> None:
        for medium in post.media:
            self._put("media", medium.key, media_json(self._view, medium))

    def _add_article_media(self, post: WorldPost) -> None:
        expansions = self._view.fields.expansions
        if post.article and "article.cover_media" in expansions:
            self._put("media", post.article.cover.key, media_json(self._view, post.article.cover))
        if post.article and "article.media_entities" in expansions:
            for medium in post.article.media:
                self._put("media", medium.key, media_json(self._view, medium))

    def _add_references_of(self, post: WorldPost) -> None:
        expansions = self._view.fields.expansions
        if "edit_history_tweet_ids" in expansions:
            for version in post.chain:
                if version == post.id:
                    continue
                self._add_post(version, "edit_history_tweet_ids")
        if not any(name.startswith("referenced_tweets.id") for name in expansions):
            return
        for _, reference in post.references:
            referenced = self._add_post(reference, "referenced_tweets.id")
            if referenced and "referenced_tweets.id.author_id" in expansions:
                self._add_user(referenced.author, "referenced_tweets.id.author_id")
            if referenced and "referenced_tweets.id.attachments.media_keys" in expansions:
                self._add_media(referenced)

    def _add_post(self, post_id: int, parameter: str) -> WorldPost | None:
        post, problem = readable_post(self._view, post_id, parameter, self._viewer, "includes")
        if problem:
            self._problem(problem)
        if post is None:
            return None
        kind = "posts" if self._view.fields.post_words else "tweets"
        self._put(kind, str(post.id), post_json(self._view, post))
        return post

    def _add_user(self, uid: int, parameter: str, shown_as: str | None = None) -> None:
        person = self._view.world.person(uid)
        value = shown_as or str(uid)
        if person is None or person.state == "deleted":
            self._problem(problems.not_found("user", parameter, value))
        elif person.state == "suspended":
            self._problem(problems.suspended(parameter, value))
        elif str(uid) not in self._kinds.get("users", {}):
            self._put("users", str(uid), user_json(self._view, person))

    def _put(self, kind: str, key: str, shown: Json) -> None:
        self._kinds.setdefault(kind, {}).setdefault(key, shown)

    def _problem(self, problem: Json) -> None:
        self._errors.setdefault((problem["parameter"], problem["value"]), problem)


def readable_post(
    view: PostView, post_id: int, parameter: str, viewer: int | None, section: str
) -> tuple[WorldPost | None, Json | None]:
    """The post if the viewer may see it, else the partial error that X gives."""
    value = str(post_id)
    post = view.world.post(post_id)
    if post is None or view.world.is_removed(post):
        return None, problems.not_found("tweet", parameter, value)
    author = view.world.person(post.author)
    if author is None or author.state == "deleted":
        return None, problems.not_found("tweet", parameter, value)
    if author.state == "suspended":
        return None, problems.not_authorized("tweet", parameter, value, section)
    if author.state == "protected" and not view.world.may_see(author, viewer):
        return None, problems.not_authorized("tweet", parameter, value, section)
    return post, None
