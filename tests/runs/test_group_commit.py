"""Group commits of a run: threads write together, and one's trouble is not the others'."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from sfm.database import db
from sfm.errors import NotFound
from sfm.models import User
from sfm.runs.errors import LeaseLost
from sfm.runs.group_commit import GroupCommit


def together(
    app: Flask, group_commit: GroupCommit, works: list[Callable[[], object]]
) -> list[object]:
    """What comes of each of these, all asked for at the same time by a thread each."""
    gate, outcomes = threading.Barrier(len(works)), dict[int, object]()

    def ask(number: int, work: Callable[[], object]) -> None:
        with app.app_context(), group_commit.join():
            gate.wait()
            try:
                outcomes[number] = group_commit.commit(work, lambda _result: 1)
            except Exception as exc:
                outcomes[number] = exc
            finally:
                db.session.remove()
                gate.wait()  # nobody leaves before all have written

    threads = [
        threading.Thread(target=ask, args=(number, work)) for number, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in range(len(works))]


def group_commit_of(added: list[int]) -> GroupCommit:
    return GroupCommit(added.append)


def add(name: str) -> Callable[[], str]:
    def work() -> str:
        db.session.add(User(username=name))
        db.session.flush()
        return name

    return work


def names() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(select(User.username)))


def commits_of(work: Callable[[], object]) -> int:
    found: list[object] = []

    @event.listens_for(db.engine, "commit")
    def _count(connection: object) -> None:
        found.append(connection)

    try:
        work()
    finally:
        event.remove(db.engine, "commit", _count)
    return len(found)


def test_threads_that_come_together_share_a_transaction(app: Flask) -> None:
    lease_checks, outcomes = list[int](), list[object]()
    group_commit = group_commit_of(lease_checks)
    wanted = [f"user{number}" for number in range(4)]
    commits = commits_of(
        lambda: outcomes.extend(together(app, group_commit, [add(one) for one in wanted]))
    )
    assert outcomes == wanted
    assert (len(lease_checks), sum(lease_checks)) == (commits, 4)
    assert names() == set(wanted)
    assert commits < 4


def test_ones_trouble_is_raised_to_that_one_and_the_others_are_kept(app: Flask) -> None:
    tries = []

    def gone() -> None:
        tries.append(1)
        db.session.add(User(username="lost"))
        db.session.flush()
        raise NotFound("It was deleted meanwhile.")

    outcomes = together(app, group_commit_of([]), [add("first"), gone, add("last")])
    assert (outcomes[0], outcomes[2]) == ("first", "last")
    assert isinstance(outcomes[1], NotFound)
    assert names() == {"first", "last"}
    assert tries


def test_a_lost_lease_is_everybodys_trouble(app: Flask) -> None:
    def lost() -> None:
        raise LeaseLost

    outcomes = together(app, group_commit_of([]), [lost, lost, lost])
    assert all(isinstance(one, LeaseLost) for one in outcomes)


def test_one_alone_waits_for_nobody(app: Flask) -> None:
    group_commit = group_commit_of([])
    with group_commit.join():
        assert group_commit.commit(add("alone")) == "alone"
    with pytest.raises(NotFound):
        group_commit.commit(lambda: (_ for _ in ()).throw(NotFound("no")))
    assert group_commit.commit(add("after")) == "after", "trouble leaves the next write unharmed"
    assert names() == {"alone", "after"}


def test_many_pages_of_many_threads_are_all_kept(app: Flask) -> None:
    group_commit = group_commit_of([])

    def several(thread: int) -> None:
        with app.app_context(), group_commit.join():
            for number in range(15):
                group_commit.commit(add(f"{thread}-{number}"))
            db.session.remove()

    threads = [threading.Thread(target=several, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(User)) == 60
