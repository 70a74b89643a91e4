"""Made-up posts for benchmarks: the size, shape and mixture of real ones, nobody's words.

Mean 3.6 KB of JSON as v1.1 and 2.9 KB as v2 (see `v2_records`), a third retweets, seven scripts
and emoji, words by Zipf's law. All follows from the seed: two runs measure the same posts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.v2_records import as_v2

SNOWFLAKE_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
START = datetime(2022, 1, 1, tzinfo=UTC)
SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi wo xu ka li mo nu ra".split()
OTHER_SCRIPTS = (
    "東京都で大雨の警報が発表されました 図書館は休館です",
    "مكتبة المدينة مغلقة اليوم بسبب الفيضانات",
    "Библиотека закрыта из-за наводнения сегодня",
    "도서관은 오늘 홍수로 문을 닫습니다",
    "आज बाढ़ के कारण पुस्तकालय बंद है",
    "La bibliothèque est fermée à cause de l’inondation",
    "Η βιβλιοθήκη είναι κλειστή σήμερα",
)
EMOJI = "😀 🌊 📚 🏛️ 🎉 👩‍🚒 🇩🇪".split()
LANGS = ("ja", "ar", "ru", "ko", "hi", "fr", "el")
FILLER = {
    "contributors_enabled": False, "is_translator": False, "is_translation_enabled": False,
    "profile_background_color": "C0DEED", "profile_background_tile": False, "utc_offset": None,
    "profile_link_color": "1DA1F2", "profile_sidebar_border_color": "C0DEED", "time_zone": None,
    "profile_sidebar_fill_color": "DDEEF6", "profile_text_color": "333333", "geo_enabled": True,
    "profile_use_background_image": True, "has_extended_profile": False, "default_profile": True,
    "default_profile_image": False, "following": None, "follow_request_sent": None, "lang": None,
    "notifications": None, "translator_type": "none", "withheld_in_countries": [],
    "profile_background_image_url": "http://abs.twimg.com/images/themes/theme1/bg.png",
    "profile_background_image_url_https": "https://abs.twimg.com/images/themes/theme1/bg.png",
    "entities": {"url": {"urls": [{
        "url": "https://t.co/abcdefghij", "expanded_url": "https://example.org/about-us/people",
        "display_url": "example.org/about-us", "indices": [0, 23],
    }]}, "description": {"urls": []}},
}  # fmt: skip


def vocabulary(size: int = 20_000) -> list[str]:
    """Words of two to four syllables, the same ones every time."""
    dice = random.Random("vocabulary")
    words = {"".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(size * 2)}
    return sorted(words)[:size]


def snowflake(moment: datetime, sequence: int = 0) -> int:
    """The id of a post made at this moment."""
    milliseconds = int((moment - SNOWFLAKE_EPOCH) / timedelta(milliseconds=1))
    return (milliseconds << 22) | (sequence & 0x3FFFFF)


def as_line(record: dict[str, Any]) -> bytes:
    """As X sends it: no blanks, and characters as they are."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class World:
    """Accounts, and a stream of their posts, oldest first."""

    accounts: int = 2000
    seed: int = 1
    seconds_apart: float = 20.0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.words = vocabulary()
        # Zipf's law; drawn in bulk, for choices() with weights is slow.
        weights = [1 / (rank + 3) for rank in range(len(self.words))]
        self.drawn = self.dice.choices(self.words, weights, k=200_003)
        self.at = 0
        self.people = [self._person(number) for number in range(self.accounts)]

    def text(self) -> tuple[str, str]:
        """A text and its language."""
        count = self.dice.randint(6, 34)
        self.at = (self.at + count) % (len(self.drawn) - 40)
        words = self.drawn[self.at : self.at + count]
        chance = self.dice.random()
        if chance < 0.14:
            which = int(chance * 50)
            return OTHER_SCRIPTS[which] + " " + " ".join(words[:4]), LANGS[which]
        if chance < 0.3:
            words.append(self.dice.choice(EMOJI))
        return " ".join(words), "en"

    def v1(self, count: int) -> Iterator[dict[str, Any]]:
        """v1.1 posts, a third of them retweets."""
        for number in range(count):
            moment = START + timedelta(seconds=number * self.seconds_apart)
            tweet = self._v1_tweet(snowflake(moment, number), moment)
            if self.dice.random() < 0.33:
                original = self._v1_tweet(snowflake(moment - timedelta(hours=7), number), moment)
                tweet["retweeted_status"] = original
                name = original["user"]["screen_name"]
                tweet["full_text"] = f"RT @{name}: {original['full_text']}"[:140]
            yield tweet

    def v1_lines(self, count: int) -> Iterator[bytes]:
        """The same as received lines."""
        for tweet in self.v1(count):
            yield as_line(tweet)

    def v2_lines(self, count: int) -> Iterator[bytes]:
        """v2 records, each with its own includes."""
        for tweet in self.v1(count):
            yield as_line(as_v2(tweet))

    def _person(self, number: int) -> dict[str, Any]:
        text, _lang = self.text()
        uid = 1000 + number * 17
        return {
            "id": uid, "id_str": str(uid), "name": text[:30], "screen_name": f"reader_{number}",
            "location": text[30:60], "description": text[:150], "url": "https://t.co/abcdefghij",
            "protected": False, "followers_count": number * 31, "friends_count": number * 7,
            "listed_count": number, "created_at": "Wed Oct 10 20:19:24 +0000 2012",
            "favourites_count": number, "verified": False, "statuses_count": number * 100,
            "profile_image_url_https": f"https://pbs.twimg.com/profile_images/{uid}/p_normal.jpg",
            "profile_banner_url": f"https://pbs.twimg.com/profile_banners/{uid}/1500000000",
            **FILLER,
        }  # fmt: skip

    def _v1_tweet(self, twitter_id: int, moment: datetime) -> dict[str, Any]:
        text, lang = self.text()
        tags = [self.dice.choice(self.words[:200])] if self.dice.random() < 0.25 else []
        urls = []
        text = " ".join([text, *(f"#{tag}" for tag in tags)])
        if self.dice.random() < 0.35:
            urls = [self._v1_url(len(text) + 1, twitter_id)]
            text += " " + urls[0]["url"]
        return {
            "created_at": moment.strftime("%a %b %d %H:%M:%S +0000 %Y"),
            "id": twitter_id, "id_str": str(twitter_id), "full_text": text, "truncated": False,
            "display_text_range": [0, len(text)],
            "entities": {
                "hashtags": [{"text": tag, "indices": [0, len(tag) + 1]} for tag in tags],
                "symbols": [], "user_mentions": [], "urls": urls,
            },
            **self._v1_pictures(twitter_id),
            "source": '<a href="https://example.org/app" rel="nofollow">An app</a>',
            "in_reply_to_status_id": None, "in_reply_to_status_id_str": None,
            "in_reply_to_user_id": None, "in_reply_to_user_id_str": None,
            "in_reply_to_screen_name": None, "user": self.dice.choice(self.people), "geo": None,
            "coordinates": None, "place": None, "contributors": None, "is_quote_status": False,
            "retweet_count": self.dice.randint(0, 900), "favorite_count": self.dice.randint(0, 900),
            "favorited": False, "retweeted": False, "possibly_sensitive": False, "lang": lang,
        }  # fmt: skip

    def _v1_url(self, start: int, twitter_id: int) -> dict[str, Any]:
        url = f"https://t.co/{twitter_id % 10**10:010d}"
        return {
            "url": url,
            "expanded_url": f"https://example.org/{twitter_id % 977}/story-{twitter_id}.html",
            "display_url": f"example.org/{twitter_id % 977}/sto…",
            "indices": [start, start + len(url)],
        }

    def _v1_pictures(self, twitter_id: int) -> dict[str, Any]:
        if self.dice.random() >= 0.25:
            return {}
        address = f"https://pbs.twimg.com/media/{twitter_id}.jpg"
        size = {"w": 680, "h": 453, "resize": "fit", "faces": [{"x": 1, "y": 2, "h": 3, "w": 4}]}
        return {"extended_entities": {"media": [{
            "id": twitter_id, "id_str": str(twitter_id), "media_url_https": address,
            "url": "https://t.co/pic0000000", "display_url": "pic.twitter.com/pic0000000",
            "expanded_url": f"https://twitter.com/x/status/{twitter_id}/photo/1", "type": "photo",
            "indices": [0, 0], "sizes": dict.fromkeys(("small", "thumb", "medium", "large"), size),
        }]}}  # fmt: skip
