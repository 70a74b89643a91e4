"""Posts, users, media, places and polls as X's v2 JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sfm.sandbox.clock import iso
from sfm.sandbox.problems import Json
from sfm.sandbox.requested_fields import RequestedFields
from sfm.sandbox.world.draft import Entities, PostDraft
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.places import WorldPlace
from sfm.sandbox.world.posts import WorldMedia, WorldPoll, WorldPost, id_ms
from sfm.sandbox.world.world import World

_EDIT_WINDOW_MS = 3_600_000
_POST_WORDS = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "pinned_tweet_id": "pinned_post_id",
    "most_recent_tweet_id": "most_recent_post_id",
}


@dataclass(frozen=True)
class PostView:
    """Whose answer this is: the world at one moment, and what the request asked to see."""

    world: World
    fields: RequestedFields
    now_ms: int


def post_json(view: PostView, post: WorldPost) -> Json:
    """One post with the wanted fields; what is empty is left out, as X does."""
    fields = view.fields
    shown: Json = {}
    for name, read in _POST.items():  # in this order, so that answers repeat to the byte
        value = read(view, post) if name in fields.post else None
        if value is not None:
            shown[name] = value
    if fields.post_words:
        shown = _in_post_words(shown)
    for name, value in post.overrides.items():
        if value is None:
            shown.pop(name, None)
        else:
            shown[name] = value
    return shown


def _in_post_words(shown: Json) -> Json:
    spelled = {_POST_WORDS.get(name, name): value for name, value in shown.items()}
    metrics = spelled.get("public_metrics")
    if metrics:
        for old, new in (("retweet_count", "repost_count"), ("tweet_count", "post_count")):
            if old in metrics:
                metrics[new] = metrics.pop(old)
    return spelled


def _growth(post_ms: int, now_ms: int) -> float:
    """The share of a post's final likes that it has by now: half after six hours."""
    hours = max(0, now_ms - post_ms) / 3_600_000
    return hours / (hours + 6)


def post_metrics(view: PostView, post: WorldPost) -> Json:
    """A post's counts; a retweet has its original's retweets and nothing of its own, as on X."""
    is_retweet = post.kind == "retweeted"
    since = id_ms(post.references[0][1]) if is_retweet else post.created_ms
    likes = int(post.appeal * _growth(since, view.now_ms))
    if is_retweet:
        counts = (likes // 5, 0, 0, 0, 0, 0)
    else:
        counts = (likes // 5, likes // 9, likes, likes // 15, likes // 20, likes * 37 + 3)
    names = ("retweet", "reply", "like", "quote", "bookmark", "impression")
    return {f"{name}_count": count for name, count in zip(names, counts, strict=True)}


def _attachments(_: PostView, post: WorldPost) -> Json | None:
    shown: Json = {}
    if post.media:
        shown["media_keys"] = [medium.key for medium in post.media]
    if post.poll:
        shown["poll_ids"] = [str(post.poll.id)]
    return shown or None


def _article(_: PostView, post: WorldPost) -> Json | None:
    article = post.article
    if article is None:
        return None
    return {
        "title": article.title,
        "preview_text": article.preview,
        "plain_text": article.text,
        "cover_media": article.cover.key,
        "media_entities": [medium.key for medium in article.media],
    }


def _edit_controls(_: PostView, post: WorldPost) -> Json:
    first_ms = id_ms(post.chain[0])
    return {
        "edits_remaining": 5 - (len(post.chain) - 1),
        "is_edit_eligible": post.kind == "original" and post.poll is None,
        "editable_until": iso(first_ms + _EDIT_WINDOW_MS),
    }


def _geo(_: PostView, post: WorldPost) -> Json | None:
    shown: Json = {}
    if post.place:
        shown["place_id"] = post.place
    if post.point:
        shown["coordinates"] = {"type": "Point", "coordinates": list(post.point)}
    return shown or None


def _withheld(view: PostView, post: WorldPost) -> Json | None:
    if not post.withheld:
        return None
    scope = "post" if view.fields.post_words else "tweet"
    return {"copyright": False, "country_codes": list(post.withheld), "scope": scope}


def _note(_: PostView, post: WorldPost) -> Json | None:
    if not post.note:
        return None
    entities = {kind: marks for kind, marks in post.note.entities.items() if kind != "annotations"}
    return {"text": post.note.text} | ({"entities": entities} if entities else {})


def _references(_: PostView, post: WorldPost) -> list[Json] | None:
    return [{"type": kind, "id": str(ref)} for kind, ref in post.references] or None


_POST: dict[str, Callable[[PostView, WorldPost], object]] = {
    "id": lambda _, post: str(post.id),
    "text": lambda _, post: post.written.text,
    "article": _article,
    "article_title": lambda _, post: post.article.title if post.article else None,
    "attachments": _attachments,
    "author_id": lambda _, post: str(post.author),
    "conversation_id": lambda _, post: str(post.conversation),
    "created_at": lambda _, post: iso(post.created_ms),
    "display_text_range": lambda _, post: [0, len(post.written.text)],
    "edit_controls": _edit_controls,
    "edit_history_tweet_ids": lambda _, post: [str(version) for version in post.chain],
    "entities": lambda _, post: post.written.entities or None,
    "geo": _geo,
    "in_reply_to_user_id": lambda _, post: str(post.reply_to_user) if post.reply_to_user else None,
    "lang": lambda _, post: post.lang,
    "note_tweet": _note,
    "possibly_sensitive": lambda _, post: post.sensitive,
    "public_metrics": post_metrics,
    "referenced_tweets": _references,
    "reply_settings": lambda _, post: "everyone",
    "withheld": _withheld,
}


def user_json(view: PostView, person: Person) -> Json:
    """One account with the wanted fields."""
    fields = view.fields
    shown: Json = {}
    for name, read in _USER.items():
        value = read(view, person) if name in fields.user else None
        if value not in (None, ""):
            shown[name] = value
    return _in_post_words(shown) if fields.post_words else shown


def _profile_link(person: Person) -> tuple[str, str]:
    code = f"u{person.uid % 10**9:09d}"
    return f"https://t.co/{code}", f"https://example.org/{person.role.username.lower()}"


def _user_url(_: PostView, person: Person) -> str | None:
    return _profile_link(person)[0] if person.role.verified != "none" else None


def _user_entities(view: PostView, person: Person) -> Json | None:
    shown: Json = {}
    url = _user_url(view, person)
    if url:
        expanded = _profile_link(person)[1]
        link = {"start": 0, "end": len(url), "url": url, "expanded_url": expanded}
        shown["url"] = {"urls": [{**link, "display_url": expanded.removeprefix("https://")}]}
    described = _bio_entities(person.description)
    if described:
        shown["description"] = described
    return shown or None


def _bio_entities(bio: str) -> Entities:
    draft = PostDraft()
    for word in bio.split(" "):
        name = word[1:].rstrip(".,;")
        if word[:1] == "#" and name:
            draft.hashtag(name).say(word[1 + len(name) :])
        elif word[:1] == "@" and name:
            draft.mention(name, None).say(word[1 + len(name) :])
        else:
            draft.say(word)
        draft.say(" ")
    return draft.done().entities


def user_metrics(view: PostView, person: Person) -> Json:
    """An account's counts as of now."""
    posts = view.world.count(person)
    days = max(0, view.now_ms - person.created_ms) // 86_400_000
    followers = person.role.followers + days * (person.role.followers // 4_000)
    return {
        "followers_count": followers,
        "following_count": 10 + person.index * 13 % 900,
        "tweet_count": posts,
        "listed_count": followers // 60,
        "like_count": posts * 2,
        "media_count": posts // 7,
    }


def _newest(view: PostView, person: Person) -> str | None:
    newest = next(iter(view.world.timeline(person)), None)
    return str(newest) if newest and person.state == "active" else None


_USER: dict[str, Callable[[PostView, Person], object]] = {
    "id": lambda _, person: str(person.uid),
    "name": lambda _, person: person.name,
    "username": lambda _, person: person.username,
    "created_at": lambda _, person: iso(person.created_ms),
    "description": lambda _, person: person.description,
    "entities": _user_entities,
    "location": lambda _, person: person.role.place,
    "most_recent_tweet_id": _newest,
    "pinned_tweet_id": lambda _, person: None,
    "profile_image_url": lambda _, person: (
        f"https://pbs.twimg.com/profile_images/{person.uid}/face_normal.jpg"
    ),
    "protected": lambda _, person: person.state == "protected",
    "public_metrics": user_metrics,
    "url": _user_url,
    "verified": lambda _, person: person.role.verified != "none",
    "verified_type": lambda _, person: person.role.verified,
    "withheld": lambda _, person: None,
}


def media_json(view: PostView, medium: WorldMedia) -> Json:
    """One photo, video or moving picture."""
    base = "https://pbs.twimg.com"
    everything: Json = {
        "media_key": medium.key,
        "type": medium.kind,
        "width": medium.width,
        "height": medium.height,
        "alt_text": medium.alt_text or None,
    }
    if medium.kind == "photo":
        everything["url"] = f"{base}/media/{medium.code}.jpg"
    else:
        everything["preview_image_url"] = f"{base}/ext_tw_video_thumb/{medium.code}/img/0.jpg"
        everything["variants"] = _variants(medium)
    if medium.kind == "video":
        everything["duration_ms"] = medium.duration_ms
        everything["public_metrics"] = {"view_count": medium.duration_ms % 9_973}
    return _only(everything, view.fields.media)


def _variants(medium: WorldMedia) -> list[Json]:
    base = f"https://video.twimg.com/ext_tw_video/{medium.code}"
    if medium.kind == "animated_gif":
        return [{"bit_rate": 0, "content_type": "video/mp4", "url": f"{base}/vid/loop.mp4"}]
    return [
        {"content_type": "application/x-mpegURL", "url": f"{base}/pl/list.m3u8"},
        {"bit_rate": 832_000, "content_type": "video/mp4", "url": f"{base}/vid/640x360/a.mp4"},
        {"bit_rate": 2_176_000, "content_type": "video/mp4", "url": f"{base}/vid/1280x720/b.mp4"},
    ]


def place_json(view: PostView, place: WorldPlace) -> Json:
    """One place."""
    everything: Json = {
        "id": place.id,
        "full_name": place.full_name,
        "name": place.name,
        "place_type": place.kind,
        "country": place.country,
        "country_code": place.country_code,
        "contained_within": list(place.within) or None,
        "geo": {"type": "Feature", "bbox": list(place.box), "properties": {}},
    }
    return _only(everything, view.fields.place)


def poll_json(view: PostView, poll: WorldPoll) -> Json:
    """One poll with its votes until now."""
    begun_ms = poll.end_ms - poll.minutes * 60_000
    minutes = max(0, min(view.now_ms, poll.end_ms) - begun_ms) // 60_000
    options = [
        {"position": at, "label": label, "votes": minutes * (poll.id % (at + 7)) // 10}
        for at, label in enumerate(poll.choices, start=1)
    ]
    everything: Json = {
        "id": str(poll.id),
        "options": options,
        "duration_minutes": poll.minutes,
        "end_datetime": iso(poll.end_ms),
        "voting_status": "open" if view.now_ms < poll.end_ms else "closed",
    }
    return _only(everything, view.fields.poll)


def _only(everything: Json, names: frozenset[str]) -> Json:
    return {k: v for k, v in everything.items() if k in names and v is not None}
