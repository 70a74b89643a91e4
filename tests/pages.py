"""Pages as a reader's browser takes them: fetched, checked for what every page owes, and sent on.

`page()` gives a parsed page after the checks that hold for all pages. `submit()` fills in one of
its forms and sends it as a browser without JavaScript would.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
from flask import has_app_context
from flask.testing import FlaskClient
from html5lib.html5parser import ParseError
from werkzeug.test import TestResponse

from sfm.database import db
from sfm.models import User

# What the HTML standard lets stand directly below what; its parser does not look at this.
ONLY = {
    "ul": {"li"}, "ol": {"li"}, "menu": {"li"}, "dl": {"dt", "dd", "div"},
    "table": {"caption", "colgroup", "thead", "tbody", "tfoot"}, "thead": {"tr"}, "tbody": {"tr"},
    "tr": {"th", "td"}, "select": {"option", "optgroup"}, "optgroup": {"option"},
}  # fmt: skip
PHRASES = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "span",
    "bdi",
    "label",
    "button",
    "legend",
    "dt",
    "code",
    "time",
}
BLOCKS = {
    "address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "fieldset",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "header", "hr", "li", "main", "nav", "ol",
    "p", "pre", "section", "table", "ul",
}  # fmt: skip
CLICKED = {"a", "button", "select", "textarea", "summary", "details"}
LABELLED = {"input", "select", "textarea"}
NEEDS_NO_LABEL = {"hidden", "submit", "button"}


class PageClient(FlaskClient):
    """A client whose requests stand in no context but their own, as in production.

    What the test has in its session is committed before, and forgotten after, so that both
    sides see each other's work.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if has_app_context():
            db.session.commit()
        answer: TestResponse = contextvars.Context().run(super().open, *args, **kwargs)
        if has_app_context():
            db.session.rollback()
        return answer


def sign_in(client: FlaskClient, account: User) -> None:
    """Go on as this account, without the work of hashing a password."""
    db.session.commit()
    with client.session_transaction() as session:
        session.clear()
        session["_user_id"] = account.get_id()
        session["_fresh"] = True


@dataclass(frozen=True)
class Page:
    """A page (or a fragment of one), parsed."""

    url: str
    status: int
    html: str
    root: Element
    response: TestResponse

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements with this tag and these attributes (`class_`: one of the classes)."""
        wanted_class = attributes.pop("class_", None)
        return [
            element
            for element in self.root.iter(tag)
            if all(element.get(name) == value for name, value in attributes.items())
            and (wanted_class is None or wanted_class in (element.get("class") or "").split())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of <{tag} {attributes}> on {self.url}"
        return found[0]

    def by_id(self, name: str) -> Element:
        found = [element for element in self.root.iter() if element.get("id") == name]
        assert found, f"no #{name} on {self.url}"
        return found[0]

    @property
    def text(self) -> str:
        """What a reader sees, blanks run together."""
        body = self.root.find("body")
        return text_of(self.root if body is None else body)

    def links(self) -> list[str]:
        return [element.get("href") or "" for element in self.root.iter("a")]

    def form(self, action: str) -> Element:
        """The form that goes to this path; one that posts before one that only asks."""
        found = [
            form
            for form in self.root.iter("form")
            if urlsplit(urljoin(self.url, form.get("action") or "")).path == urlsplit(action).path
        ]
        assert found, f"no form to {action} on {self.url}"
        return min(found, key=lambda form: form.get("method") != "post")


def text_of(element: Element) -> str:
    return " ".join("".join(_texts(element)).split())


def _texts(element: Element) -> Iterator[str]:
    if element.tag in {"script", "style", "template"}:
        return
    yield element.text or ""
    for child in element:
        yield from _texts(child)
        yield (" " if child.tag not in {"bdi", "b", "em", "strong", "a", "time"} else "") + (
            child.tail or ""
        )


def page(client: FlaskClient, url: str, status: int = 200, **more: Any) -> Page:
    """Fetch a whole page and check what every page owes its reader."""
    return checked(client.get(url, **more), status)


def part(client: FlaskClient, url: str, status: int = 200, **more: Any) -> Page:
    """Fetch the fragment that htmx would get, and check it."""
    headers = {"HX-Request": "true", **more.pop("headers", {})}
    return checked_part(client.get(url, headers=headers, **more), status)


def checked(response: TestResponse, status: int = 200) -> Page:
    assert response.status_code == status, (response.status, response.text[:2000])
    assert response.mimetype == "text/html"
    html = response.text
    assert html.lower().startswith("<!doctype html>"), "a page starts with its doctype"
    root = parse(html)
    found = Page(response.request.full_path.rstrip("?"), status, html, root, response)
    assert len(found.all("h1")) == 1, "one h1"
    title = (root.findtext("head/title") or "").strip()
    assert title
    assert text_of(found.one("h1")), "the h1 says something"
    _check_common(found)
    assert root.get("lang"), "the page names its language"
    return found


def checked_part(response: TestResponse, status: int = 200) -> Page:
    assert response.status_code == status, (response.status, response.text[:2000])
    html = response.text
    assert "<html" not in html.lower(), "a fragment is not a page"
    root = parse(f"<!doctype html><title>part</title><body>{html}</body>")
    found = Page(response.request.full_path.rstrip("?"), status, html, root, response)
    _check_common(found)
    return found


def parse(html: str) -> Element:
    """The page's tree; any breach of the HTML standard fails the test."""
    parser = html5lib.HTMLParser(
        tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False, strict=True
    )
    try:
        root: Element = parser.parse(html)
        for element in root.iter():
            element.tag = str(element.tag).split("}")[-1]  # SVG brings its namespace along
    except ParseError as exc:
        (line, column), code, details = parser.errors[-1]
        near = html.splitlines()[max(0, line - 2) : line + 1]
        raise AssertionError(f"HTML breach {code} {details} at {line}:{column}: {near}") from exc
    return root


def _check_common(found: Page) -> None:
    assert "HX-Request" in found.response.headers.get("Vary", ""), "Vary names HX-Request"
    _check_ids(found.root)
    _check_labels(found.root)
    _check_forms(found.root)
    _check_addresses(found.root)
    _check_content(found.root)


def _check_content(root: Element) -> None:
    for element in root.iter():
        children = [child.tag for child in element]
        allowed = ONLY.get(element.tag)
        if allowed is not None:
            assert set(children) <= allowed, f"<{element.tag}> holds {children}"
        below = {inner.tag for inner in element.iter() if inner is not element}
        if element.tag in PHRASES - {"dt"}:
            assert not below & BLOCKS, f"<{element.tag}> holds {below & BLOCKS}"
        if element.tag in {"a", "button"}:
            assert not below & (CLICKED | {"input", "label"}), f"<{element.tag}> holds {below}"
        if element.tag in {"dl", "select", "thead", "tr"}:
            assert children, f"<{element.tag}> is empty"
    for pairs in root.iter("dl"):
        for group in [child for child in pairs if child.tag == "div"] or [pairs]:
            order = [child.tag for child in group]
            assert order[0] == "dt", f"<dl> begins with {order[0]}"
            assert order[-1] == "dd", f"<dl> ends with {order[-1]}"


def _check_ids(root: Element) -> None:
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)), f"ids twice: {sorted({i for i in ids if ids.count(i) > 1})}"
    for element in root.iter():
        for name in ("for", "form", "list", "aria-labelledby", "aria-describedby", "aria-controls"):
            for target in (element.get(name) or "").split():
                assert target in ids, f"{name}={target} leads nowhere"


def _check_labels(root: Element) -> None:
    labelled = {label.get("for") for label in root.iter("label")}
    wrapped = {inner for label in root.iter("label") for inner in label.iter()}
    for element in root.iter():
        if element.tag not in LABELLED or element.get("type") in NEEDS_NO_LABEL:
            continue
        named = element.get("aria-label") or element.get("aria-labelledby")
        assert named or element.get("id") in labelled or element in wrapped, (
            f"no label: {element.tag} {element.attrib}"
        )
    for button in root.iter("button"):
        assert text_of(button) or button.get("aria-label"), "a button says what it does"


def _check_forms(root: Element) -> None:
    for form in root.iter("form"):
        method = (form.get("method") or "").lower()
        assert method in {"get", "post"}, f"form without method: {form.attrib}"
        assert form.get("action"), f"form without action: {form.attrib}"
        if method == "post":
            names = [entry.get("name") for entry in form.iter("input")]
            assert names.count("csrf_token") == 1, f"form with {names.count('csrf_token')} tokens"


def _check_addresses(root: Element) -> None:
    for element in root.iter():
        for name in ("src", "srcset", "data", "poster"):
            assert not re.match(r"(https?:)?//", element.get(name) or ""), "an off-site asset"
        if element.tag == "link":
            assert not re.match(r"(https?:)?//", element.get("href") or ""), "an off-site asset"
        if element.tag == "a":
            scheme = re.match(r"\s*([a-z0-9+.-]+):", (element.get("href") or "").lower())
            assert scheme is None or scheme[1] in {"http", "https", "mailto"}, element.attrib
        assert "style" not in element.attrib, f"inline style: {element.attrib}"
        handlers = [name for name in element.attrib if name.startswith("on")]
        assert not handlers, f"inline script: {element.attrib}"
    for script in root.iter("script"):
        assert script.get("src"), "inline script"


def fields_of(form: Element) -> list[tuple[str, str]]:
    """What a browser would send for this form as it stands (no button pressed)."""
    found = []
    for element in form.iter():
        name = element.get("name")
        if not name or "disabled" in element.attrib:
            continue
        if element.tag == "textarea":
            found.append((name, (element.text or "").removeprefix("\n")))
        elif element.tag == "select":
            options = list(element.iter("option"))
            chosen = [one for one in options if "selected" in one.attrib]
            if not chosen and "multiple" not in element.attrib:
                chosen = options[:1]
            found += [(name, one.get("value", one.text or "")) for one in chosen]
        elif element.tag == "input":
            found += _input_value(element, name)
    return found


def _input_value(element: Element, name: str) -> list[tuple[str, str]]:
    kind = element.get("type", "text")
    if kind in {"submit", "button", "image", "file"}:
        return []
    if kind in {"checkbox", "radio"} and "checked" not in element.attrib:
        return []
    return [(name, element.get("value", "on" if kind == "checkbox" else ""))]


def submit(client: FlaskClient, found: Page, where: str, /, **changes: Any) -> TestResponse:
    """Send the form that goes to `where`, with some of its fields changed.

    None takes a field out; a list gives a field several values; a (file, name) pair uploads.
    """
    form = found.form(where)
    values: dict[str, Any] = {}
    for name, value in fields_of(form):
        values.setdefault(name, []).append(value)
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value if isinstance(value, list) else [value]
    target = urljoin(found.url, form.get("action") or "")
    if (form.get("method") or "").lower() == "get":
        return client.get(target.split("?")[0], query_string=values)
    return client.post(target, data=values)
