"""Cookies and referrers, and what the audit log says of who did what (S1, S2, S9, S46)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.factory import create_app
from sfm.models import AuditEntry, User
from sfm.users import service
from tests.pages import PageClient, page, submit

GOOD = "seven purple umbrellas rust"
SECURE = "https://localhost"


@pytest.fixture
def ann(app: Flask) -> User:
    made = service.create("ann", GOOD, superuser=True).user
    db.session.commit()
    return made


@pytest.fixture
def secure(app: Flask, settings: Settings, ann: User) -> FlaskClient:
    """The app as it stands behind TLS."""
    other = create_app(replace(settings, https=True))
    other.test_client_class = PageClient
    return other.test_client()


def test_one_cookie_is_set_and_it_stays_on_this_host_over_tls(secure: FlaskClient) -> None:
    shown = secure.get("/login/", base_url=SECURE)
    headers = {"Referer": f"{SECURE}/login/"}
    token = shown.text.split('name="csrf_token" value="')[1].split('"')[0]
    fields = {"csrf_token": token, "username": "ann", "password": GOOD}
    answer = secure.post("/login/", data=fields, headers=headers, base_url=SECURE)
    assert answer.status_code == 303
    (cookie,) = answer.headers.getlist("Set-Cookie")  # none that remembers for longer
    name, _, attributes = cookie.partition("=")
    assert name == "__Host-sfm"
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert f"; {attribute}" in attributes
    assert "Domain" not in attributes


def test_over_tls_a_form_from_elsewhere_is_refused(secure: FlaskClient) -> None:
    shown = secure.get("/login/", base_url=SECURE)
    assert shown.headers["Referrer-Policy"] == "same-origin"  # browsers then send it to us
    token = shown.text.split('name="csrf_token" value="')[1].split('"')[0]
    fields = {"csrf_token": token, "username": "ann", "password": GOOD}
    for referrer in ("https://evil.example/", "http://localhost/login/", ""):
        headers = {"Referer": referrer} if referrer else {}
        answer = secure.post("/login/", data=fields, headers=headers, base_url=SECURE)
        assert answer.status_code == 400


def test_the_audit_log_says_who_did_what_to_what_and_from_where(
    client: FlaskClient, ann: User
) -> None:
    form = page(client, "/login/")
    submit(client, form, "/login/", username="ann", password="wrong")
    submit(client, form, "/login/", username="ann", password=GOOD)
    submit(client, page(client, "/sets/new/"), "/sets/new/", name="Floods")
    made = page(client, "/sets/")
    number = next(
        link for link in made.links() if link.startswith("/sets/") and link[6:7].isdigit()
    )
    answer = submit(
        client, page(client, f"{number}delete/"), f"{number}delete/", typed_name="Floods"
    )
    assert answer.status_code == 303
    other = service.create("ben", GOOD).user
    db.session.commit()
    address = f"/admin/users/{other.id}/"
    submit(client, page(client, address), f"{address}rights/", is_superuser="y")
    submit(client, page(client, "/account/"), "/logout/")
    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.address != "").order_by(AuditEntry.id)
    ).all()
    told = [(entry.actor, entry.action, entry.subject, entry.address) for entry in entries]
    assert told == [
        ("somebody", "sign_in.failed", "ann", "127.0.0.1"),
        ("ann", "sign_in.password", "ann", "127.0.0.1"),
        ("ann", "set.created", "Floods", "127.0.0.1"),
        ("ann", "set.deleted", "Floods", "127.0.0.1"),
        ("ann", "user.made_administrator", "ben", "127.0.0.1"),
        ("ann", "sign_in.ended", "ann", "127.0.0.1"),
    ]


def test_the_log_outlives_the_user_it_tells_of(app: Flask, ann: User) -> None:
    from sfm.users import merge_users

    ben = service.create("ben", GOOD).user
    db.session.commit()
    merge_users.merge(ann, ben)
    db.session.commit()
    subjects = db.session.scalars(select(AuditEntry.subject)).all()
    assert "ben" in subjects
