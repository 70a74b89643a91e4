"""What all pages share: who may open them, headers, limits, errors."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from sfm.config import Settings
from sfm.database import db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.factory import create_app
from sfm.models import User
from sfm.web.access import access
from sfm.web.headers import allow_form_to
from sfm.web.htmx import done, page_or_part
from tests.conftest import test_settings
from tests.pages import PageClient, checked, page, submit, text_of

Login = Callable[[User], FlaskClient]
HTMX = {"HX-Request": "true"}


def fails_with(error: Exception) -> Callable[[], str]:
    def view() -> str:
        raise error

    return access("public")(view)


@pytest.fixture
def trouble(app: Flask) -> Flask:
    """The app with a few more addresses: each goes wrong in its own way, or has its own rule."""
    errors: dict[str, Exception] = {
        "missing": NotFound("There is no such set."),
        "wrong": WrongInput("A name has at most 15 letters."),
        "later": SfmError("Twitter cannot be reached."),
        "never": SfmError("The credential was refused.", permanent=True),
        "locked": OperationalError("SELECT secret", {}, Exception("database is locked")),
        "bug": ZeroDivisionError("canary-in-the-error"),
    }
    for name, error in errors.items():
        app.add_url_rule(f"/t/{name}", name, fails_with(error), methods=["GET", "POST"])
    app.add_url_rule("/t/unruled", "unruled", lambda: "seen")
    for who in ("public", "signed_in", "owner", "superuser"):
        app.add_url_rule(f"/t/{who}", who, access(who)(lambda: "seen"))
    app.add_url_rule("/t/<id:number>", "number", access("public")(lambda number: str(number)))
    return app


@pytest.mark.parametrize(
    ("name", "nobody", "viewer", "boss"),
    [
        ("public", 200, 200, 200),
        ("signed_in", 302, 200, 200),
        ("owner", 302, 200, 200),
        ("superuser", 302, 403, 200),
        ("unruled", 403, 403, 403),
    ],
)
def test_each_rule_lets_in_whom_it_says(
    trouble: Flask, client: FlaskClient, login_as: Login, reader: User, superuser: User,
    name: str, nobody: int, viewer: int, boss: int,
) -> None:  # fmt: skip
    assert client.get(f"/t/{name}").status_code == nobody
    assert login_as(reader).get(f"/t/{name}").status_code == viewer
    assert login_as(superuser).get(f"/t/{name}").status_code == boss


def test_nobody_is_sent_to_sign_in_and_back(client: FlaskClient) -> None:
    answer = client.get("/?a=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/?a%3D1")


def test_a_fragment_without_a_session_sends_the_whole_page_to_sign_in(client: FlaskClient) -> None:
    headers = {**HTMX, "HX-Current-URL": "http://localhost/tweets/?q=x"}
    answer = client.get("/", headers=headers)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["HX-Redirect"] == "/login/?next=/tweets/?q%3Dx"


def test_a_deactivated_account_is_out_at_once(login_as: Login, reader: User) -> None:
    client = login_as(reader)
    page(client, "/")
    reader.is_active = False
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("missing", 404, "There is no such set."),
        ("wrong", 422, "A name has at most 15 letters."),
        ("later", 503, "Twitter cannot be reached."),
        ("never", 409, "The credential was refused."),
        ("locked", 503, "The database is busy"),
        ("bug", 500, "It has been noted."),
    ],
)
def test_each_error_is_a_page_with_a_sentence_and_a_number(
    trouble: Flask, client: FlaskClient, name: str, status: int, sentence: str
) -> None:
    found = page(client, f"/t/{name}", status)
    assert sentence in found.text
    assert len(found.one("code").text or "") == 8
    assert "canary" not in found.html
    assert "SELECT" not in found.html


@pytest.mark.parametrize(("name", "status"), [("missing", 404), ("wrong", 422), ("bug", 500)])
def test_for_htmx_an_error_is_a_status_and_a_toast(
    trouble: Flask, client: FlaskClient, name: str, status: int
) -> None:
    answer = client.get(f"/t/{name}", headers=HTMX)
    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert (answer.status_code, toast["level"], answer.text) == (status, "error", "")
    assert toast["message"]
    assert answer.headers["HX-Reswap"] == "none", "or an empty 422 took the place of a form"


def test_the_log_has_the_number_of_the_page(
    trouble: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    found = page(client, "/t/bug", 500)
    assert f"number={found.one('code').text}" in caplog.text
    assert "canary-in-the-error" in caplog.text


def test_when_even_the_error_page_fails_a_fixed_one_is_sent(
    trouble: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    trouble.jinja_env.globals.pop("navigation")
    answer = client.get("/t/bug")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "Something went wrong" in answer.text
    assert "error page failed" in caplog.text
    assert answer.headers["Content-Security-Policy"]


def test_unknown_addresses_and_methods_are_pages(client: FlaskClient) -> None:
    page(client, "/no/such/page/", 404)
    answer = client.post("/health")
    assert sorted(answer.headers["Allow"].split(", ")) == ["GET", "HEAD", "OPTIONS"]
    checked(answer, 405)


@pytest.mark.parametrize("number", ["9223372036854775808", "0x1", "-1", "1.5", "99" * 40, "١٢"])
def test_ids_no_database_can_hold_are_not_found(
    trouble: Flask, client: FlaskClient, number: str
) -> None:
    assert client.get("/t/9223372036854775807").text == "9223372036854775807"
    page(client, f"/t/{number}", 404)


def test_nul_in_an_address_is_refused(client: FlaskClient) -> None:
    assert "NUL" in page(client, "/about/?q=a%00b", 400).text
    assert "NUL" in page(client, "/about/?a%00b=q", 400).text
    page(client, "/about%00/", 400)


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    login = page(client, "/login/")
    checked(submit(client, login, "/login/", username="x" * 1_100_000), 413)


def test_another_host_is_refused(client: FlaskClient) -> None:
    answer = client.get("/about/", base_url="http://evil.example/")
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert "TRUSTED_HOSTS" in answer.text


def test_health_answers_the_machine_itself_by_any_name(client: FlaskClient) -> None:
    """S-11: a check on the machine asks by an address that readers do not use."""
    for name in ("10.0.0.7:8000", "sfm.internal"):
        answer = client.get("/health", base_url=f"http://{name}/")
        assert (answer.status_code, answer.json) == (200, {"status": "ok"})
        assert client.get("/login/", base_url=f"http://{name}/").status_code == 400


def test_headers_of_every_kind_of_answer(
    client: FlaskClient, login_as: Login, reader: User
) -> None:
    expected = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'; report-uri /csp-report; report-to csp"
        ),
    }
    addresses = ["/about/", "/health", "/login/", "/no-such/", "/static/css/sfm.css", "/"]
    for address in addresses:
        answer = client.get(address)
        assert {name: answer.headers.get(name) for name in expected} == expected, address
        assert "Strict-Transport-Security" not in answer.headers
    answer = login_as(reader).get("/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "HX-Request" in answer.headers["Vary"]


def test_static_files_may_be_kept_and_change_their_address(client: FlaskClient) -> None:
    found = page(client, "/about/")
    sheet = found.one("link", rel="stylesheet").get("href") or ""
    answer = client.get(sheet)
    assert "v=" in sheet
    assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_a_form_may_lead_to_another_site_where_the_view_says_so(
    app: Flask, client: FlaskClient
) -> None:
    @access("public")
    def leaving() -> str:
        allow_form_to("https://api.x.example")
        return "x"

    app.add_url_rule("/t/leaving", "leaving", leaving)
    policy = client.get("/t/leaving").headers["Content-Security-Policy"]
    assert "form-action 'self' https://api.x.example;" in policy
    assert "x.example" not in client.get("/about/").headers["Content-Security-Policy"]


def test_browsers_reports_are_logged_and_cannot_forge_lines(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    report = {"csp-report": {"blocked-uri": "inline\nERROR forged", "violated-directive": "x"}}
    with caplog.at_level(logging.WARNING):
        assert client.post("/csp-report", json=report).status_code == 204
        assert client.post("/csp-report", data=b"\xff{{{").status_code == 204
        assert (
            client.post("/csp-report", json=[{"body": {"blockedURL": "u"}}, 3]).status_code == 204
        )
        assert client.post("/csp-report", data=b"x" * 20_000).status_code == 413
    lines = [record.getMessage() for record in caplog.records if "policy" in record.getMessage()]
    assert len(lines) == 2
    assert "\n" not in "".join(lines)


def test_every_unsafe_request_without_a_token_is_refused(
    trouble: Flask, client: FlaskClient, login_as: Login, superuser: User
) -> None:
    login_as(superuser)
    typed = {"notes": "A long <b>note</b>", "password": "canary"}
    from_here = {"Sec-Fetch-Site": "same-origin"}
    refused = checked(client.post("/t/bug", data=typed, headers=from_here), 400)
    assert "A long <b>note</b>" in refused.text
    assert "canary" not in refused.html
    elsewhere = checked(client.post("/t/bug", data=typed), 400)
    assert "A long" not in elsewhere.html, "only a page of ours has its texts shown again"
    assert "canary" not in elsewhere.html


def test_a_form_left_open_for_hours_still_works(client: FlaskClient) -> None:
    import time_machine

    with time_machine.travel("2026-11-22 12:00:00+00:00", tick=False) as traveller:
        login = page(client, "/login/")
        traveller.shift(61 * 60)
        answer = submit(client, login, "/login/", username="nobody", password="wrong")
    assert answer.status_code == 422


def test_pages_and_parts_answer_as_they_are_asked(app: Flask, client: FlaskClient) -> None:
    @access("public")
    def two() -> object:
        return page_or_part("about/index.html", "macros/empty.html")

    app.add_url_rule("/t/two", "two", two)
    page(client, "/t/two")
    assert "<html" not in client.get("/t/two", headers=HTMX).text
    for header in ("HX-Boosted", "HX-History-Restore-Request"):
        assert "<html" in client.get("/t/two", headers={**HTMX, header: "true"}).text


def test_done_goes_on_with_a_message(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/t/done", "done", access("public")(lambda: done("/about/", "Saved.")))
    plain = client.get("/t/done")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/about/")
    assert "Saved." in page(client, "/about/").text
    quick = client.get("/t/done", headers=HTMX)
    assert (quick.status_code, quick.headers["HX-Redirect"]) == (204, "/about/")


def test_health_says_nothing_more(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.get_data(as_text=True).strip()) == (200, '{"status":"ok"}')
    assert answer.get_json() == {"status": "ok"}


def test_over_https_cookies_are_sent_over_nothing_else(
    instance_folder: Path, database_url: str
) -> None:
    settings = test_settings(instance_folder, database_url, https=True)
    client = served(settings)
    answer = client.get("/login/", base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sfm=")
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def served(settings: Settings) -> FlaskClient:
    app = create_app(settings)
    app.test_client_class = PageClient
    return app.test_client()


@pytest.mark.parametrize(
    ("hops", "sent", "seen"),
    [
        (0, "8.8.8.8", "127.0.0.1"),
        (1, "8.8.8.8", "8.8.8.8"),
        (1, "6.6.6.6, 8.8.8.8", "8.8.8.8"),
        (2, "6.6.6.6, 8.8.8.8, 10.0.0.1", "8.8.8.8"),
    ],
)
def test_a_reader_cannot_choose_the_own_address(
    instance_folder: Path, database_url: str, hops: int, sent: str, seen: str
) -> None:
    from flask import request

    app = create_app(test_settings(instance_folder, database_url, proxy_hops=hops))
    app.add_url_rule(
        "/t/me", "me", access("public")(lambda: f"{request.remote_addr} {request.host}")
    )
    headers = {"X-Forwarded-For": sent, "X-Forwarded-Host": "evil.example"}
    assert app.test_client().get("/t/me", headers=headers).text == f"{seen} localhost"


def test_pages_wait_for_the_first_request_when_made_for_commands(
    instance_folder: Path, database_url: str
) -> None:
    app = create_app(test_settings(instance_folder, database_url), for_commands=True)
    assert "about.index" not in app.view_functions
    app.test_client_class = PageClient
    page(app.test_client(), "/about/")
    page(app.test_client(), "/about/")


def test_commands_do_not_pay_for_pages(instance_folder: Path) -> None:
    heavy = ["flask_wtf", "flask_babel", "alembic", "wtforms", "sfm.web.setup", "sfm.models"]
    code = f"import sys, app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        env={"SFM_INSTANCE": str(instance_folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_banner_says_where_posts_come_from(instance_folder: Path, database_url: str) -> None:
    for root, banners in (("https://api.x.com", 0), ("http://127.0.0.1:9", 1)):
        settings = test_settings(instance_folder, database_url, twitter_api_root=root)
        found = page(served(settings), "/about/")
        assert len(found.all("aside", class_="root-note")) == banners
        told = " ".join(text_of(one) for one in found.all("aside"))
        assert (root in told) is bool(banners)


def test_branding_is_shown_and_harmless(instance_folder: Path, database_url: str) -> None:
    branding = {
        "institution": "<b>Library</b>",
        "url": "javascript:alert(1)",
        "email": "a@b.example",
    }
    settings = test_settings(instance_folder, database_url, branding=branding)
    found = page(served(settings), "/about/")
    assert found.text.count("<b>Library</b>") >= 2
    assert "mailto:a@b.example" in found.links()


def test_times_are_shown_in_the_readers_zone(app: Flask, login_as: Login, reader: User) -> None:
    from sfm import clock
    from sfm.web.template_filters import moment

    reader.time_zone = "Asia/Kolkata"
    app.add_url_rule(
        "/t/time",
        "time",
        access("signed_in")(lambda: str(moment(clock.parse_iso("2026-11-22T20:00:00Z")))),
    )
    shown = login_as(reader).get("/t/time").text
    assert ">23 Nov 2026, 01:30<" in shown
    assert 'title="2026-11-22 20:00:00 UTC"' in shown


def test_the_session_of_a_test_sees_what_a_request_wrote(login_as: Login, reader: User) -> None:
    before = reader.session_key
    client = login_as(reader)
    submit(client, page(client, "/"), "/logout/")
    db.session.refresh(reader)
    assert client.get("/").status_code == 302
    assert isinstance(before, str)


def test_the_logo_is_the_file_that_the_settings_name(
    instance_folder: Path, database_url: str
) -> None:
    (instance_folder / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (instance_folder / "secret.key.txt").write_text("canary")
    for name, status in (("logo.svg", 200), ("", 404), ("secret.key.txt", 404), ("no.png", 404)):
        settings = test_settings(instance_folder, database_url, branding={"logo": name})
        client = served(settings)
        answer = client.get("/branding/logo")
        assert answer.status_code == status, name
        shown = page(client, "/about/").one("img").get("src") or ""
        assert (shown == "/branding/logo") is bool(name)


def test_arguments_that_nobody_asked_for_break_no_page(login_as: Login, superuser: User) -> None:
    client = login_as(superuser)
    odd = "?endpoint=x&_external=1&_scheme=gopher&_anchor=y&_method=POST&values=1&user_id=2&at="
    for address in ("/", "/users/alpha/", "/admin/twitter-users/", "/sets/", "/search/"):
        found = page(client, address + odd)
        assert not [link for link in found.links() if link.startswith("gopher")]
