"""The pages of exports: asked for, watched, downloaded; other people's are not there."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.exports import recurring, service, storage
from sfm.exports.format import FORMATS
from sfm.exports.task import run_export
from sfm.models import AuditEntry, ExportFile, ExportProfile, RecurringExport, Run, User
from sfm.runs import queue
from sfm.web.forms.exports import PACKINGS
from tests.conftest import FrozenClock, test_settings
from tests.factories import make_set, make_tweets, make_twitter_user, make_user
from tests.pages import Page, checked, page, part, sign_in
from tests.pages import submit as submit_form

NEW = "/exports/new/"


@pytest.fixture
def few_at_once() -> int:
    return 5_000


@pytest.fixture
def settings(instance_folder: Path, database_url: str, few_at_once: int) -> Settings:
    return test_settings(instance_folder, database_url, export_rows_at_once=few_at_once)


def submit(client: FlaskClient, address: str, action: str, **changes: object) -> Page:
    """Open a page, send one of its forms, and go where it leads; its own page if refused."""
    answer = submit_form(client, page(client, address), action, **changes)
    if answer.status_code == 303:
        return page(client, answer.location)
    return checked(answer, 422)


def last_export() -> ExportFile:
    export = db.session.scalar(select(ExportFile).order_by(ExportFile.id.desc()).limit(1))
    assert export is not None
    return export


def carry_out_queued() -> Run:
    run = queue.claim(["export"])
    assert run is not None
    with queue.finish(run) as result:
        result.update(run_export(run))
    db.session.expire_all()
    return db.session.get_one(Run, run.id)


def csv_of(content: bytes) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".csv") and "dict" not in one)
        text = archive.read(name).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_small_export_is_ready_at_once_and_downloads(client: FlaskClient, reader: User) -> None:
    ids = make_tweets(make_twitter_user("City"), ["one", "two"])
    sign_in(client, reader)
    page(client, NEW)
    answer = submit(client, NEW, NEW)
    export = last_export()
    assert answer.status == 200
    assert "Ready" in answer.text
    assert export.state == "ready"
    got = client.get(f"/exports/{export.id}/file/")
    assert got.headers["Content-Disposition"].startswith("attachment; filename=all-posts-")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.mimetype == "application/zip"
    assert got.content_length == len(got.data) == export.size_bytes
    digest = b64decode(got.headers["Repr-Digest"].removeprefix("sha-256=:").rstrip(":"))
    assert digest == hashlib.sha256(got.data).digest()
    assert [int(row["twitter_id"]) for row in csv_of(got.data)] == ids


@pytest.mark.parametrize("packing", [name for name, _words in PACKINGS])
def test_each_format_comes_in_each_packing_or_the_page_says_which_to_take(
    client: FlaskClient, reader: User, packing: str
) -> None:
    make_tweets(make_twitter_user(), ["one"])
    sign_in(client, reader)
    endings = {"zip": ".zip", "bag": ".zip", "none": "", "gzip": ".gz"}
    for key, kind in FORMATS.items():
        shown = submit(client, NEW, NEW, format=key, packing=packing)
        if shown.status == 422:
            assert (packing, key) in {("none", "parquet"), ("gzip", "parquet"), ("gzip", "xlsx")}
            assert "choose a zip or a bag" in shown.text or "leave gzip out" in shown.text
            continue
        export = last_export()
        got = client.get(f"/exports/{export.id}/file/")
        ending = endings[packing] if packing in ("zip", "bag") else kind.suffix + endings[packing]
        assert f"all-posts-{export.id}{ending}" in got.headers["Content-Disposition"]
        assert got.content_length == export.size_bytes > 0


@pytest.mark.parametrize("few_at_once", [1])
def test_a_larger_export_becomes_a_run_with_progress(client: FlaskClient, reader: User) -> None:
    make_tweets(make_twitter_user(), ["one", "two", "three"])
    sign_in(client, reader)
    submit(client, NEW, NEW)
    export = last_export()
    waiting = part(client, f"/exports/{export.id}/")
    assert "waits for its turn" in waiting.text
    assert 'hx-trigger="every 2s"' in waiting.html
    assert client.get(f"/exports/{export.id}/file/").status_code == 404
    run = carry_out_queued()
    assert (run.state, run.done, run.total, run.added) == ("finished", 3, 3, 3)
    assert f"/exports/{export.id}/" in page(client, f"/runs/{run.id}/").links()
    ready = part(client, f"/exports/{export.id}/")
    assert "hx-trigger" not in ready.html
    assert "3 (counted again in the finished file)" in ready.text
    assert len(csv_of(client.get(f"/exports/{export.id}/file/").data)) == 3


def test_every_download_is_in_the_audit_log(client: FlaskClient, reader: User) -> None:
    make_tweets(make_twitter_user("City"), ["one"])
    sign_in(client, reader)
    submit(client, NEW, NEW)
    for _time in range(2):
        client.get(f"/exports/{last_export().id}/file/")
    client.get("/twitter-user/city.csv")
    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "export.downloaded").order_by(AuditEntry.id)
    ).all()
    assert [entry.actor for entry in entries] == [reader.username] * 3
    assert entries[2].subject == "Posts of @City"
    assert last_export().downloads == 2


def test_somebody_elses_export_is_not_there(
    client: FlaskClient, reader: User, superuser: User
) -> None:
    make_tweets(make_twitter_user(), ["one"])
    sign_in(client, reader)
    submit(client, NEW, NEW)
    number = last_export().id
    sign_in(client, make_user("other"))
    for address in ("", "file/"):
        assert client.get(f"/exports/{number}/{address}").status_code == 404
    assert "all-posts" not in page(client, "/exports/").html
    sign_in(client, superuser)
    assert "All posts" in page(client, f"/exports/{number}/").text


def test_somebody_elses_set_cannot_be_exported(client: FlaskClient, reader: User) -> None:
    theirs = make_set(make_user("other"), "Secret", [make_twitter_user()])
    sign_in(client, reader)
    assert client.get(f"{NEW}?set={theirs.id}").status_code == 404


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_addresses_of_old_give_a_small_file_at_once(
    client: FlaskClient, reader: User, kind: str
) -> None:
    make_tweets(make_twitter_user("City_Hall"), ["one", "two"])
    sign_in(client, reader)
    got = client.get(f"/twitter-user/city_hall.{kind}")
    assert got.status_code == 200
    assert got.headers["Content-Disposition"] == f"attachment; filename=city-hall.{kind}"
    assert got.content_length == len(got.data)
    for unknown in ("nobody", 2**63, 10**25):
        assert client.get(f"/twitter-user/{unknown}.{kind}").status_code == 404
    assert not [one for one in storage.exports_folder().iterdir() if "at-once" in one.name]


@pytest.mark.parametrize("few_at_once", [1])
def test_the_addresses_of_old_lead_to_the_form_for_larger_ones(
    client: FlaskClient, reader: User
) -> None:
    user = make_twitter_user("City")
    make_tweets(user, ["one", "two"])
    sign_in(client, reader)
    got = client.get("/twitter-user/City.xlsx")
    assert (got.status_code, got.location) == (302, f"{NEW}?account={user.id}&format=xlsx")
    form = page(client, got.location)
    assert "Posts of @City" in form.text
    assert 'selected value="xlsx"' in form.html


def test_nothing_is_shown_to_those_who_are_not_signed_in(client: FlaskClient) -> None:
    for address in ("/exports/", NEW, "/exports/1/", "/exports/1/file/", "/twitter-user/x.csv"):
        assert client.get(address).status_code == 302, address


def test_bad_choices_are_refused_and_kept_in_the_form(client: FlaskClient, reader: User) -> None:
    sign_in(client, reader)
    page(client, NEW)
    answer = submit(client, NEW, NEW, columns="chosen")
    assert answer.status == 422
    assert "Choose at least one column." in answer.text
    answer = submit(client, NEW, NEW, sample="0")
    assert answer.status == 422
    assert client.get(f"{NEW}?from=2026-13-45").status_code == 422


def test_columns_can_be_chosen_and_kept_as_a_profile(client: FlaskClient, reader: User) -> None:
    make_tweets(make_twitter_user(), ["one"])
    sign_in(client, reader)
    submit(client, NEW, NEW, columns="chosen", column=["text", "lang"], profile_name="Mine")
    profile = db.session.scalar(select(ExportProfile))
    assert profile is not None
    assert profile.layout["columns"] == ["text", "lang"]
    rows = csv_of(client.get(f"/exports/{last_export().id}/file/").data)
    assert rows == [{"text": "one", "lang": "en"}]
    again = page(client, f"{NEW}?profile={profile.id}")
    assert again.by_id("column-text").get("checked") is not None
    assert again.by_id("column-kind").get("checked") is None


def test_the_data_dictionary_page_tells_every_column(client: FlaskClient) -> None:
    found = page(client, "/data-dictionary/")
    for name in ("sfm_id", "url2_expanded", "urls_final", "edit_history"):
        assert f"<code>{name}</code>" in found.html


class TestApproval:
    @pytest.fixture
    def settings(self, instance_folder: Path, database_url: str) -> Settings:
        return test_settings(instance_folder, database_url, export_daily_rows=3)

    def test_over_the_daily_number_a_superuser_must_agree(
        self, client: FlaskClient, reader: User, superuser: User
    ) -> None:
        make_tweets(make_twitter_user("City"), ["one", "two"])
        sign_in(client, reader)
        submit(client, NEW, NEW)
        assert last_export().state == "ready"
        assert "superuser" in submit(client, NEW, NEW).text
        export = last_export()
        assert export.state == "asked"
        assert queue.claim(["export"]) is None
        assert client.get("/twitter-user/City.csv").status_code == 302
        sign_in(client, superuser)
        submit(client, f"/exports/{export.id}/", f"/exports/{export.id}/decide/", agreed="yes")
        carry_out_queued()
        assert last_export().state == "ready"

    def test_small_files_and_deleted_exports_count_towards_the_daily_number(
        self, client: FlaskClient, reader: User, clock: FrozenClock
    ) -> None:
        make_tweets(make_twitter_user("City"), ["one", "two"])
        sign_in(client, reader)
        submit(client, NEW, NEW)
        submit(client, f"/exports/{last_export().id}/", f"/exports/{last_export().id}/delete/")
        assert client.get("/twitter-user/City.csv").status_code == 302
        clock.advance(timedelta(days=1).total_seconds())
        assert client.get("/twitter-user/City.csv").status_code == 200
        assert client.get("/twitter-user/City.csv").status_code == 302
        submit(client, NEW, NEW)
        assert last_export().state == "asked"

    def test_one_that_failed_counts_anew_when_it_is_made_again_unless_it_was_agreed_to(
        self, client: FlaskClient, reader: User, superuser: User
    ) -> None:
        make_tweets(make_twitter_user("City"), ["one", "two"])
        sign_in(client, reader)
        submit(client, NEW, NEW)
        export = last_export()
        service.mark_failed(export, "It came to nothing.")
        db.session.commit()
        submit(client, NEW, NEW)
        assert last_export().state == "ready", "what failed does not count"
        own, again = f"/exports/{export.id}/", f"/exports/{export.id}/again/"
        assert "It waits for a superuser." in submit(client, own, again).text
        assert export.state == "asked"
        sign_in(client, superuser)
        submit(client, own, f"{own}decide/", agreed="yes")
        service.mark_failed(export, "It came to nothing.")
        db.session.commit()
        sign_in(client, reader)
        submit(client, own, again)
        assert export.state == "queued"

    def test_ids_alone_need_nobodys_word(self, client: FlaskClient, reader: User) -> None:
        make_tweets(make_twitter_user("City"), ["one", "two", "three", "four"])
        sign_in(client, reader)
        submit(client, NEW, NEW, format="ids", packing="none")
        assert last_export().state == "ready"

    def test_a_reader_cannot_agree(self, client: FlaskClient, reader: User) -> None:
        make_tweets(make_twitter_user(), ["1", "2", "3", "4"])
        sign_in(client, reader)
        submit(client, NEW, NEW)
        assert client.post(f"/exports/{last_export().id}/decide/").status_code in (400, 403)
        assert last_export().state == "asked"


def test_finished_files_expire(client: FlaskClient, reader: User, clock: FrozenClock) -> None:
    make_tweets(make_twitter_user(), ["one"])
    sign_in(client, reader)
    submit(client, NEW, NEW)
    export = last_export()
    path = storage.file_of(export)
    assert path is not None
    clock.advance(timedelta(days=29).total_seconds())
    assert storage.remove_expired() == 0
    clock.advance(timedelta(days=1).total_seconds())
    assert storage.remove_expired() == 1
    assert (export.state, path.exists()) == ("expired", False)


def make_due() -> int:
    """Make all recurring exports whose time has come; how many came out well."""
    return sum(recurring.make_due_export(number) for number in recurring.due_ids())


def test_an_export_is_made_again_each_month(reader: User, clock: FrozenClock, app: Flask) -> None:
    city = make_twitter_user()
    make_tweets(city, ["one"])
    from sfm.exports import request
    from sfm.exports.format import Layout

    export = service.create_export(reader, request.of_account(city), Layout(packing="none"), rows=1)
    recurring.add_recurring(export, "month")
    db.session.commit()
    assert make_due() == 1
    assert make_due() == 0
    make_tweets(city, ["two"])
    clock.advance(timedelta(days=30).total_seconds())
    assert make_due() == 1
    one = db.session.scalar(select(RecurringExport))
    assert one is not None
    files = sorted(recurring.folder_of(one).glob("*.csv"))
    assert [file.read_text().count("\n") for file in files] == [2, 3]
    assert one.message == "2 posts"
