"""Templates and routes keep to the house's rules, whoever writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "sfm" / "templates"

FORBIDDEN = {
    r"\|\s*safe\b": "captured text is escaped, always",
    r"\bMarkup\b": "captured text is escaped, always",
    r"autoescape\s+false": "captured text is escaped, always",
    r"hx-on\b": "our few listeners live in app.js",
    r"hx-(vals|headers)=.js:": "nothing is evaluated",
    r"hx-ext\b": "no extensions",
    r"hx-boost\b": "it breaks downloads and signing in elsewhere",
    r"hx-delete\b": "forms post",
    r"hx-(put|patch)\b": "forms post",
    r"hx-disinherit|hx-inherit": "nothing is inherited",
    r"\sstyle=": "no inline style",
    r"<style\b": "no inline style",
    r"<script(?![^>]*\bsrc=)": "no inline script",
    r"\son[a-z]+\s*=\s*[\"']": "no inline script",
    r"javascript:": "no script addresses",
    r"(?:src|href)=[\"'](?:https?:)?//": "nothing off this site",
    r"hx-trigger=\"[^\"]*\[": "no trigger filters: they are evaluated",
}
TAG = re.compile(r"<[a-z][^<>]*?\bhx-(?:get|post)=.*?>", re.S)


def templates() -> Iterator[tuple[str, str]]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(TEMPLATES).as_posix(), re.sub(r"\{#.*?#\}", "", text, flags=re.S)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_templates_hold_nothing_forbidden(pattern: str) -> None:
    wrong = [name for name, text in templates() if re.search(pattern, text)]
    assert not wrong, FORBIDDEN[pattern]


def test_what_is_not_a_page_starts_with_an_underscore() -> None:
    wrong = []
    for name, text in templates():
        if name.startswith("macros/") or name == "base.html":
            continue
        is_page = "{% extends" in text
        if is_page == name.split("/")[-1].startswith("_"):
            wrong.append(name)
    assert not wrong


def test_each_htmx_element_says_where_its_answer_goes() -> None:
    wrong = []
    for name, text in templates():
        bare = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", lambda found: re.sub("[<>]", " ", found[0]), text)
        for tag in TAG.findall(bare):
            if "hx-target=" not in tag or "hx-swap=" not in tag:
                wrong.append(f"{name}: {' '.join(tag.split())[:90]}")
    assert not wrong


def test_no_partial_is_longer_than_a_screen() -> None:
    wrong = [
        f"{name} {text.count(chr(10))}"
        for name, text in templates()
        if text.count("\n") > (90 if "/_" in name else 140)
    ]
    assert not wrong


def test_no_line_is_longer_than_a_screen_is_wide() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {len(line)}"
        for path in sorted((ROOT / "sfm").rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > 120
    ]
    assert not wrong, "break lines between attributes, at blanks, or inside {{ … }}"


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            yield rule.rule, rule.endpoint


def test_every_route_has_an_access_rule(app: Flask) -> None:
    ruled = {name for name, view in app.view_functions.items() if hasattr(view, "access_rule")}
    assert not [address for address, endpoint in routes(app) if endpoint not in ruled]


def test_addresses_are_kebab_case_and_their_parts_typed(app: Flask) -> None:
    part = re.compile(r"[a-z0-9-]*(\.[a-z0-9]+)?|<(id|string|any\([^)]*\)):[a-z_]+>(\.[a-z]+)?")
    wrong = [
        address
        for address, _ in routes(app)
        if not all(part.fullmatch(piece) for piece in address.strip("/").split("/"))
    ]
    assert not wrong, "parts are <id:…>, <string:…> or <any(…):…>: <int:…> lets 2**80 in"


def test_nothing_that_writes_answers_to_get(app: Flask) -> None:
    verbs = {"delete", "activate", "deactivate", "collect", "start", "stop", "cancel", "logout"}
    wrong = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.strip("/").split("/")[-1] in verbs - {"delete"} and "GET" in rule.methods
    ]
    assert not wrong


def test_htmx_is_the_pinned_one_and_its_settings_are_strict() -> None:
    base = (TEMPLATES / "base.html").read_text(encoding="utf-8")
    used = re.findall(r"vendor/(htmx\.org@2\.0\.\d+)/htmx\.min\.js", base)
    vendored = [path.name for path in (ROOT / "sfm/static/vendor").iterdir() if path.is_dir()]
    assert used == vendored
    code = (ROOT / "sfm/static/vendor" / used[0] / "htmx.min.js").read_text(encoding="utf-8")
    assert used[0].partition("@")[2] in code
    assert (ROOT / "sfm/static/vendor" / used[0] / "LICENSE").is_file()
    config = re.search(r"htmx-config\" content='([^']*)'", base)
    assert config is not None
    given = json.loads(config[1])
    strict = {"allowEval": False, "includeIndicatorStyles": False, "allowScriptTags": False}
    strict |= {"selfRequestsOnly": True, "historyCacheSize": 0, "refreshOnHistoryMiss": True}
    assert {name: given[name] for name in strict} == strict
