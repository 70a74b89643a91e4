"""Stream files that are moved while an export of them waits or is made; and no folders told."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient, FlaskCliRunner

from sfm.config import Settings
from sfm.database import db
from sfm.exports import storage
from sfm.exports.build import Watch
from sfm.exports.request import ExportRequest
from sfm.exports.result import ExportResult
from sfm.exports.task import run_export
from sfm.exports.worker_process import build_in_process
from sfm.extensions import settings as settings_of
from sfm.models import ExportFile, StreamFile, User
from sfm.runs import queue
from sfm.runs.errors import Postponed
from tests.conftest import test_settings
from tests.exports.test_command import v2_line
from tests.exports.test_pages import NEW, carry_out_queued, csv_of, last_export, submit
from tests.exports.test_selection import of_the_day, sealed
from tests.pages import page, sign_in


def move(file: StreamFile, to: str) -> None:
    """As `organizedata` does it: the file first, then its row."""
    root = settings_of().data_folder
    target = root / to / Path(file.path).name
    target.parent.mkdir(parents=True, exist_ok=True)
    (root / file.path).rename(target)
    file.path = target.relative_to(root).as_posix()
    db.session.commit()


def asked_for(client: FlaskClient, reader: User) -> tuple[StreamFile, ExportFile]:
    mine = sealed(reader, "mine.gz", 7, 8)
    sign_in(client, reader)
    submit(client, f"{NEW}?filter={mine.filter_id}", NEW)
    return mine, last_export()


def texts_of(client: FlaskClient, export: ExportFile) -> list[str]:
    return [row["text"] for row in csv_of(client.get(f"/exports/{export.id}/file/").data)]


def texts_in(content: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name.encode() + b"\n" + archive.read(name)


def test_files_that_are_moved_while_an_export_waits_are_found(
    client: FlaskClient, reader: User
) -> None:
    mine, export = asked_for(client, reader)
    assert str(settings_of().data_folder) not in json.dumps(export.criteria)
    move(mine, "twitterfilter-1/2018/10/11/00")
    carry_out_queued()
    assert (export.state, export.message) == ("ready", "")
    assert texts_of(client, export) == of_the_day("7 8")


class TestApproval:
    @pytest.fixture
    def settings(self, instance_folder: Path, database_url: str) -> Settings:
        return test_settings(instance_folder, database_url, export_daily_rows=1)

    def test_files_that_are_moved_while_a_superuser_thinks_it_over_are_found(
        self, client: FlaskClient, reader: User, superuser: User
    ) -> None:
        mine, export = asked_for(client, reader)
        assert export.state == "asked"
        move(mine, "elsewhere")
        sign_in(client, superuser)
        submit(client, f"/exports/{export.id}/", f"/exports/{export.id}/decide/", agreed="yes")
        carry_out_queued()
        assert export.state == "ready"
        assert texts_of(client, export) == of_the_day("7 8")


def test_files_that_are_moved_just_after_the_export_began_are_found_in_a_new_start(
    client: FlaskClient, reader: User
) -> None:
    mine, export = asked_for(client, reader)

    def move_first(order: ExportRequest, target: Path, watch: Watch) -> ExportResult:
        move(mine, "elsewhere")
        return build_in_process(order, target, watch)

    run = queue.claim(["export"])
    assert run is not None
    with pytest.raises(Postponed, match="mine.gz"), queue.finish(run):
        run_export(run, move_first)
    db.session.expire_all()
    assert export.state == "queued"
    carry_out_queued()
    assert (export.state, export.restarts) == ("ready", 1)
    assert texts_of(client, export) == of_the_day("7 8")


def test_a_file_that_is_gone_fails_the_export_without_telling_where_it_was(
    client: FlaskClient, reader: User
) -> None:
    mine, export = asked_for(client, reader)
    (settings_of().data_folder / mine.path).rename(storage.exports_folder() / "aside.gz")
    run = queue.claim(["export"])
    assert run is not None
    with pytest.raises(Exception, match="mine.gz"), queue.finish(run):
        run_export(run)
    db.session.expire_all()
    assert export.state == "failed"
    shown = page(client, f"/exports/{export.id}/")
    assert "The stream file mine.gz is not where it should be." in shown.text
    assert str(settings_of().data_folder) not in shown.html


def test_nothing_in_a_package_tells_of_the_servers_folders(
    client: FlaskClient, reader: User
) -> None:
    _mine, export = asked_for(client, reader)
    carry_out_queued()
    folder = str(settings_of().data_folder).encode()
    parts = list(texts_in(client.get(f"/exports/{export.id}/file/").data))
    assert len(parts) == 5
    assert [part for part in parts if folder in part] == []
    (account,) = [part for part in parts if b"export.json\n{" in part]
    assert json.loads(account.partition(b"\n")[2])["criteria"]["files"] == ["mine.gz"]


def test_nor_does_that_of_a_command_whose_files_were_named_by_their_paths(
    runner: FlaskCliRunner, target_folder: Path
) -> None:
    file, package = target_folder / "typed.jsonl", target_folder / "x.zip"
    file.write_text(v2_line(1, "one") + "\n")
    named = [f"--stream-file={file}", f"--filename={package}", "--package"]
    result = runner.invoke(args=["export", *named])
    assert result.exit_code == 0, result.stderr
    parts = list(texts_in(package.read_bytes()))
    assert [part for part in parts if str(target_folder).encode() in part] == []
