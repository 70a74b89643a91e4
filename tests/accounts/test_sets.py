"""Sets belong to somebody: names are unique per owner, and others' sets are not to be seen."""

from __future__ import annotations

import pytest

from sfm.accounts import sets
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.models import TwitterUser, User


@pytest.fixture
def people(reader: User) -> list[TwitterUser]:
    made = [TwitterUser(uid=number, name=f"person{number}") for number in range(1, 4)]
    db.session.add_all(made)
    db.session.commit()
    return made


def test_names_are_unique_per_owner(reader: User, superuser: User) -> None:
    mine = sets.create(reader, "  Elections   2026 ")
    assert mine.name == "Elections 2026"
    theirs = sets.create(superuser, "Elections 2026")
    with pytest.raises(WrongInput, match="already has a set"):
        sets.create(reader, "Elections 2026")
    db.session.commit()
    assert sets.find_by_name(reader, "Elections 2026") == mine
    assert sets.find_by_name(superuser, "Elections 2026") == theirs
    other = sets.create(reader, "Other")
    with pytest.raises(WrongInput, match="already"):
        sets.change(other, name="Elections 2026", notes="")


@pytest.mark.parametrize("name", ["", "   ", "x" * 256])
def test_names_have_to_be_names(reader: User, name: str) -> None:
    with pytest.raises(WrongInput):
        sets.create(reader, name)


def test_members_come_and_go_once(reader: User, people: list[TwitterUser]) -> None:
    mine = sets.create(reader, "Mine")
    ids = [person.id for person in people]
    assert sets.add_members(mine, [ids[0], ids[0], ids[1], 999_999]) == 2
    assert sets.add_members(mine, ids) == 1
    assert sets.sizes([mine.id, 12345]) == {mine.id: 3, 12345: 0}
    assert [person.name for person in mine.members] == ["person1", "person2", "person3"]
    assert sets.remove_members(mine, [ids[1], ids[1], 999_999]) == 1
    db.session.commit()
    assert [person.name for person in mine.members] == ["person1", "person3"]


def test_a_set_is_its_owners_and_a_superusers(reader: User, superuser: User) -> None:
    mine, theirs = sets.create(reader, "Mine"), sets.create(superuser, "Theirs")
    db.session.commit()
    assert list(sets.visible_to(reader)) == [mine]
    assert list(sets.visible_to(superuser)) == [mine, theirs]
    assert sets.find(superuser, mine.id) == mine
    with pytest.raises(NotFound):
        sets.find(reader, theirs.id)
    with pytest.raises(NotFound):
        sets.find(reader, 12345)


def test_a_removed_set_leaves_its_members(reader: User, people: list[TwitterUser]) -> None:
    mine = sets.create(reader, "Mine")
    sets.add_members(mine, [people[0].id])
    db.session.commit()
    sets.remove(mine)
    db.session.commit()
    assert sets.find_by_name(reader, "Mine") is None
    assert db.session.get(TwitterUser, people[0].id) is not None
