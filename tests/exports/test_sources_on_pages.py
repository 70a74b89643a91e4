"""Lists of ids and stream files as pages hand them in; care of what is kept."""

from __future__ import annotations

import gzip
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.database import db
from sfm.exports import storage
from sfm.exports.recurring import tidy_exports
from sfm.extensions import settings as settings_of
from sfm.models import (
    ExportFile,
    Run,
    StreamFile,
    TwitterFilter,
    User,
)
from sfm.runs import queue
from tests.conftest import FrozenClock
from tests.exports.test_command import V1
from tests.exports.test_pages import NEW, carry_out_queued, csv_of, last_export, submit
from tests.factories import make_tweets, make_twitter_user, make_user
from tests.pages import page, sign_in


def test_a_list_of_ids_is_sent_along_and_goes_with_the_export(
    client: FlaskClient, reader: User
) -> None:
    first, _second = make_tweets(make_twitter_user(), ["one", "two"])
    sign_in(client, reader)
    submit(client, NEW, NEW, id_list=[(io.BytesIO(f"{first}\n77\n".encode()), "ids.txt")])
    export = last_export()
    assert (export.state, export.rows_written) == ("ready", 1)
    assert export.left_out == {"not held here": 1}
    assert len(list(storage.lists_folder().iterdir())) == 1
    submit(client, f"/exports/{export.id}/", f"/exports/{export.id}/delete/")
    assert list(storage.lists_folder().iterdir()) == []


def test_a_list_without_ids_is_refused(client: FlaskClient, reader: User) -> None:
    sign_in(client, reader)
    refused = submit(client, NEW, NEW, id_list=[(io.BytesIO(b"no ids here\n"), "ids.txt")])
    assert "There is no post id in this file." in refused.text
    assert list(storage.lists_folder().iterdir()) == []


def stream_file(owner: User, name: str = "a.gz", content: bytes | None = None) -> StreamFile:
    root = settings_of().data_folder
    (root / "streams").mkdir(exist_ok=True)
    path = root / "streams" / name
    path.write_bytes(content or gzip.compress(json.dumps(V1).encode() + b"\n"))
    mine = db.session.scalar(select(TwitterFilter).where(TwitterFilter.user_id == owner.id))
    if mine is None:
        mine = TwitterFilter(name=f"Filter of {owner.username}", user_id=owner.id)
        db.session.add(mine)
        db.session.flush()
    found = StreamFile(
        filter_id=mine.id, prefix=f"twitterfilter-{mine.id}", path=f"streams/{name}", lines=1,
        begun_at=datetime.fromisoformat("2018-10-10T20:00:00Z"), size_bytes=1, sha256="0" * 64,
    )  # fmt: skip
    db.session.add(found)
    db.session.commit()
    return found


def test_stream_files_are_exported_by_their_numbers(client: FlaskClient, reader: User) -> None:
    files = [stream_file(reader, name) for name in ("a.gz", "b.gz")]
    sign_in(client, reader)
    address = f"{NEW}?files={files[0].id},{files[1].id}"
    assert "Posts of 2 stream files of 2018-10-10" in page(client, address).text
    submit(client, address, NEW)
    carry_out_queued()
    export = last_export()
    assert (export.rows_read, export.rows_written) == (2, 1)
    assert export.left_out == {"met before in these files": 1}
    rows = csv_of(client.get(f"/exports/{export.id}/file/").data)
    assert [row["text"] for row in rows] == ["from a stream #Flood"]


def test_stream_files_of_somebody_elses_filter_are_not_there(
    client: FlaskClient, reader: User
) -> None:
    theirs = stream_file(make_user("other"))
    sign_in(client, reader)
    assert client.get(f"{NEW}?files={theirs.id}").status_code == 404
    assert client.get(f"{NEW}?files=999").status_code == 404
    assert client.get(f"{NEW}?files=1;drop").status_code == 422


@pytest.mark.parametrize("path", ["../outside.gz", "/etc/hostname", "streams/link.gz"])
def test_s35_a_stream_file_outside_of_the_data_folder_is_not_there(
    client: FlaskClient, reader: User, tmp_path: Path, path: str
) -> None:
    row = stream_file(reader)
    root = settings_of().data_folder
    secret = root.parent / "outside.gz"
    secret.write_bytes(gzip.compress(b"{}"))
    (root / "streams" / "link.gz").symlink_to(secret)
    row.path = path
    db.session.commit()
    sign_in(client, reader)
    assert client.get(f"{NEW}?files={row.id}").status_code == 404


def test_the_scheduled_care_of_exports(
    client: FlaskClient, reader: User, clock: FrozenClock
) -> None:
    make_tweets(make_twitter_user(), ["one"])
    sign_in(client, reader)
    submit(client, NEW, NEW, packing="none")
    number = last_export().id
    submit(client, f"/exports/{number}/", f"/exports/{number}/repeat/", every="week")
    assert "each week" in page(client, "/exports/").text
    clock.advance(timedelta(days=31).total_seconds())
    queue.enqueue("tidy_exports", origin="schedule")
    db.session.commit()
    run = queue.claim(["tidy_exports"])
    assert run is not None
    with queue.finish(run) as result:
        result.update(tidy_exports(run))
    db.session.expire_all()
    assert db.session.get_one(Run, run.id).result == {"expired": 1, "leftovers": 0, "made": 1}
    assert db.session.get_one(ExportFile, number).state == "expired"
    assert "1 post" in page(client, "/exports/").text
    submit(client, "/exports/", "/exports/repeated/1/stop/")
    assert "each week" not in page(client, "/exports/").text
