"""A real Chromium, and the app behind a real port. On SQLite only: pages do not know databases."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from sfm.config import Settings
from sfm.models import User
from sfm.sandbox.server import Sandbox
from tests.conftest import sandbox_settings
from tests.pages import PageClient, sign_in

CHROMIUM = os.environ.get("SFM_CHROMIUM") or "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking "
    "--disable-component-update --disable-sync --no-first-run"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for one file of tests: Playwright's event loop must not live on into others."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: install it, or set SFM_CHROMIUM to its path")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Twitter, in real time."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox)


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of the running app."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Watch:
    """What a browser did that it should not: requests elsewhere, breaches, errors."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.wrong: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.wrong.append(f"script: {error.error}"))

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.site, "data:", "about:")):
            self.wrong.append(f"off site: {request.url}")
        if request.url.endswith("/csp-report"):
            self.wrong.append(f"breach of the policy on {request.frame.url}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and "status" not in message.text.lower():
            self.wrong.append(f"console: {message.text}")


@pytest.fixture
def watch(site: str) -> Iterator[Watch]:
    """Everything that goes wrong in any browser of the test; looked at when the test ends."""
    found = Watch(site)
    yield found
    assert not found.wrong


OpenAs = Callable[..., Page]


@pytest.fixture
def open_as(app: Flask, chromium: Browser, site: str, watch: Watch) -> Iterator[OpenAs]:
    """`open_as(account, scripts=True, …)`: a page of a browser in which the account is in."""
    contexts: list[BrowserContext] = []

    def opened(account: User | None = None, *, scripts: bool = True, **more: Any) -> Page:
        more.setdefault("viewport", {"width": 1280, "height": 900})
        context = chromium.new_context(java_script_enabled=scripts, base_url=site, **more)
        context.set_default_timeout(15_000)
        contexts.append(context)
        watch.over(context)
        if account is not None:
            app.test_client_class = PageClient
            client = app.test_client()
            sign_in(client, account)
            cookie = client.get_cookie("sfm")
            assert cookie is not None
            context.add_cookies([{"name": "sfm", "value": cookie.value, "url": site}])
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
