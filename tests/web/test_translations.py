"""Pages in another language: a made-up one, in which every vowel of every known string is changed.

What is still plain English on a page then is not for translators to reach.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from sfm.accounts import list_drafts
from sfm.config import Settings
from sfm.database import db
from sfm.factory import create_app
from sfm.messages import Message, PluralMessage, join_messages, pack
from sfm.models import Link, TwitterFilter, User
from sfm.twitter.errors import account_problem
from sfm.web.pages.admin_list_import import LINES
from sfm.web.translation import translate as translated
from tests.conftest import ROOT, test_settings
from tests.factories import make_run, make_run_error, make_set, make_tweets, make_twitter_user
from tests.pages import Page, checked, page

Login = Callable[[User], FlaskClient]
LANGUAGE = "eo"
ASKED = {"Accept-Language": LANGUAGE, "Accept": "text/html"}
CHANGED = str.maketrans("aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ")
KEPT = re.compile(r"%\(\w+\)s|%%")
WORD = re.compile(r"(?<![\w@#/.&:-])[A-Za-z]{3,}(?![\w@/:-])")
DATA = {"bdi", "code", "pre", "time", "script", "style", "textarea"}
MONTHS = set(Locale(LANGUAGE).months["format"]["abbreviated"].values())
NAMES = MONTHS | {
    "angla",
    "pls",
    "plz",
    "Social",
    "Feed",
    "Manager",
    "UTC",
    "CSV",
    "TSV",
    "JSON",
    "SHA",
    "XLSX",
    "Excel",
    "Parquet",
    "uid",
    "dns",  # values of a column
    "tls",
}


def changed(text: str) -> str:
    """The made-up translation; places for values stay."""
    parts = zip(KEPT.split(text), [*KEPT.findall(text), ""], strict=True)
    return "".join(words.translate(CHANGED) + place for words, place in parts)


@pytest.fixture(scope="module")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled catalogue of everything that extraction finds."""
    folder = tmp_path_factory.mktemp("translations")
    template = folder / "messages.pot"
    CommandLineInterface().run(  # type: ignore[no-untyped-call]
        ["pybabel", "-q", "extract", "-F", str(ROOT / "babel.cfg"), "-o", str(template), str(ROOT)]
    )
    with template.open("rb") as file:
        catalogue = read_po(file, locale=LANGUAGE)
    translate(catalogue)
    target = folder / LANGUAGE / "LC_MESSAGES"
    target.mkdir(parents=True)
    with (target / "messages.mo").open("wb") as compiled:
        write_mo(compiled, catalogue)
    return folder


def translate(catalogue: Catalog) -> None:
    for message in catalogue:
        if isinstance(message.id, str):
            message.string = changed(message.id)
        else:
            message.string = tuple(map(changed, message.id))


@pytest.fixture
def settings(instance_folder: Path, database_url: str, translations: Path) -> Settings:
    """An installation that has brought its own language."""
    shutil.copytree(translations, instance_folder / "translations")
    return test_settings(instance_folder, database_url)


@pytest.fixture
def boss(login_as: Login, superuser: User) -> FlaskClient:
    superuser.username = "0001"
    return login_as(superuser)


def left_over(found: Page) -> list[str]:
    """English words that are neither data nor names."""
    shown = [text for text in _shown(found.root.find("body")) if text]
    return [word for text in shown for word in WORD.findall(text) if word not in NAMES]


def _shown(element: Element | None) -> Iterator[str]:
    if (
        element is None
        or element.tag in DATA
        or element.get("id") == "time_zone"
        or "mono" in (element.get("class") or "")
    ):
        return
    yield element.text or ""
    for name in ("aria-label", "placeholder", "title", "alt", "data-close", "data-unreachable"):
        yield element.get(name) or ""
    for child in element:
        yield from _shown(child)
        yield child.tail or ""


@pytest.fixture
def addresses(app: Flask, superuser: User) -> list[str]:
    """The main pages, with data that has no words."""
    user = make_twitter_user("u0001", display_name="0001")
    gone = make_twitter_user("u0002", is_active=False, state="suspended")
    suspended = account_problem("suspended", "u0002").message
    gone.state_reason = suspended
    tweets = make_tweets(user, ["1 2 3", "4 5 6"])
    run = make_run(added=4, total=2, done=2, message="It was cut off, and goes on soon.")
    make_run_error(run, gone, suspended)
    make_run("fetch_urls", "failed", message="It was cut off, and goes on soon.")
    stream = TwitterFilter(name="0001", user_id=superuser.id, is_active=False, words="0001")
    link = Link(url_hash="0" * 64, start_url="https://t.co/1", outcome="gone", final_status=404)
    db.session.add_all([stream, link])
    db.session.commit()
    found = make_set(superuser, "0001", [user, gone])
    names = list_drafts.begin(
        superuser.id, "u0001\nu0001\n0 1\n" + "\n".join(map(str, range(LINES)))
    )
    return [
        "/", "/about/", "/account/", "/admin/", "/admin/audit/",
        "/admin/jobs/", "/admin/jobs/user_timeline/", "/admin/timeline-errors/",
        "/admin/timeline-jobs/", "/admin/twitter-user-item-urls/", "/admin/twitter-user-items/",
        f"/admin/twitter-user-items/delete/?tweet={tweets[0]}",
        f"/admin/twitter-user-item-urls/change/?link={link.id}",
        "/admin/twitter-users/", f"/admin/twitter-users/{user.id}/", "/admin/twitter-users/add/",
        f"/admin/twitter-users/list/{names}/?at=3",
        f"/admin/twitter-users/{user.id}/delete/", "/admin/users/", "/admin/users/add/",
        f"/admin/users/{superuser.id}/", f"/admin/users/{superuser.id}/delete/",
        f"/admin/timeline-jobs/delete/?job={run.id}", "/data-dictionary/", "/exports/",
        f"/exports/new/?account={user.id}", "/files/", "/filters/", f"/filters/{stream.id}/",
        f"/filters/{stream.id}/edit/", "/filters/new/", "/links/", "/links/counts/", "/runs/",
        f"/runs/{run.id}/",
        "/search/?q=u0001", "/search/?q=zz", "/sets/", f"/sets/{found.id}/",
        f"/sets/{found.id}/edit/", f"/sets/{found.id}/delete/", "/sets/new/", "/status/",
        "/tweets/", "/tweets/?q=1", f"/twitter-item/{tweets[0]}/",
        f"/twitter-item/{tweets[0]}/links/", "/twitter-user/u0001/", "/twitter-user/u0002/",
        "/users/alpha/", "/users/alpha/?letter=u",
    ]  # fmt: skip


@pytest.mark.slow
def test_no_plain_english_is_left_on_any_main_page(boss: FlaskClient, addresses: list[str]) -> None:
    left = {}
    for address in addresses:
        found = page(boss, address, headers=ASKED)
        assert found.root.get("lang") == LANGUAGE
        assert "Ádmínístrátíón" in found.text, "the menu at least is translated"
        words = left_over(found)
        if words:
            left[address] = words
    assert not left


def test_an_error_with_a_value_is_told_in_the_readers_language(boss: FlaskClient) -> None:
    found = page(boss, "/tweets/?from=soon", 422, headers=ASKED)
    assert "“soon” ís nó dáté. Wríté ít ás 2026-11-22." in found.text
    gone = page(boss, "/twitter-item/77/", 404, headers=ASKED)
    assert "Théré ís nó súch póst héré." in gone.text
    form = page(boss, "/admin/users/add/", headers=ASKED)
    sent = boss.post("/admin/users/add/", data={**hidden(form), "username": "é"}, headers=ASKED)
    assert "Á námé bégíns wíth á léttér ór dígít" in checked(sent, 422).text


def hidden(found: Page) -> dict[str, str]:
    fields = found.form("/admin/users/add/").iter("input")
    return {one.get("name") or "": one.get("value") or "" for one in fields if one.get("value")}


def test_who_asks_for_no_language_that_is_here_reads_english(boss: FlaskClient) -> None:
    for asked in ({}, {"Accept-Language": "fr, nl;q=0.5"}, {"Accept-Language": "en, eo;q=0.9"}):
        found = page(boss, "/twitter-item/77/", 404, headers=asked)
        assert found.root.get("lang") == "en"
        assert "There is no such post here." in found.text


def test_what_was_captured_is_never_translated(boss: FlaskClient) -> None:
    words = "It was cut off, and goes on soon."
    (tweet,) = make_tweets(make_twitter_user("anna"), [words])
    for address in (f"/twitter-item/{tweet}/", "/tweets/", "/", "/admin/twitter-user-items/"):
        assert words in page(boss, address, headers=ASKED).text


MANAGER = Message("supervisord is not running.")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (Message("This run is over already."), "Thís rún ís óvér álréádý."),
        ("This run is over already.", "Thís rún ís óvér álréádý."),  # of a row, without values
        (
            Message("“%(text)s” is no date. Write it as 2026-11-22.", text="14 % {} soon"),
            "“14 % {} soon” ís nó dáté. Wríté ít ás 2026-11-22.",
        ),
        (
            PluralMessage("Posts of %(num)s stream file", "Posts of %(num)s stream files", 2),
            "Pósts óf 2 stréám fílés",
        ),
        (pack(Message("No run %(id)s.", id=7)), "No run 7."),  # no catalogue knows it
        (
            pack(join_messages([Message("It is connecting."), MANAGER])),
            "Ít ís cónnéctíng. súpérvísórd ís nót rúnníng.",
        ),
        (
            join_messages([Message("It is connecting."), MANAGER]),
            "Ít ís cónnéctíng. súpérvísórd ís nót rúnníng.",
        ),
        (
            Message(
                "Saved. %(message)s The processes follow by themselves within half a minute of "
                "its being back.",
                message=MANAGER,
            ),
            (
                "Sávéd. súpérvísórd ís nót rúnníng. Thé prócéssés fóllów bý thémsélvés wíthín hálf "
                "á mínúté óf íts béíng báck."
            ),
        ),
    ],
)
def test_sentences_are_translated_with_their_values(app: Flask, message: str, shown: str) -> None:
    with app.test_request_context(headers=ASKED):
        assert translated(message) == shown


def test_a_language_that_is_not_here_shows_english(app: Flask) -> None:
    message = Message("There already is a set called “%(name)s”.", name="100 %")
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        assert translated(message) == "There already is a set called “100 %”."


def test_a_value_is_never_taken_for_a_sentence(app: Flask) -> None:
    words = "This run is over already."
    with app.test_request_context(headers=ASKED):
        shown = translated(Message("There already is a set called “%(name)s”.", name=words))
    assert shown == f"Théré álréádý ís á sét cálléd “{words}”."


def test_what_a_run_wrote_is_shown_in_the_readers_language(boss: FlaskClient) -> None:
    run = make_run(
        "fetch_urls",
        "failed",
        message=Message(
            "The disk reports an error (%(reason)s); it should be checked.", reason="x 7"
        ),
    )
    make_run_error(run, make_twitter_user("u0003"), account_problem("suspended", "u0003").message)
    db.session.expire_all()
    shown = page(boss, f"/runs/{run.id}/", headers=ASKED).text
    assert "Thé dísk répórts án érrór (x 7); ít shóúld bé chéckéd." in shown
    assert "Twíttér hás súspéndéd thé áccóúnt u0003." in shown
    english = page(boss, f"/runs/{run.id}/").text
    assert "The disk reports an error (x 7); it should be checked." in english
    assert "Twitter has suspended the account u0003." in english
    assert "%(" not in english


@pytest.mark.parametrize("other", ["", "No sentence of ours.", "Its date is no date. 5 of 6"])
def test_other_words_stay_as_they_are(app: Flask, other: str) -> None:
    with app.test_request_context(headers=ASKED):
        assert translated(other) == other


PLACES = ("%(nom)s", "%(name", "100%")


def test_a_slip_of_a_translator_costs_no_page(app: Flask, instance_folder: Path) -> None:
    catalogue = Catalog(locale="fr")
    for number, place in enumerate(PLACES):
        catalogue.add(f"No {number} %(name)s is here.", f"{place} !")
    folder = instance_folder / "translations" / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as compiled:
        write_mo(compiled, catalogue)
    fresh = create_app(app.extensions["sfm_settings"])
    with fresh.test_request_context(headers={"Accept-Language": "fr"}):
        for number in range(len(PLACES)):
            message = Message(f"No {number} %(name)s is here.", name="anna")
            assert translated(message) == f"No {number} anna is here."


def test_every_sentence_that_is_raised_is_in_the_catalogue(translations: Path) -> None:
    with (translations / "messages.pot").open("rb") as file:
        known = {message.id for message in read_po(file)}
    raised = [
        marked.args[0].value
        for path in sorted((ROOT / "sfm").rglob("*.py"))
        if path.relative_to(ROOT / "sfm").parts[0] not in {"web", "cli", "sandbox"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and node.exc is not None
        for marked in ast.walk(node.exc)
        if isinstance(marked, ast.Call) and ast.unparse(marked.func) == "Message"
        if isinstance(marked.args[0], ast.Constant)
    ]  # fmt: skip
    assert len(raised) > 100
    assert set(raised) <= known
