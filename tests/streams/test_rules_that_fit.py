"""Rules of several filters on one connection: what does not fit is left out by name, not all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from sfm import clock
from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import connections, owners, service
from sfm.filters.account_lookup import People
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.filters.validation import BadFilter
from sfm.messages import unpack
from sfm.models import Heartbeat
from sfm.networks.errors import BadRequest, NetworkError
from sfm.networks.rules import Rule
from sfm.sandbox.server import Sandbox
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.rule_sync import RuleSync
from sfm.streams.status import Status
from sfm.twitter.auth import BearerAuth
from sfm.twitter.rate_limit import Limiter
from sfm.twitter.stream_client import StreamClient
from sfm.twitter.transport import Transport
from tests.conftest import FrozenClock
from tests.streams.collecting import make_filter
from tests.twitter.memory_meter import MemoryMeter

NOBODY = People({}, {})


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def rules(*values: str) -> tuple[Rule, ...]:
    return tuple(Rule(value) for value in values)


def client(sandbox: Sandbox) -> StreamClient:
    auth = BearerAuth(sandbox.bearer_token)
    transport = Transport(auth, api_root=sandbox.url, limiter=Limiter(), meter=MemoryMeter())
    return StreamClient(transport, mark="m1")


def rule_sync(sandbox: Sandbox, status: Status, filters: dict[int, tuple[Rule, ...]]) -> RuleSync:
    router = Router(CollectedFilters(filters), "m1")
    return RuleSync(router, status, client(sandbox), client(sandbox))


def test_the_filter_that_does_not_fit_is_left_out_by_name_and_its_time_is_a_gap(
    sandbox: Sandbox,
) -> None:
    """K-15: the others are connected, and go on."""
    sandbox.site.rules.cap = 5
    status = Status()
    filters = {1: rules("a1", "a2"), 2: rules("b1", "b2"), 3: rules("c1", "c2")}
    sync = rule_sync(sandbox, status, filters)
    connection = sync.connect()
    connection.stop()
    assert {rule.value for rule in client(sandbox).rules()} == {"a1", "a2", "b1", "b2"}
    assert list(sync.left_out) == [3]
    assert "do not fit beside those of the other filters" in sync.left_out[3]
    assert [(gap.prefixes, gap.cause) for gap in status.outages] == [
        (("twitterfilter-3",), "rules_do_not_fit")
    ]
    assert unpack(sync.figures()["left_out"]["3"]) == sync.left_out[3]  # type: ignore[index]


def test_where_the_rules_of_none_are_taken_no_filter_is_left_out(sandbox: Sandbox) -> None:
    sandbox.site.rules.cap = 1
    status = Status()
    sync = rule_sync(sandbox, status, {1: rules("a1", "a2"), 2: rules("b1", "b2")})
    with pytest.raises(BadRequest):
        sync.connect()
    assert sync.left_out == {}
    assert not status.outages


def test_a_filter_that_was_left_out_comes_back_when_there_is_room(
    sandbox: Sandbox, clock: FrozenClock
) -> None:
    sandbox.site.rules.cap = 2
    sync = rule_sync(sandbox, Status(), {1: rules("a1", "a2"), 2: rules("b1", "b2")})
    sync.sync()
    assert list(sync.left_out) == [2]
    sandbox.site.rules.cap = 10
    clock.advance(3599)
    sync.sync()
    assert list(sync.left_out) == [2]
    clock.advance(1)
    sync.sync()
    assert sync.left_out == {}
    assert len(client(sandbox).rules()) == 4


def test_rules_that_do_not_fit_are_not_tried_again_each_two_seconds(
    sandbox: Sandbox, clock: FrozenClock
) -> None:
    """K-15: a filter that is alone is left out by nobody; it is tried ever more slowly."""
    sandbox.site.rules.cap = 1
    sync = rule_sync(sandbox, Status(), {1: rules("a1", "a2")})
    waits = []
    for _ in range(6):
        with pytest.raises(BadRequest):
            sync.sync()
        before = clock.elapsed
        while not sync.may_try():
            clock.advance(1.0)
        waits.append(clock.elapsed - before)
    assert waits == [2, 5, 15, 60, 300, 300]
    with pytest.raises(BadRequest):
        sync.sync()
    assert not sync.may_try()
    sync._router.assign(CollectedFilters({1: rules("a1")}))
    assert sync.may_try(), "other filters are tried at once"
    sync.sync()


def test_near_the_cap_rules_are_replaced_batch_by_batch_and_never_fewer(sandbox: Sandbox) -> None:
    sandbox.site.rules.cap = 250
    x = client(sandbox)
    x.sync_rules(rules(*(f"old{number}" for number in range(250))), cap=250)
    sandbox.faults.add("unavailable", path="/2/tweets/search/stream/rules", after=4)
    with pytest.raises(NetworkError):
        x.sync_rules(rules(*(f"new{number}" for number in range(250))), cap=250)
    held = [rule.value for rule in x.rules()]
    assert len(held) == 250
    assert sum(value.startswith("new") for value in held) == 100
    x.sync_rules(rules(*(f"new{number}" for number in range(250))), cap=250)
    assert {rule.value for rule in x.rules()} == {f"new{number}" for number in range(250)}


def test_more_than_there_is_room_for_touches_no_rule(sandbox: Sandbox) -> None:
    x = client(sandbox)
    x.sync_rules(rules("old1", "old2"))
    with pytest.raises(BadRequest, match="room for 2"):
        x.sync_rules(rules("new1", "new2", "new3"), cap=2)
    assert {rule.value for rule in x.rules()} == {"old1", "old2"}


def test_the_sum_of_a_shared_connection_is_checked_when_saving(app: Flask) -> None:
    app.extensions["sfm_settings"] = replace(app_settings(), share_stream_connections=True)
    made = make_filter()
    made.rule_text = "\n".join(f"a{number}" for number in range(600))
    db.session.commit()
    exact = "\n".join(f"b{number}" for number in range(600))
    second = FilterDraft("Second", made.user_id, rule_text=exact, is_active=False)
    saved = service.save(second, NOBODY)
    with pytest.raises(BadFilter, match="makes 600 rules.*make 601: together 1201.*takes 1000"):
        service.activate(saved)
    service.save(replace(draft_of(saved), rule_text="a1\nb1", is_active=True), NOBODY, saved)


def test_the_page_of_a_filter_says_that_its_collector_leaves_it_out(app: Flask) -> None:
    made = make_filter()
    fingerprint = connections.source_of_filter(made).fingerprint
    figures = {"left_out": {str(made.id): "Its rules do not fit."}}
    beat = Heartbeat(
        program="twitterfilter-9", fingerprint=fingerprint, state="connected", figures=figures,
        beat_at=clock.now(),
    )  # fmt: skip
    db.session.add(beat)
    db.session.commit()
    assert owners.problem_of(made) == "Its rules do not fit."
