"""Made-up posts as X's v2 answers hold them, with every field that can be asked for.

Twarc asks for all of them, so this is what twarc-csv is given. In real pages of 2021 and 2022 asked
for in that way a post took 2,950 bytes with its share of the includes: 1,225 its own (710 of them
context annotations, on every other post), 660 for each account and 1,380 for each post referred to.
Since then edit history, edit controls, further counts and the kind of verification have come.
"""

from __future__ import annotations

import random
from datetime import datetime
from functools import lru_cache
from typing import Any

DOMAINS = (
    ("46", "Business Taxonomy", "Categories within Brand Verticals that narrow down its scope"),
    ("47", "Brand", "Brands and Companies"),
    ("30", "Entities [Entity Service]", "Entity Service top level domain, all items are in it"),
    ("66", "Interests and Hobbies Category", "A grouping of interests and hobbies entities"),
    ("131", "Unified Twitter Taxonomy", "A taxonomy of user interests. "),
    ("10", "Person", "Named people in the world like those who write in it"),
)
KINDS = ("Person", "Place", "Organization", "Product", "Other")


def as_v2(tweet: dict[str, Any]) -> dict[str, Any]:
    """A v1.1 post of `synthetic` as the record that a v2 timeline gives."""
    original = tweet.get("retweeted_status")
    data = _post(tweet)
    includes: dict[str, Any] = {"users": [_user(tweet["user"])]}
    if media := [item for shown in (tweet, original) if shown for item in _media(shown)]:
        includes["media"] = media
    if original:
        name, uid = original["user"]["screen_name"], original["user"]["id_str"]
        mention = {"start": 3, "end": 4 + len(name), "username": name, "id": uid}
        data["entities"]["mentions"] = [mention]
        data["referenced_tweets"] = [{"type": "retweeted", "id": original["id_str"]}]
        includes["tweets"] = [_post(original)]
        if original["user"] is not tweet["user"]:
            includes["users"].append(_user(original["user"]))
    return {"data": data, "includes": includes}


def _post(tweet: dict[str, Any]) -> dict[str, Any]:
    dice = random.Random(tweet["id"])
    moment = datetime.strptime(tweet["created_at"], "%a %b %d %H:%M:%S %z %Y")
    at = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    post = {
        "id": tweet["id_str"], "text": tweet["full_text"], "author_id": tweet["user"]["id_str"],
        "created_at": at, "lang": tweet["lang"], "conversation_id": tweet["id_str"],
        "edit_history_tweet_ids": [tweet["id_str"]], "possibly_sensitive": False,
        "edit_controls": {"edits_remaining": 5, "is_edit_eligible": True, "editable_until": at},
        "reply_settings": "everyone", "source": "Twitter Web App",
        "display_text_range": tweet["display_text_range"], "entities": _entities(tweet, dice),
        "public_metrics": {
            "retweet_count": tweet["retweet_count"], "reply_count": 1, "quote_count": 2,
            "like_count": tweet["favorite_count"], "bookmark_count": 0, "impression_count": 900,
        },
    }  # fmt: skip
    if dice.random() < 0.52:
        post["context_annotations"] = _context(dice)
    if media := _media(tweet):
        post["attachments"] = {"media_keys": [item["media_key"] for item in media]}
    return post


def _entities(tweet: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    urls = [
        {"start": url["indices"][0], "end": url["indices"][1]}
        | {key: url[key] for key in ("url", "expanded_url", "display_url")}
        | {"status": 200, "unwound_url": url["expanded_url"], "title": "A page of the library"}
        for url in tweet["entities"]["urls"]
    ]
    tags = [{"start": 0, "end": 1, "tag": tag["text"]} for tag in tweet["entities"]["hashtags"]]
    entities: dict[str, Any] = {"urls": urls, "hashtags": tags}
    if dice.random() < 0.45:
        entities["annotations"] = [
            {"start": 0, "end": 9, "probability": round(dice.random(), 4),
             "type": dice.choice(KINDS), "normalized_text": word}
            for word in tweet["full_text"].split()[:2]
        ]  # fmt: skip
    return entities


def _context(dice: random.Random) -> list[dict[str, Any]]:
    context = []
    for number, name, description in dice.choices(DOMAINS, k=dice.randint(1, 7)):
        domain = {"id": number, "name": name, "description": description}
        entity = {"id": str(dice.randrange(10**18, 2 * 10**18)), "name": "Libraries and archives"}
        context.append({"domain": domain, "entity": entity})
    return context


def _media(tweet: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "media_key": f"3_{picture['id_str']}", "type": "photo",
            "url": picture["media_url_https"],
            "width": 1200, "height": 800, "alt_text": "Shelves of a library, seen from the door",
        }
        for picture in tweet.get("extended_entities", {}).get("media", [])
    ]  # fmt: skip


def _user(user: dict[str, Any]) -> dict[str, Any]:
    return _made_user(user["id_str"]) | {
        "name": user["name"], "username": user["screen_name"], "location": user["location"],
        "description": user["description"], "url": user["url"],
        "profile_image_url": user["profile_image_url_https"],
        "public_metrics": {
            "followers_count": user["followers_count"], "following_count": user["friends_count"],
            "tweet_count": user["statuses_count"], "listed_count": user["listed_count"],
            "like_count": user["favourites_count"], "media_count": 12,
        },
    }  # fmt: skip


@lru_cache(maxsize=100_000)
def _made_user(uid: str) -> dict[str, Any]:
    """What of an account is the same in each of its posts."""
    dice = random.Random(uid)
    made: dict[str, Any] = {
        "id": uid, "created_at": "2012-10-10T20:19:24.000Z", "verified": False,
        "verified_type": "none", "protected": False,
    }  # fmt: skip
    if dice.random() < 0.5:
        made["pinned_tweet_id"] = str(dice.randrange(10**18, 2 * 10**18))
    if dice.random() < 0.6:
        made["entities"] = {
            "url": {"urls": [{"start": 0, "end": 23, "url": "https://t.co/abcdefghij",
                              "expanded_url": "https://example.org/about-us/people",
                              "display_url": "example.org/about-us"}]},
            "description": {"hashtags": [{"start": 3, "end": 12, "tag": "libraries"}]},
        }  # fmt: skip
    return made
