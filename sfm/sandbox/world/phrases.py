"""What the sandbox's people talk about. All of it is made up here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """Words that go together."""

    name: str
    things: tuple[str, ...]
    doings: tuple[str, ...]
    tags: tuple[str, ...]
    hosts: tuple[str, ...]


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "library",
            ("the library", "our map collection", "a shelf of atlases", "the bookmobile"),
            ("opens late tonight", "has a new catalogue", "moved upstairs", "is free for all"),
            ("library", "reading", "BookClub", "OpenAccess"),
            ("example.org/library", "catalog.example.edu"),
        ),
        Topic(
            "archives",
            ("the archives", "a box of letters", "our oral histories", "the tide registers"),
            ("went online today", "needs describing", "was rescued from damp", "found a reader"),
            ("archives", "WebArchiving", "DigiPres", "history"),
            ("archive.example.org", "example.edu/finding-aids"),
        ),
        Topic(
            "flood",
            ("the flood", "the old bridge", "Quay Street", "the weather service"),
            ("is above the mark", "stays closed", "asks people to keep away", "sent a warning"),
            ("flood", "HarborFlood", "weather", "StaySafe"),
            ("alerts.example.org", "example.net/live"),
        ),
        Topic(
            "election",
            ("the election", "a ballot box", "the count in ward 5", "the mayor's debate"),
            ("starts at nine", "was moved to the gym", "ends in a tie", "asks for volunteers"),
            ("election", "Vote2026", "CityCouncil", "debate"),
            ("vote.example.org", "news.example.com/politics"),
        ),
        Topic(
            "transit",
            ("the transit office", "the harbor ferry", "line B", "the night train"),
            ("runs every ten minutes", "is delayed", "stops at the museum", "turns 100"),
            ("transit", "ferry", "Route14", "commute"),
            ("transit.example.org", "example.com/lines"),
        ),
        Topic(
            "science",
            ("the science museum", "a sediment core", "our herbarium", "the open data portal"),
            ("shows something odd", "is 9,000 years old", "lost power", "has a new release"),
            ("science", "OpenData", "astronomy", "climate"),
            ("science.example.edu", "data.example.org/sets"),
        ),
        Topic(
            "music",
            ("the music hall", "a lost recording", "the choir", "Saturday's concert"),
            ("plays in the park", "was sold out", "wants a new tuba", "sounded like rain"),
            ("music", "NowPlaying", "concert", "vinyl"),
            ("music.example.com", "example.org/stage"),
        ),
        Topic(
            "food",
            ("the food market", "a plum cake", "the soup kitchen", "grandmother's recipe"),
            ("is back on Friday", "needs more salt", "fed 300 people", "won the prize"),
            ("food", "baking", "market", "recipes"),
            ("food.example.com", "example.net/recipes"),
        ),
        Topic(
            "health",
            ("the health bus", "our clinic", "the pollen count", "a first aid course"),
            ("is in town", "has walk-in hours", "is high today", "still has places"),
            ("health", "vaccine", "pollen", "FirstAid"),
            ("health.example.org", "clinic.example.net"),
        ),
    )
}

PLAIN = (
    "{Thing} {doing}.",
    "{Thing} {doing} {tag}",
    "Did you know? {Thing} {doing}. {tag} {link}",
    "News: {thing} {doing} {link}",
    "{tag} {tag2} {Thing} {doing}, and {thing2} {doing2}.",
    "What we learned this week about {thing}: {link} {tag}",
    "Photo of the day: {thing}. {tag}",
    "Thanks to {who} for the note about {thing} {emoji}",
    "{Thing} {doing} {emoji}{emoji} {tag}",
    "Q&A at noon with {who}: {thing} & {thing2} {link}",
    "If visitors > {number} then {thing} {doing}; if < {number2}, tea for all {tag}",
    "{number} people asked about {thing} today. That is <most> of the town & half the county.",
    "From {where}: {thing} {doing} {tag} {link}",
    "{cash} up {number2}% while {thing} {doing} {link}",
    "Line one: {thing}.\nLine two: {thing2} {doing}.\n\n{tag}",
    '"{Thing} {doing}" says {who} via {who2} {link} {tag}',
)

REPLIES = (
    "Thank you! {Thing} {doing} {emoji}",
    "Not quite: {thing} {doing}.",
    "Where can I read more about {thing}?",
    "Here it is {link}",
    "Same here, {thing} {doing} {tag}",
    "+1 {emoji}",
)

QUOTES = (
    "This. {Thing} {doing} {tag}",
    "Worth reading {emoji}",
    "We said so about {thing} last year {tag}",
    "And {thing2} {doing} too & nobody noticed",
)

LONG = (
    "A longer story about {thing}. ",
    "It began when {thing2} {doing}. ",
    "Nobody had expected that {thing} {doing2}. ",
    "We asked {who}, who remembers the year {number}. ",
    "Notes, scans & letters are here: {link} ",
    "More under {tag} and {tag2}. ",
    "At {where} people still talk about {thing}. ",
    "The bill came to < {number} coins; a lot, then. ",
    "Some called it luck {emoji}, others {thing2}. ",
)

OTHER_LANGUAGES: dict[str, tuple[str, ...]] = {
    "ar": (
        "المكتبة مفتوحة اليوم حتى الساعة التاسعة {tag}",
        "صورة قديمة من الأرشيف {link}",
        "شكرا {who} على الزيارة {emoji}",
    ),
    "he": ("הספרייה פתוחה היום {tag}", "מפה ישנה מן הארכיון & עוד {link}", "תודה {who}"),
    "fa": ("کتابخانهٔ شهر امروز باز است {tag}", "نقشه‌ای از بندر قدیم {link}"),
    "ja": ("今日は図書館が夜九時まで開いています。{tag}", "港の古い地図を公開しました {link}"),
    "ko": ("오늘 도서관은 아홉 시까지 엽니다 {tag}", "오래된 항구 지도 {link}"),
    "zh": ("图书馆今天开放到晚上九点 {tag}", "港口的旧地图 {link} {emoji}"),
    "ru": ("Библиотека открыта до девяти {tag}", "Старая карта гавани {link}"),
    "hi": ("पुस्तकालय आज रात नौ बजे तक खुला है {tag}", "पुराना नक्शा {link}"),
    "es": ("¡La biblioteca abre hasta las nueve! {tag}", "Mañana: café, mapas y música {link}"),
    "fr": ("La bibliothèque ouvre jusqu'à neuf heures {tag}", "Touché ! Voilà la carte {link}"),
    "de": ("Die Bücherei hat heute länger offen {tag}", "Größer, älter, schöner: {link}"),
    "pt": ("A biblioteca abre até às nove {tag}", "Um mapa antigo do porto {link}"),
    "tr": ("Kütüphane bugün dokuza kadar açık {tag}", "Eski liman haritası {link}"),
}

FOREIGN_TAGS: dict[str, tuple[str, ...]] = {
    "ar": ("مكتبة", "أرشيف"),
    "he": ("ספרייה", "ארכיון"),
    "fa": ("کتابخانه",),
    "ja": ("図書館", "港"),
    "ko": ("도서관",),
    "zh": ("图书馆",),
    "ru": ("библиотека",),
    "hi": ("पुस्तकालय",),
    "es": ("biblioteca", "mañana"),
    "fr": ("bibliothèque",),
    "de": ("Bücherei",),
    "pt": ("biblioteca",),
    "tr": ("kütüphane",),
}

# Single signs, skin tones, joined families and flags: each counts its code points, not its looks.
EMOJI = ("📚", "🌊", "🎉", "👍🏽", "👩🏾‍🔬", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇬🇭", "☕️", "🦉", "❤️", "🗳️")

CASHTAGS = ("HBRF", "MILL", "BOOK")

POLL_CHOICES = (
    ("Tea", "Coffee", "Neither"),
    ("Yes", "No"),
    ("Maps", "Letters", "Photos", "Sound"),
    ("Before noon", "After noon"),
)

ALT_TEXTS = (
    "A wooden reading desk with a green lamp",
    "High water at the foot of the old bridge",
    "Hand-drawn map of a harbor, coloured blue",
    'A poster that says "Open late" & shows a clock',
)
