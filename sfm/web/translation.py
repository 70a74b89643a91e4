"""Sentences of the floors below, in the reader's language.

Errors, runs and the status of streams speak English: they are written into the database, into
logs and onto terminals as well. Each is a `sfm.messages.Message`, which brings its msgid and
values; here gettext translates the msgid, and the values are put into the translation. What no
catalogue knows is shown as it is.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_babel import LazyString, get_domain

from sfm.messages import Message, PluralMessage, unpack


def bind(app: Flask) -> None:
    """Give templates the filter `translate`."""
    app.jinja_env.filters["translate"] = translate


def translate(text: object) -> str:
    """A sentence in the reader's language: a Message with its values, also as `pack` stored it,
    a word that `N_` marked, or any other text as it is."""
    if text is None or text == "":
        return ""
    if not isinstance(text, Message):
        text = unpack(str(text))
    if not isinstance(text, Message):
        return _gettext(text)
    template = _template(text)
    values = {
        name: translate(value) if isinstance(value, Message) else value
        for name, value in text.values.items()
    }
    if not values:
        return template
    try:
        return template % values
    except (KeyError, ValueError, TypeError):  # a slip of a translator must not cost the page
        return str(text)


def translate_lazily(text: str) -> LazyString:
    """The same, looked up when it is shown; for what is made before there is a reader."""
    return LazyString(translate, text)


def languages(app: Flask) -> list[str]:
    """The languages that pages can be shown in, English first."""
    folders = str(app.config["BABEL_TRANSLATION_DIRECTORIES"]).split(";")
    others = {
        path.parent.parent.name
        for folder in folders
        for path in (Path(app.root_path) / folder).glob("*/LC_MESSAGES/messages.mo")
    }
    return ["en", *sorted(others - {"en"})]


def _template(message: Message) -> str:
    """The sentence in the reader's language, its values still to be put in."""
    if not isinstance(message, PluralMessage):
        return _gettext(message.msgid)
    translations = get_domain().get_translations()
    return str(translations.ngettext(message.msgid, message.plural, message.num))


def _gettext(msgid: str) -> str:
    translated: str = get_domain().get_translations().gettext(msgid)
    return translated
