"""A selection of posts: what a page lists, counts and charts, and what an export hands out.

Made from the arguments of an address and turned back into them, so that an address holds it whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.networks.record import MAX_ID
from sfm.posts import search_query
from sfm.posts.search_query import SearchQuery

KINDS = ("post", "retweet", "reply", "quote")
FIRST_DAY, LAST_DAY = date(2006, 3, 1), date(2099, 12, 31)
MAX_ACCOUNTS = 2_000  # in one address
MAX_IDS = 50_000
_LANG = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,6})?")
_YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True)
class Selection:
    """Which posts. Everything empty means all of them; all conditions hold together.

    `accounts` are TwitterUser ids; days are whole calendar days of `zone`, both included; `text`
    is a search as typed (`search_query`); `retweets` is "", "no" or "only".
    """

    accounts: tuple[int, ...] = ()
    set_id: int | None = None
    from_day: date | None = None
    to_day: date | None = None
    zone: str = "UTC"
    text: str = ""
    lang: str = ""
    kinds: tuple[str, ...] = ()
    retweets: str = ""
    has_link: bool | None = None
    has_media: bool | None = None
    ids: tuple[int, ...] = ()
    query: SearchQuery = field(default=SearchQuery(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.text:
            object.__setattr__(self, "query", search_query.parse(self.text))
        if self.from_day and self.to_day and self.from_day > self.to_day:
            raise WrongInput(Message("The first day lies behind the last one. Swap them."))

    @classmethod
    def from_args(cls, args: Mapping[str, Any], zone: str = "UTC") -> Selection:
        """The selection that an address's arguments mean; `zone` where they name none.

        Reads account, set, from, to, zone, q, lang, kind, retweets, link, media, ids; lists have
        commas. Anything else in `args` is passed over. Raises WrongInput with what to change.
        """
        text = str(args.get("q") or "").strip()
        return cls(
            accounts=_numbers(args, "account", MAX_ACCOUNTS),
            set_id=next(iter(_numbers(args, "set", 1)), None),
            from_day=_day(args, "from"),
            to_day=_day(args, "to"),
            zone=_zone(str(args.get("zone") or zone)),
            text=text,
            lang=_lang(str(args.get("lang") or "").strip()),
            kinds=_words(args, "kind", KINDS),
            retweets=next(iter(_words(args, "retweets", ("no", "only"))), ""),
            has_link=_yes_no(args, "link"),
            has_media=_yes_no(args, "media"),
            ids=_numbers(args, "ids", MAX_IDS),
        )

    def to_args(self) -> dict[str, str]:
        """The arguments that `from_args` makes the same selection of; nothing for what is empty.

        Days say their zone, UTC too: whoever reads them may have another one to fall back on.
        """
        yes_no = {True: "yes", False: "no", None: ""}
        args = {
            "q": self.text,
            "account": ",".join(map(str, self.accounts)),
            "set": str(self.set_id or ""),
            "from": self.from_day.isoformat() if self.from_day else "",
            "to": self.to_day.isoformat() if self.to_day else "",
            "zone": self.zone if self.from_day or self.to_day else "",
            "lang": self.lang,
            "kind": ",".join(self.kinds),
            "retweets": self.retweets,
            "link": yes_no[self.has_link],
            "media": yes_no[self.has_media],
            "ids": ",".join(map(str, self.ids)),
        }
        return {name: value for name, value in args.items() if value}

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.to_args()

    @property
    def chosen(self) -> set[str]:
        """The names of the conditions that are set."""
        empty = Selection()
        return {
            entry.name
            for entry in fields(self)
            if entry.name not in ("zone", "query")
            and getattr(self, entry.name) != getattr(empty, entry.name)
        }

    @property
    def moments(self) -> tuple[datetime | None, datetime | None]:
        """The first moment that belongs to it, and the first that does not any more; in UTC."""
        zone = ZoneInfo(self.zone)

        def start_of(day: date) -> datetime:
            return datetime.combine(day, time(), zone).astimezone(UTC)

        first = start_of(self.from_day) if self.from_day else None
        behind = start_of(self.to_day + timedelta(days=1)) if self.to_day else None
        return first, behind


def _numbers(args: Mapping[str, Any], name: str, most: int) -> tuple[int, ...]:
    numbers: dict[int, None] = {}
    for word in _listed(args, name):
        if not (word.isascii() and word.isdigit() and len(word) <= 19 and 0 < int(word) <= MAX_ID):
            raise WrongInput(
                Message(
                    "“%(word)s” is not a number that “%(name)s” can have.",
                    word=word[:40],
                    name=name,
                )
            )
        numbers[int(word)] = None
        if len(numbers) > most:
            raise WrongInput(
                Message("“%(name)s” takes %(most)s numbers at most.", name=name, most=f"{most:,}")
            )
    return tuple(numbers)


def _listed(args: Mapping[str, Any], name: str) -> Iterable[str]:
    """Every value given for a name, also where an address says it twice."""
    many = args.getlist(name) if hasattr(args, "getlist") else [args.get(name)]
    for value in many:
        parts = value if isinstance(value, list | tuple) else str(value or "").split(",")
        yield from (str(part).strip() for part in parts if str(part).strip())


def _words(args: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    words = dict.fromkeys(_listed(args, name))
    for word in words:
        if word not in allowed:
            raise WrongInput(
                Message("“%(name)s” takes one of: %(names)s.", name=name, names=", ".join(allowed))
            )
    return tuple(words)


def _yes_no(args: Mapping[str, Any], name: str) -> bool | None:
    word = str(args.get(name) or "").strip()
    if word and word not in _YES_NO:
        raise WrongInput(Message("“%(name)s” takes yes or no.", name=name))
    return _YES_NO.get(word)


def _day(args: Mapping[str, Any], name: str) -> date | None:
    text = str(args.get(name) or "").strip()
    if not text:
        return None
    try:
        if len(text) != 10:
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise WrongInput(
            Message("“%(text)s” is no date. Write it as 2026-11-22.", text=text[:40])
        ) from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise WrongInput(
            Message(
                "%(text)s is outside of Twitter's time: dates go from 2006-03-01 on.", text=text
            )
        )
    return day


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # also for folders and names out of the tree
        raise WrongInput(
            Message("“%(name)s” is no time zone, such as Europe/Berlin.", name=name[:40])
        ) from None
    return name


def _lang(code: str) -> str:
    if code and not _LANG.fullmatch(code):
        raise WrongInput(
            Message("“%(code)s” is no language code, such as en or ja.", code=code[:40])
        )
    return code
