"""A gap is called filled only for what search was asked for; the rest is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock as clocks
from sfm.database import db
from sfm.errors import WrongInput
from sfm.extensions import settings as settings_of
from sfm.filters import coverage_due, service, validation
from sfm.filters.account_lookup import People
from sfm.filters.drafting import FilterDraft
from sfm.models import FilterVersion, Gap, Run, TwitterFilter, User
from sfm.networks.page import BROKEN_PAGING, Page, PartialError, RefusedElement
from sfm.streams import completeness, gap_fill
from tests.conftest import FrozenClock
from tests.pages import page, submit
from tests.streams.collecting import make_filter

DAY = timedelta(days=1)
LONG_PHRASE = "very long phrase " * 33
LONG_RULE = "(" + " OR ".join(f"word{number:03d}" for number in range(60)) + ")"


class Search:
    """X's recent search: one page a query, and what it was asked."""

    def __init__(self, answer: Page | None = None) -> None:
        self.answer = answer or Page()
        self.queries: list[str] = []
        self.times: set[tuple[datetime, datetime]] = set()

    def search_recent(
        self, query: str, *, start_time: datetime, end_time: datetime
    ) -> Iterator[Page]:
        self.queries.append(query)
        self.times.add((start_time, end_time))
        yield self.answer


def make_gap(found: TwitterFilter, began: timedelta, ended: timedelta) -> Gap:
    """A gap of this filter from so long ago to so long ago. Commits."""
    now = clocks.now()
    gap = Gap(
        filter_id=found.id, prefix=f"twitterfilter-{found.id}", cause="network",
        began_at=now - began, ended_at=now - ended, lost_estimate=100,
    )  # fmt: skip
    db.session.add(gap)
    db.session.commit()
    return gap


def can_be_filled(gap: Gap) -> bool:
    estimates = gap_fill.fill_estimates(completeness.of_prefix(gap.prefix).gaps)
    return estimates[gap.began_at].why_not == ""


def made_long_ago(words: str = "flood", **more: str) -> TwitterFilter:
    found = make_filter(words=words)
    found.criteria_since = clocks.now() - 30 * DAY
    for name, value in more.items():
        setattr(found, name, value)
    coverage_due.note_version(found)
    (version,) = db.session.query(FilterVersion).filter_by(ended_at=None)
    version.began_at = found.criteria_since
    db.session.query(FilterVersion).filter(FilterVersion.ended_at.is_not(None)).delete()
    db.session.commit()
    return found


def fill(gap: Gap, search: Search) -> None:
    root = settings_of().data_folder
    root.mkdir(exist_ok=True)
    gap_fill.fill(gap.id, search, root, settings_of().instance / "run")  # type: ignore[arg-type]
    db.session.expire_all()


def change_words(found: TwitterFilter, words: str) -> None:
    draft = FilterDraft(name=found.name, user_id=found.user_id, words=words)
    service.save(draft, People({}, {}), found)
    db.session.commit()


def test_of_ten_days_the_last_seven_are_searched_and_the_rest_is_named(
    app: Flask, client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock,
) -> None:  # fmt: skip
    """ST18"""
    gap = make_gap(made_long_ago(), 10 * DAY, timedelta(hours=1))
    search = Search()
    fill(gap, search)
    earliest = clocks.now() - 7 * DAY + timedelta(minutes=1)
    assert (gap.filled, gap.searched_queries) == ("in part", ["flood"])
    assert search.times == {(gap.searched_from, gap.searched_to)}
    assert gap.searched_from == earliest
    (rest,) = gap.not_searched or ()
    assert rest.startswith(f"{clocks.iso(gap.began_at)} to {clocks.iso(earliest)}: ")
    shown = page(login_as(superuser), f"/filters/{gap.filter_id}/").text
    assert "in part" in shown
    assert rest in shown
    with pytest.raises(WrongInput, match="asked for all of it"):
        gap_fill.request_fill(gap, 1)


def test_a_gap_filled_before_it_was_kept_what_was_asked_is_not_called_filled(
    app: Flask, client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock,
) -> None:  # fmt: skip
    """ST18"""
    gap = make_gap(made_long_ago(), 2 * DAY, 1 * DAY)
    gap.filled, gap.filled_posts = "filled", 7
    db.session.commit()
    shown = page(login_as(superuser), f"/filters/{gap.filter_id}/").text
    assert "in part" in shown
    assert "What was searched for is not recorded: posts may be missing." in shown
    assert "Fill it, about" in shown
    assert can_be_filled(gap)
    search = Search()
    fill(gap, search)
    assert len(search.times) == 1
    assert (gap.filled, gap.filled_posts, gap.searched_queries) == ("filled", 7, ["flood"])


def test_a_gap_that_grew_too_old_while_its_run_waited_is_not_called_filled(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18"""
    gap = make_gap(made_long_ago(), 6.9 * DAY, 6.8 * DAY)
    clock.advance(86_400)
    search = Search()
    with pytest.raises(WrongInput, match="seven days only"):
        fill(gap, search)
    db.session.expire_all()
    assert (search.queries, gap.filled, gap.searched_from) == ([], "", None)


def test_a_phrase_too_long_for_search_is_named_and_the_others_are_searched(
    app: Flask, client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock,
) -> None:  # fmt: skip
    """ST18: the stream takes twice as much."""
    found = made_long_ago(f'flood, "{LONG_PHRASE}"')
    assert len(validation.stream_rules(found)) == 1
    gap = make_gap(found, 2 * DAY, DAY)
    search = Search()
    fill(gap, search)
    assert (gap.filled, search.queries) == ("in part", ["flood"])
    (why,) = gap.not_searched or ()
    assert LONG_PHRASE.strip() in why
    assert "search does not take it" in why
    shown = page(login_as(superuser), f"/filters/{gap.filter_id}/").text
    assert "Not to be searched" in shown


def test_a_gap_of_which_no_rule_can_be_searched_is_refused_with_the_rule(
    app: Flask, client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock,
) -> None:  # fmt: skip
    """ST18"""
    gap = make_gap(made_long_ago("", rule_text=LONG_RULE), 2 * DAY, DAY)
    with pytest.raises(WrongInput, match=f"has {len(LONG_RULE)} characters"):
        fill(gap, Search())
    here = f"/filters/{gap.filter_id}/"
    mine = login_as(superuser)
    answer = submit(mine, page(mine, here), f"{here}gaps/{gap.id}/fill/")
    assert LONG_RULE in answer.text
    db.session.expire_all()
    assert (gap.filled, db.session.query(Run).count()) == ("", 0)


def test_the_words_of_the_time_of_the_gap_are_searched(app: Flask, clock: FrozenClock) -> None:
    """ST18"""
    found = made_long_ago("flood")
    gap = make_gap(found, 2 * DAY, DAY)
    change_words(found, "storm")
    search = Search()
    fill(gap, search)
    assert (search.queries, gap.filled, gap.not_searched) == (["flood"], "filled", [])


@pytest.mark.parametrize("noted", ["before the change", "after the change"])
def test_each_part_of_a_gap_is_searched_with_the_words_of_its_time(
    app: Flask, clock: FrozenClock, noted: str
) -> None:
    """ST18: whenever the row of the gap was written."""
    found = made_long_ago("flood")
    gap = make_gap(found, timedelta(hours=1), timedelta()) if noted == "before the change" else None
    began_at = clocks.now() - timedelta(hours=1)
    change_words(found, "storm")
    changed_at = found.changed_at
    clock.advance(3600)
    gap = gap or make_gap(found, timedelta(hours=2), timedelta())
    gap.ended_at = ended_at = clocks.now() - timedelta(minutes=1)
    db.session.commit()
    search = Search()
    fill(gap, search)
    margin = timedelta(seconds=10)
    assert search.queries == ["flood", "storm"]
    assert search.times == {(began_at - margin, changed_at), (changed_at, ended_at + margin)}
    assert (gap.filled, gap.not_searched) == ("filled", [])
    fills = completeness.of_prefix(gap.prefix).gaps[0].fills
    assert [(row.queries, row.ended_at - row.began_at) for row in fills] == [
        (["flood"], changed_at - began_at + margin), (["storm"], ended_at + margin - changed_at),
    ]  # fmt: skip


def test_what_was_listened_for_before_that_was_kept_is_called_unknown(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18: of a filter of an older version, whose words were changed within the gap."""
    found = made_long_ago("storm")
    db.session.query(FilterVersion).delete()
    found.criteria_since = clocks.now() - timedelta(hours=1)
    db.session.commit()
    gap = make_gap(found, timedelta(hours=2), timedelta(minutes=1))
    fill(gap, Search())
    assert gap.filled == "in part"
    assert "is not known here" in (gap.not_searched or [""])[0]


def test_pages_that_break_off_leave_a_gap_that_can_be_asked_for_again(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18"""
    gap = make_gap(made_long_ago(), 2 * DAY, DAY)
    broken = PartialError(
        kind=BROKEN_PAGING, title="Paging broke off", detail="The same token twice."
    )
    fill(gap, Search(Page(problems=(broken,))))
    assert gap.filled == "broken off"
    assert gap.not_searched == ["The pages of “flood” broke off: The same token twice."]
    assert can_be_filled(gap)
    fill(gap, Search())
    assert (gap.filled, gap.not_searched) == ("filled", [])


def test_posts_that_cannot_be_read_leave_a_gap_filled_in_part(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18"""
    gap = make_gap(made_long_ago(), 2 * DAY, DAY)
    fill(gap, Search(Page(refused=(RefusedElement(b"{}", "not_a_post", "This is JSON."),))))
    assert gap.filled == "in part"
    assert gap.not_searched == ["1 post of the answers could not be read."]


def test_the_last_seconds_before_a_reconnection_are_waited_for(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18: search knows a post some ten seconds after the stream."""
    gap = make_gap(made_long_ago(), DAY, timedelta(seconds=3))
    fill(gap, Search())
    assert (gap.filled, clock.slept) == ("filled", [12.0])
