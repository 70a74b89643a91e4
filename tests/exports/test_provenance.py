"""What a package says of outages: those of the streams concerned, in the time asked for."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.database import begin_write, db
from sfm.exports import request, selection
from sfm.exports.package.provenance import OF_OTHERS, UNKNOWN, UNKNOWN_OF_OTHERS
from sfm.exports.request import Criteria
from sfm.extensions import settings
from sfm.jobs.tasks import import_stream_files
from sfm.models import (
    CoverageDue,
    CoverageSaved,
    FilterVersion,
    Gap,
    GapFill,
    Run,
    StreamFile,
    TwitterUserItem,
    User,
)
from sfm.posts.selection import Selection
from sfm.runs import actions, queue
from sfm.runs.jobs import IMPORT_TWEETS
from tests.exports.making import made, of
from tests.exports.test_pages import NEW, carry_out_queued, last_export, submit
from tests.exports.test_selection import MIDNIGHT, sealed
from tests.factories import make_tweets, make_twitter_user, make_user
from tests.pages import sign_in

DAY = date(2018, 10, 11)
TWO_DAYS = {"from": "2018-10-11", "to": "2018-10-12", "zone": "UTC"}


def file_of(owner: User, name: str, *numbers: int) -> StreamFile:
    """A file of the owner's filter, sealed an hour after its last post."""
    found = sealed(owner, name, *numbers)
    found.sealed_at = MIDNIGHT + timedelta(minutes=max(numbers) + 60)
    db.session.commit()
    return found


def gap(file: StreamFile | None, cause: str, begun: int, minutes: int = 3) -> None:
    """An outage of this file's stream, so many minutes after the midnight; of none, the sample."""
    began = MIDNIGHT + timedelta(minutes=begun)
    db.session.add(
        Gap(
            filter_id=file.filter_id if file else None, cause=cause, began_at=began,
            prefix=file.prefix if file else "streamsample",
            ended_at=began + timedelta(minutes=minutes), lost_estimate=41,
        )
    )  # fmt: skip
    db.session.commit()


def imported(*files: StreamFile) -> Run:
    """Take these files into the database, as the page of files has it done."""
    params = {"stream_files": [file.id for file in files], "add_users": True}
    queue.enqueue(IMPORT_TWEETS, params=params)
    db.session.commit()
    run = queue.claim([IMPORT_TWEETS])
    assert run is not None
    with queue.finish(run) as result:
        result.update(import_stream_files(run))
    db.session.expire_all()
    return db.session.get_one(Run, run.id)


def gaps_told(folder: Path, criteria: Criteria, reader: User | None = None) -> list[str]:
    """The lines on gaps in the README, which export.json has too."""
    number = reader.id if reader else None
    shutil.rmtree(folder / "x", ignore_errors=True)  # the last one told of
    db.session.rollback()
    made(folder / "x", criteria, reader_id=number, packing="zip")
    told = json.loads((folder / "x" / "export.json").read_text())["gaps"]
    readme = (folder / "x" / "README.txt").read_text()
    part = readme.partition("Gaps in what was collected\n")[2].partition("\n\n")[0]
    assert part.splitlines()[1:] == told
    return [str(line) for line in told]


def causes(told: list[str]) -> list[str]:
    return [line.partition("(")[2].partition(")")[0] for line in told if "(" in line]


def test_outages_before_the_first_post_and_behind_the_last_one_of_a_day_are_told(
    target_folder: Path, reader: User
) -> None:
    mine = file_of(reader, "mine.gz", 600, 610)
    for minutes, cause in ((-9, "the day before"), (5, "early"), (1400, "late"), (1441, "after")):
        gap(mine, cause, minutes)
    criteria = request.of_stream_files(
        selection.of_stream(Selection(), mine.filter_id, DAY, reader)
    )
    told = gaps_told(target_folder, criteria, reader)
    assert causes(told) == ["early", "late"]
    assert told[1] == (
        "filter “Filter of rita.reader”: 2018-10-11T23:20:00Z to 2018-10-11T23:23:00Z (late); "
        "estimated loss: 41 posts"
    )


def test_what_a_gap_was_filled_with_and_what_not_is_told(target_folder: Path, reader: User) -> None:
    mine = file_of(reader, "mine.gz", 600, 610)
    gap(mine, "late", 1400)
    row = db.session.query(Gap).one()
    for seconds, state in ((120, "in part"), (180, "filled")):
        db.session.add(
            GapFill(
                gap_id=row.id, prefix=row.prefix, began_at=row.began_at, state=state, posts=12,
                ended_at=row.began_at + timedelta(seconds=seconds), queries=["flood", "storm"],
                not_searched=["The last minute."] if state == "in part" else [],
            )
        )  # fmt: skip
    db.session.commit()
    criteria = request.of_stream_files(
        selection.of_stream(Selection(), mine.filter_id, DAY, reader)
    )
    told = gaps_told(target_folder, criteria, reader)[0]
    assert told.endswith(
        "; filled in part from search, 12 posts, asked from 2018-10-11T23:20:00Z to "
        "2018-10-11T23:22:00Z for flood | storm; not searched: The last minute.; filled from "
        "search, 12 posts, asked from 2018-10-11T23:20:00Z to 2018-10-11T23:23:00Z for flood | "
        "storm"
    )
    row.filled, row.filled_posts = "filled", 12  # from before what was asked was kept
    db.session.query(GapFill).delete()
    db.session.commit()
    told = gaps_told(target_folder, criteria, reader)[0]
    assert told.endswith("; 12 posts came from search, for what is not recorded")


def test_without_days_the_time_of_the_files_counts_not_that_of_their_posts(
    target_folder: Path, reader: User
) -> None:
    mine = file_of(reader, "mine.gz", 600, 610)
    fill = file_of(reader, "fill.gz", 500, 520)
    fill.origin, fill.begun_at = "gap_fill", MIDNIGHT + timedelta(days=30)
    fill.sealed_at = fill.begun_at
    db.session.commit()
    for minutes, cause in ((480, "before"), (510, "filled"), (640, "behind"), (900, "later")):
        gap(mine, cause, minutes)
    criteria = request.of_stream_files(
        selection.of_stream(Selection(), mine.filter_id, None, reader)
    )
    assert causes(gaps_told(target_folder, criteria, reader)) == ["filled", "behind"]


def test_posts_of_imported_stream_files_bring_the_outages_of_their_streams(
    target_folder: Path, reader: User
) -> None:
    mine = file_of(reader, "mine.gz", 600, 610)
    run = imported(mine)
    other = file_of(make_user("other"), "theirs.gz", 600)  # never imported
    for minutes, cause in ((1430, "whole day"), (-60, "before"), (5000, "after")):
        gap(mine, cause, minutes, 1400 if cause == "whole day" else 3)
        gap(other, "of others", minutes)
    assert causes(gaps_told(target_folder, of(**TWO_DAYS), reader)) == ["whole day"]
    readme = (target_folder / "x" / "README.txt").read_text()
    assert "Collected by: stream 2" in readme
    account = json.loads((target_folder / "x" / "export.json").read_text())
    assert [(one["run"], one["kind"]) for one in account["runs"]] == [(run.id, IMPORT_TWEETS)]


def test_nobody_learns_of_other_peoples_filters_by_an_export(
    target_folder: Path, reader: User
) -> None:
    theirs = file_of(make_user("other"), "theirs.gz", 600)
    mine = file_of(reader, "mine.gz", 610)
    imported(theirs, mine)
    gap(theirs, "theirs", 700)
    gap(mine, "mine", 800)
    gap(None, "sample", 900)  # of whose files nothing was imported
    told = gaps_told(target_folder, of(**TWO_DAYS), reader)
    assert (causes(told), told[-1]) == (["mine"], OF_OTHERS)
    readme = (target_folder / "x" / "README.txt").read_text()
    assert "Filter of rita.reader" in readme
    assert "Filter of other" not in readme
    reader.is_superuser = True
    db.session.commit()
    assert causes(gaps_told(target_folder, of(**TWO_DAYS), reader)) == ["theirs", "mine"]
    assert causes(gaps_told(target_folder, of(**TWO_DAYS))) == ["theirs", "mine"]


def test_posts_that_came_by_no_stream_have_no_gaps(target_folder: Path, reader: User) -> None:
    mine = file_of(reader, "mine.gz", 600)
    gap(mine, "mine", 600)
    make_tweets(make_twitter_user(), ["of a timeline"], at=MIDNIGHT + timedelta(minutes=600))
    assert gaps_told(target_folder, of(**TWO_DAYS)) == []


def test_a_day_of_all_streams_has_the_outage_of_one_that_brought_nothing(
    target_folder: Path, reader: User
) -> None:
    mine = file_of(reader, "mine.gz", 600)
    silent = file_of(make_user("other"), "theirs.gz", 5000)
    gap(silent, "silent", -60, 1600)
    gap(mine, "mine", 900)
    everybodys = request.of_stream_files(selection.of_stream(Selection(), None, DAY))
    assert causes(gaps_told(target_folder, everybodys)) == ["silent", "mine"]
    own = request.of_stream_files(selection.of_stream(Selection(), None, DAY, reader))
    told = gaps_told(target_folder, own, reader)
    assert all(line.startswith("filter “Filter of rita.reader”") for line in told)
    assert causes(told) == ["mine"]


def test_a_package_says_what_is_unknown_and_what_is_proved_of_each_stream(
    target_folder: Path, reader: User
) -> None:
    mine = file_of(reader, "mine.gz", 600, 610)
    criteria = request.of_stream_files(
        selection.of_stream(Selection(), mine.filter_id, DAY, reader)
    )
    (line,) = gaps_told(target_folder, criteria, reader)
    assert line == (
        "filter “Filter of rita.reader”: It is unknown whether it was connected between "
        "2018-10-11 00:00:00 UTC and 2018-10-12 00:00:00 UTC."
    )
    began_at = MIDNIGHT + timedelta(minutes=300)
    db.session.add(
        CoverageDue(
            filter_id=mine.filter_id, prefix=mine.prefix, began_at=began_at, begin_cause="created"
        )
    )
    db.session.add(
        CoverageSaved(
            filter_id=mine.filter_id, prefix=mine.prefix, program=mine.prefix,
            began_at=began_at + timedelta(minutes=3), saved_until=MIDNIGHT + timedelta(minutes=700),
        )
    )  # fmt: skip
    db.session.commit()
    told = gaps_told(target_folder, criteria, reader)
    assert causes(told) == ["not_connected", "not_collecting"]
    proved = told[-1]
    saved = (
        "Its posts were saved without a gap of a second from 2018-10-11 05:03:00 UTC to "
        "2018-10-11 11:40:00 UTC"
    )
    assert proved.removeprefix("filter “Filter of rita.reader”: ").split(". ") == [
        "It is unknown whether it was connected before 2018-10-11 05:00:00 UTC",
        saved,
        "After 2018-10-11 11:40:00 UTC nothing is saved.",
    ]


def test_of_a_stream_of_others_only_that_something_is_unknown(
    target_folder: Path, reader: User
) -> None:
    imported(file_of(make_user("other"), "theirs.gz", 600), file_of(reader, "mine.gz", 610))
    assert gaps_told(target_folder, of(**TWO_DAYS), reader)[-1] == UNKNOWN_OF_OTHERS


@pytest.mark.parametrize("known", [True, False])
def test_files_named_by_their_paths_are_known_by_their_places(
    target_folder: Path, reader: User, known: bool
) -> None:
    mine = file_of(reader, "mine.gz", 600)
    gap(mine, "mine", 610)
    elsewhere = target_folder / "copy.gz"
    path = settings().data_folder / mine.path
    elsewhere.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())))
    told = gaps_told(target_folder, request.of_paths(Selection(), [path if known else elsewhere]))
    assert causes(told) == ["mine"] if known else told == [UNKNOWN]


def test_when_the_record_of_an_import_is_gone_the_package_says_what_it_cannot_know(
    target_folder: Path, reader: User
) -> None:
    mine = file_of(reader, "mine.gz", 600)
    number = imported(mine).id
    gap(mine, "mine", 610)
    begin_write()
    actions.delete_runs([number])
    db.session.commit()
    assert db.session.scalar(select(TwitterUserItem.captured_by)) == "stream"
    assert gaps_told(target_folder, of(**TWO_DAYS)) == [UNKNOWN]


def test_an_export_of_a_page_tells_what_its_owner_may_know(
    client: FlaskClient, reader: User
) -> None:
    theirs = file_of(make_user("other"), "theirs.gz", 600)
    mine = file_of(reader, "mine.gz", 610)
    gap(theirs, "theirs", 612)
    gap(mine, "mine", 614)
    sign_in(client, reader)
    submit(client, f"{NEW}?day=2018-10-11&zone=UTC", NEW)
    carry_out_queued()
    content = client.get(f"/exports/{last_export().id}/file/").data
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("export.json")]
        told = json.loads(archive.read(name))["gaps"]
    assert causes(told) == ["mine"]


def test_who_changed_a_filter_and_who_restarted_it_stand_with_the_gap(
    target_folder: Path, reader: User
) -> None:
    """Other words at minute 400, a restart at 500, another User at 600."""
    mine = file_of(reader, "mine.gz", 600, 610)
    key = {"filter_id": mine.filter_id, "prefix": mine.prefix}
    minute = [MIDNIGHT + timedelta(minutes=number) for number in range(900)]
    for begun, ended, *causes_of_both in (
        (0, 500, "created", "restarted"), (500, 899, "restarted", "stopped"),
    ):  # fmt: skip
        db.session.add(
            CoverageDue(
                began_at=minute[begun], begin_cause=causes_of_both[0], begun_by="rob",
                ended_at=minute[ended], end_cause=causes_of_both[1], **key,
            )
        )  # fmt: skip
    for begun, ended in ((0, 500), (503, 600), (603, 899)):
        db.session.add(
            CoverageSaved(
                program=mine.prefix, began_at=minute[begun], saved_until=minute[ended],
                ended_at=minute[ended], cause="ended", **key,
            )
        )  # fmt: skip
    for begun, ended, rule, username in (
        (0, 400, "flood", "a"), (400, 600, "storm", "a"), (600, 899, "storm", "b"),
    ):  # fmt: skip
        db.session.add(
            FilterVersion(
                began_at=minute[begun], ended_at=minute[ended], rules=[rule], username=username,
                changed_by={0: "ann", 400: "root", 600: "joe"}[begun], **key,
            )
        )  # fmt: skip
    gap(mine, "changed", 400)
    criteria = request.of_stream_files(
        selection.of_stream(Selection(), mine.filter_id, DAY, reader)
    )
    told = causes(gaps_told(target_folder, criteria, reader))
    assert told[:3] == ["changed, by root", "restarted, by rob", "credential_changed, by joe"]


def test_a_package_says_what_the_filters_listened_for_and_when_they_should_have_collected(
    target_folder: Path, reader: User
) -> None:
    """S-5: each version within the time, and nothing of others' filters."""
    mine = file_of(reader, "mine.gz", 600, 610)
    theirs = file_of(make_user("other"), "theirs.gz", 605)
    imported(mine, theirs)
    for file, words in ((mine, "election, ballot box"), (theirs, "their secret")):
        key = {"filter_id": file.filter_id, "prefix": file.prefix}
        moments = [MIDNIGHT + timedelta(minutes=minutes) for minutes in (-60, 300, 700, 5000)]
        db.session.add(
            CoverageDue(
                began_at=moments[0], begin_cause="created", begun_by="ann", ended_at=moments[2],
                end_cause="stopped", ended_by="ben", **key,
            )
        )  # fmt: skip
        for place, more in enumerate((words, f"{words}, #vote", "much later")):
            db.session.add(
                FilterVersion(
                    began_at=moments[place + place // 2], ended_at=moments[place + 1], words=more,
                    name="Votes", rules=[more], username="ann", **key,
                )
            )  # fmt: skip
    db.session.commit()
    gaps_told(target_folder, of(**TWO_DAYS), reader)
    readme = (target_folder / "x" / "README.txt").read_text()
    assert "secret" not in readme
    due = (
        f"{mine.prefix} should have collected from 2018-10-10T23:00:00Z (created, by ann) to "
        "2018-10-11T11:40:00Z (stopped, by ben)"
    )
    part = readme.partition("What the filters listened for\n")[2].partition("\n\n")[0]
    first, second = "election, ballot box", "election, ballot box, #vote"
    assert part.splitlines()[1:] == [
        f"filter “Votes”, {times}: words: {words}; rules as told to X: {words}; User: ann"
        for times, words in (
            ("2018-10-10T23:00:00Z to 2018-10-11T05:00:00Z", first),
            ("2018-10-11T05:00:00Z to 2018-10-11T11:40:00Z", second),
        )
    ] + [due]
    (stream,) = json.loads((target_folder / "x" / "export.json").read_text())["streams"]
    assert [version["words"] for version in stream["listened_for"]] == [
        "election, ballot box", "election, ballot box, #vote",
    ]  # fmt: skip
    assert stream["should_have_collected"][0]["ended_by"] == "ben"
