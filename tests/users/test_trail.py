"""What the page of a User shows of the audit log is of that User alone."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from sfm import audit
from sfm.audit import entries_of_user
from sfm.database import db
from sfm.models import User
from sfm.users import service
from tests.conftest import FrozenClock
from tests.pages import page

Login = Callable[[User], FlaskClient]


def test_the_page_of_a_user_does_not_show_what_was_done_to_another_with_their_number(
    clock: FrozenClock, login_as: Login, superuser: User
) -> None:
    """X-2: SQLite once gave the number of a deleted User to the next one."""
    boss = login_as(superuser)
    number = superuser.id + 1
    audit.record("user.sign_in_failed", kind="user", subject_id=number, subject="temp_a")
    db.session.commit()
    clock.advance(60)
    second = service.create("temp_b").user
    db.session.commit()
    assert second.id == number
    shown = page(boss, f"/admin/users/{number}/").text
    assert "temp_a" not in shown
    assert [entry.subject for entry in db.session.scalars(entries_of_user(second))] == ["temp_b"]
