"""A real gunicorn with the pages, and somebody who uses them."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from flask.testing import FlaskClient

from sfm.config import Settings
from sfm.models import User
from tests.conftest import ROOT
from tests.pages import sign_in


@contextmanager
def gunicorn(
    settings: Settings, log: Path, *words: str, **more: str
) -> Iterator[tuple[str, psutil.Popen]]:
    """The site's address and its master process; nothing else is due while it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with log.open("w") as out:
        process = psutil.Popen(
            [
                sys.executable, "-m", "gunicorn", *words, "--bind", address, "--no-control-socket",
                "wsgi:app",
            ],
            cwd=ROOT, stdout=out, stderr=out,
            env={
                "PATH": os.environ["PATH"],
                "SFM_INSTANCE": str(settings.instance),
                "SFM_DATABASE_URL": settings.database_url,
                "SFM_SECRET_KEY": settings.secret_key,
                "SFM_EXPORT_ROWS_AT_ONCE": "1000",
                "SFM_SCHEDULE_TIMELINES": "off",
                "SFM_SCHEDULE_RECONCILE": "off",
                **more,
            },
        )  # fmt: skip
    try:
        yield f"http://{address}", process
    finally:
        for child in process.children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def browser_of(client: FlaskClient, reader: User, site: str) -> requests.Session:
    """Somebody who is signed in, once the site answers."""
    sign_in(client, reader)
    cookie = client.get_cookie("sfm")
    assert cookie is not None
    browser = requests.Session()
    browser.cookies.set("sfm", cookie.value, domain="127.0.0.1", path="/")
    for _ in range(300):
        try:
            if browser.get(f"{site}/exports/", timeout=30).ok:
                return browser
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError("the site does not answer")


def ask_for(browser: requests.Session, site: str, **layout: str) -> str:
    """Ask for an export by the page's form; the address of its own page."""
    address = f"{site}/exports/new/"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(address).text)
    assert token is not None
    asked = browser.post(
        address, timeout=30, headers={"Referer": address}, data={"csrf_token": token[1], **layout}
    )
    assert asked.ok, asked.text
    return asked.url
