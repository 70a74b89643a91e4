"""What an export is made of has to be its owner's when it is made, not only when asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from sfm import clock
from sfm.accounts import sets
from sfm.database import begin_write, db
from sfm.errors import NotFound
from sfm.exports import recurring, request, selection, service
from sfm.exports.format import Layout
from sfm.exports.task import make_export
from sfm.extensions import settings
from sfm.models import ExportFile, RecurringExport, StreamFile, TwitterFilter, TwitterUserSet, User
from sfm.posts.selection import Selection
from tests.conftest import FrozenClock
from tests.factories import make_set, make_tweets, make_twitter_user, make_user


@pytest.fixture
def mine(app: Flask, reader: User) -> TwitterUserSet:
    account = make_twitter_user("museum")
    make_tweets(account, ["mine"])
    return make_set(reader, "my set", [account])


def ask(owner: User, of_what: TwitterUserSet) -> ExportFile:
    export = service.create_export(owner, request.of_set(of_what), Layout(packing="none"), rows=1)
    db.session.commit()
    return export


def repeat(export: ExportFile) -> int:
    number = recurring.add_recurring(export, "day").id
    db.session.commit()
    return number


def delete(row: TwitterUserSet) -> int:
    number = row.id
    begin_write()
    sets.remove(db.session.get_one(TwitterUserSet, number))
    db.session.commit()
    return number


def give_number_to(owner: User, number: int) -> None:
    """Another's set with a deleted set's number, as SQLite once gave it."""
    account = make_twitter_user("private")
    make_tweets(account, ["not yours"])
    row = TwitterUserSet(id=number, owner_id=owner.id, name="private", members=[account])
    db.session.add(row)
    db.session.commit()


@pytest.mark.parametrize("same_number", [True, False])
def test_a_recurring_export_of_a_deleted_set_says_so_and_stops_no_other(
    same_number: bool, reader: User, mine: TwitterUserSet, clock: FrozenClock
) -> None:
    """L-1 (b): it handed out the posts of another reader's private set."""
    other = make_user("ben")
    good = make_set(reader, "another set", list(mine.members))
    first, second = repeat(ask(reader, mine)), repeat(ask(reader, good))
    number = delete(mine)
    if same_number:
        give_number_to(other, number)
    assert sum(recurring.make_due_export(export_id) for export_id in recurring.due_ids()) == 1
    refused = db.session.get_one(RecurringExport, first)
    assert refused.message == (request.SET_OF_ANOTHER if same_number else request.SET_DELETED)
    assert refused.next_at > clock.now()
    assert list(recurring.folder_of(refused).iterdir()) == []
    assert db.session.get_one(RecurringExport, second).message == "1 post"


def test_a_queued_export_of_a_set_that_passed_on_fails_in_words(
    reader: User, mine: TwitterUserSet
) -> None:
    export_id = ask(reader, mine).id
    mine.owner_id = make_user("ben").id
    db.session.commit()
    with pytest.raises(NotFound, match="somebody else"):
        make_export(export_id)
    export = db.session.get_one(ExportFile, export_id)
    assert (export.state, export.message) == ("failed", request.SET_OF_ANOTHER)


def test_a_superusers_export_of_anybodys_set_is_made(superuser: User, mine: TwitterUserSet) -> None:
    export_id = ask(superuser, mine).id
    make_export(export_id)
    assert db.session.get_one(ExportFile, export_id).rows_written == 1


def test_a_queued_export_of_a_deleted_filters_files_fails_in_words(reader: User) -> None:
    """From the deletion on only administrators see them, as the page of deletion promises."""
    row = TwitterFilter(name="Floods", user_id=reader.id, words="flood", is_active=False)
    db.session.add(row)
    db.session.flush()
    path = settings().data_folder / "a.gz"
    path.write_bytes(b"")
    moment = clock.now() - timedelta(minutes=1)
    db.session.add(
        StreamFile(
            prefix=f"twitterfilter-{row.id}", path=path.name, filter_id=row.id, begun_at=moment,
            lines=1, size_bytes=0, sha256="",
        )
    )  # fmt: skip
    db.session.flush()
    criteria = request.of_stream_files(selection.of_stream(Selection(), row.id, None, reader))
    export_id = service.create_export(reader, criteria, Layout(packing="none"), rows=1).id
    db.session.commit()
    request.check_rights(reader.id, criteria)
    db.session.delete(row)
    db.session.commit()
    with pytest.raises(NotFound):
        make_export(export_id)
    assert db.session.get_one(ExportFile, export_id).message == request.FILES_OF_ANOTHER
