"""The named accounts of every sandbox. Everyone here is made up.

`posts` is how many posts an account has at REFERENCE; it goes on at the same pace afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_MS = 1_793_491_200_000  # 2026-11-01T00:00:00Z
_DAY = 86_400_000


@dataclass(frozen=True)
class Role:
    """What one account of the cast is like. `gap_hours` is the pace between two posts."""

    username: str
    name: str
    bio: str = ""
    posts: int = 300
    gap_hours: float = 6.0
    topics: tuple[str, ...] = ("library",)
    habit: str = "mixed"
    language: str = "en"
    place: str = ""
    state: str = "active"
    verified: str = "none"
    former: tuple[tuple[int, str], ...] = ()  # (days before REFERENCE when it ended, name)
    followers: int = 1_500


def _days_before(days: int) -> int:
    return REFERENCE_MS - days * _DAY


def renames(role: Role, created_ms: int) -> list[tuple[int, str]]:
    """(since when in ms, username), oldest first."""
    names: list[tuple[int, str]] = []
    since = created_ms
    for days, username in role.former:
        names.append((since, username))
        since = max(since + 1, _days_before(days))
    return [*names, (since, role.username)]


CAST: tuple[Role, ...] = (
    Role(
        "ArchiveOfTides",
        "Archive of Tides",
        "Every tide since 1871. One post each & no end in sight.",
        posts=3_450,
        gap_hours=3.0,
        topics=("archives", "flood"),
        verified="business",
        followers=88_000,
    ),
    Role(
        "millbrook_lib",
        "Millbrook Public Library",
        "Books, maps, tea. #library Ask @FerryNotes how to get here.",
        posts=900,
        verified="business",
        followers=12_400,
        place="Alexandria, VA",
    ),
    Role(
        "HarborCouncil",
        "Harbor City Council",
        "The official account of the city council.",
        posts=700,
        topics=("election", "transit"),
        verified="government",
        followers=41_000,
    ),
    Role(
        "QuayWeather",
        "Quay Weather Desk",
        "Water levels on the hour.",
        posts=1_200,
        gap_hours=2.0,
        topics=("flood",),
        place="Takoradi, Ghana",
        habit="places",
    ),
    Role("FerryNotes", "Ferry Notes", "Timetables & fog.", topics=("transit",), posts=400),
    Role("nightbus14", "Night Bus 14", posts=260, topics=("transit", "music")),
    Role(
        "drada_mensah",
        "Dr Ada Mensah",
        "Sediments, seas, sentences. Opinions mine 👩🏾‍🔬",
        posts=820,
        topics=("science", "archives"),
        habit="long",
        verified="blue",
        followers=23_000,
    ),
    Role("OwlTelescope", "Owl Telescope", topics=("science",), habit="media", posts=350),
    Role("brassband_hq", "The Brass Band", topics=("music",), habit="media", posts=210),
    Role("PlumAndRye", "Plum & Rye <bakery>", "Cake > bread", topics=("food",), posts=330),
    Role("clinic_bus", "Vaccine Bus", topics=("health",), posts=280, habit="places"),
    Role("wardfive", "Ward Five Watch", topics=("election",), habit="replies", posts=640),
    Role("RetroRelay", "Retro Relay", "RT ≠ endorsement", habit="retweets", posts=1_500),
    Role("quote_unquote", "Quote, Unquote", habit="quotes", posts=450, topics=("archives",)),
    Role("PollsterPip", "Pip asks", habit="polls", posts=120, topics=("food", "election")),
    Role("maktaba_bahr", "مكتبة البحر", "كتب وخرائط وشاي", language="ar", posts=300),
    Role("sifriya_haifa", "ספריית הנמל", language="he", posts=180, place="Haifa, Israel"),
    Role("ketab_bandar", "کتابخانهٔ بندر", language="fa", posts=90),
    Role("minato_tosho", "港図書館", "本と地図。", language="ja", posts=420),
    Role("hangang_books", "한강 책방", language="ko", posts=110),
    Role("gangkou_shu", "港口书店", language="zh", posts=140),
    Role("gavan_biblio", "Гавань и книги", language="ru", posts=160),
    Role("pustak_ghar", "पुस्तक घर", language="hi", posts=75),
    Role("BiblioManana", "Biblioteca Mañana", language="es", posts=240),
    Role("cafe_touche", "Café Touché", language="fr", posts=190, topics=("food",)),
    Role("buecher_eck", "Bücher-Eck", language="de", posts=170),
    Role("porto_livros", "Livros do Porto", language="pt", posts=130),
    Role("liman_kitap", "Liman Kitap", language="tr", posts=95),
    # Histories: former names, and names that went on to somebody else.
    Role("tideline_news", "Tideline News", former=((200, "TideLine"), (90, "tideline_live"))),
    Role(
        "TideLine",
        "Tide Line Surf Shop",
        "Took a good name when it was free.",
        posts=60,
        former=((199, "tideline_surf"),),
    ),
    Role("Harbor_Gazette", "Harbor Gazette", former=((40, "HarborGazzette"),), posts=500),
    Role("museum_of_rain", "Museum of Rain", former=((400, "rainmuseum"),), posts=230),
    Role("rainmuseum", "fans of rain", posts=12, gap_hours=200, former=((399, "rain_fans"),)),
    # States.
    Role("quiet_keeper", "Quiet Keeper", state="protected", posts=150),
    Role("members_only_x", "Members Only", state="protected", posts=45),
    Role("spam_fountain", "Spam Fountain", state="suspended", posts=800),
    Role("rude_robot", "Rude Robot", state="suspended", posts=90),
    Role("gone_fishing_9", "Gone Fishing", state="deleted", posts=130),
    Role("closed_shop", "Closed Shop", state="deleted", posts=20),
    # Sizes at the edges.
    Role("just_arrived", "Just Arrived", "No posts yet.", posts=0, habit="silent"),
    Role("one_post_only", "One Post Only", posts=1, gap_hours=60_000),
    Role("seven_posts", "Seven Posts", posts=7, gap_hours=900),
    Role("about_100", "About One Hundred", posts=100, gap_hours=40),
    Role("about_501", "About Five Hundred and One", posts=501, gap_hours=9),
    Role("A1", "A", posts=30),
    Role("X_23456789_1234", "Fifteen Letters", posts=33),
    Role("_underscored_", "_ under _", posts=28),
    Role("emoji_only", "🦉🌊📚", "👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽", posts=140, habit="emoji"),
)

GENERATED_FIRST = ("north", "harbor", "paper", "green", "old", "river", "hill", "copper", "salt")
GENERATED_SECOND = ("reader", "desk", "lamp", "ledger", "press", "school", "society", "shop")
