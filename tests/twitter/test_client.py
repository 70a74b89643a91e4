"""The client against a server that misbehaves by script."""

import io
import json
import logging
import re
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sfm.networks import errors
from sfm.twitter.auth import BearerAuth, OAuth1Auth, OAuth2UserAuth, UserToken
from sfm.twitter.client import Client
from sfm.twitter.transport import REFUSED_SECONDS, RETRY_SECONDS
from tests.twitter.fake import TOKEN, Fake, answer, hold, transport_to
from tests.twitter.memory_meter import MemoryMeter
from tests.twitter.tweets import v2_post, v2_user


class Waits:
    """A pause that lets the frozen clock run on, and remembers."""

    def __init__(self, clock):
        self.clock, self.waits = clock, []

    def __call__(self, wait):
        self.waits.append(wait)
        self.clock.advance(wait.seconds)


def make(fake, auth=None, **more):
    dialect = more.pop("dialect", "tweet")
    return Client(transport_to(fake.root, auth, **more), dialect=dialect)


def page(*ids, token=None, **more):
    meta = {"result_count": len(ids)} | ({"next_token": token} if token else {})
    body = {"meta": meta} | ({"data": [v2_post(one) for one in ids]} if ids else {}) | more
    return answer(200, body)


def ids(pages):
    return [tweet.twitter_id for one in pages for tweet in one.posts]


def test_a_timeline_is_paged_to_its_end():
    with Fake([page(9, 8, token="t1"), page(7, token="t2"), page(6)]) as fake:
        assert ids(make(fake).timeline(101, since_id=5)) == [9, 8, 7, 6]
        tokens = [asked.query.get("pagination_token") for asked in fake.asked]
        assert tokens == [None, "t1", "t2"]
        assert {asked.path for asked in fake.asked} == {"/2/users/101/tweets"}
        assert {asked.query["since_id"] for asked in fake.asked} == {"5"}
        assert {asked.query["max_results"] for asked in fake.asked} == {"100"}


def test_nothing_new_costs_exactly_one_call():
    meter = MemoryMeter()
    with Fake([page()]) as fake:
        client = make(fake, meter=meter)
        (only,) = client.timeline(101, since_id=5)
        assert len(fake.asked) == 1
    assert only.records == ()
    assert meter.calls.total() == 1
    assert meter.posts.total() == 0


def test_posts_that_cannot_be_read_are_counted_too():
    """K-23: they were delivered, so they are paid for."""
    meter, odd = MemoryMeter(), {"id": "no number", "text": "odd"}
    bodies = [{"data": [v2_post(9), odd], "meta": {"result_count": 2}}, {"data": [odd]}]
    with Fake([answer(200, body) for body in bodies]) as fake:
        client = make(fake, meter=meter)
        list(client.search_recent("x"))
        list(client.posts_by_id([9]))
    assert sorted(meter.posts.values()) == [1, 2]


def test_every_call_is_counted_with_what_it_read():
    meter = MemoryMeter()
    users = answer(200, {"data": [v2_user(), v2_user(102, "bob_x")]})
    with Fake([page(9, 8, token="t1"), page(7), users, answer(429, {})]) as fake:
        client = make(fake, meter=meter)
        list(client.timeline(101))
        list(client.accounts_by_uid([101, 102]))
        with pytest.raises(errors.Wait):
            list(client.posts_by_id([1]))
    mark = BearerAuth(TOKEN).fingerprint
    assert meter.calls == {(mark, "users/:id/tweets"): 2, (mark, "users"): 1, (mark, "tweets"): 1}
    assert meter.posts[mark, "users/:id/tweets"] == 3
    assert meter.users[mark, "users"] == 2


@pytest.mark.parametrize(
    ("dialect", "parameter", "other"),
    [("tweet", "tweet.fields", "post.fields"), ("post", "post.fields", "tweet.fields")],
)
def test_vocabularies_are_never_mixed_in_one_question(dialect, parameter, other):
    with Fake([page(9)]) as fake:
        list(make(fake, dialect=dialect).timeline(101))
        list(make(fake, dialect=dialect).search_recent("flood"))
        list(make(fake, dialect=dialect).posts_by_id([9]))
    for asked in fake.asked:
        assert parameter in asked.query
        assert other not in asked.query
        rest = "".join(asked.query.values())
        assert ("note_post" in rest, "note_tweet" in rest) == (
            dialect == "post",
            dialect == "tweet",
        )


def test_every_parameter_is_one_that_x_describes(shared_data):
    for version, dialect in (("2.166", "tweet"), ("2.167", "post")):
        described = json.loads((shared_data / f"openapi-{version}.json").read_text())
        with Fake(
            route=lambda asked: answer(200, {"data": {"id": "1", "username": "a"}, "meta": {}})
        ) as fake:
            client = make(fake, dialect=dialect)
            list(client.timeline(101, since_id=1, until_id=9, exclude=["replies"]))
            list(client.search_recent("x", start_time=datetime(2026, 1, 1, tzinfo=UTC)))
            list(client.posts_by_id([1]))
            list(client.accounts_by_uid([1]))
            list(client.accounts_by_name(["a"]))
            client.counts_recent("x")
            client.usage()
            client.me()
            assert len(fake.asked) == 8
            for asked in fake.asked:
                check_against(described, asked)


def check_against(described, asked):
    template = re.sub(r"/users/\d+/", "/users/{id}/", asked.path)
    known = {}
    for parameter in described["paths"][template]["get"].get("parameters", []):
        if "$ref" in parameter:
            parameter = described["components"]["parameters"][parameter["$ref"].rsplit("/")[-1]]
        known[parameter["name"]] = parameter.get("schema", {})
    assert set(asked.query) <= set(known), (template, set(asked.query) - set(known))
    for name, value in asked.query.items():
        allowed = known[name].get("items", {}).get("enum")
        assert allowed is None or set(value.split(",")) <= set(allowed), (template, name, value)


# --- AP1, AP2: limits and caps ------------------------------------------------------------------


def limited(clock, seconds, remaining="0"):
    headers = {
        "date": format_datetime(clock.now(), usegmt=True),
        "x-rate-limit-remaining": remaining,
        "x-rate-limit-reset": str(int(clock.now().timestamp()) + seconds),
    }
    return answer(429, {"title": "Too Many Requests"}, headers)


@pytest.mark.parametrize(("reset", "seconds"), [(300, 301), (-50, 1), (36_000, 900)])
def test_a_limit_is_waited_out_and_the_call_made_again(clock, reset, seconds):
    waits = Waits(clock)
    with Fake([limited(clock, reset), page(9)]) as fake:
        assert ids(make(fake, pause=waits).timeline(101)) == [9]
        assert len(fake.asked) == 2
    assert sum(wait.seconds for wait in waits.waits) == seconds
    assert clock.slept == []


def test_a_limit_without_headers_is_waited_out_too(clock):
    waits = Waits(clock)
    with Fake([answer(429, b"slow down"), page(9)]) as fake:
        assert ids(make(fake, pause=waits).timeline(101)) == [9]
    assert waits.waits[0].seconds == 60


def test_whoever_cannot_wait_is_told_until_when(clock):
    with Fake([limited(clock, 300)]) as fake:
        client = make(fake)
        with pytest.raises(errors.Wait) as refusal:
            next(client.timeline(101))
        assert refusal.value.until == clock.now() + timedelta(seconds=301)
        with pytest.raises(errors.Wait):
            next(client.timeline(102))
        assert len(fake.asked) == 1  # the second was not even asked
        assert ids(client.posts_by_id([])) == []


def test_while_one_endpoint_waits_the_others_go_on(clock):
    def route(asked):
        return limited(clock, 300) if "timeline" in asked.path or "101" in asked.path else page(9)

    with Fake(route=route) as fake:
        client = make(fake)
        with pytest.raises(errors.Wait):
            next(client.timeline(101))
        assert ids(client.search_recent("flood")) == [9]


def test_a_server_that_refuses_for_ever_is_given_up(clock):
    waits = Waits(clock)
    with Fake([limited(clock, -50)]) as fake:
        with pytest.raises(errors.Wait):
            list(make(fake, pause=waits).timeline(101))
        assert len(fake.asked) == len(REFUSED_SECONDS) + 1
    assert sum(wait.seconds for wait in waits.waits) > 3600


@pytest.mark.parametrize("status", [402, 403, 429])
def test_credits_and_caps_are_asked_once_and_never_again(clock, status):
    waits = Waits(clock)
    body = {"title": "UsageCapExceeded", "period": "Monthly", "type": "x/usage-capped"}
    with Fake([answer(status, body)]) as fake:
        with pytest.raises(errors.OutOfCredits):
            list(make(fake, pause=waits).timeline(101))
        assert len(fake.asked) == 1
    assert waits.waits == []


# --- AP3, AP4, AP5: accounts --------------------------------------------------------------------


def user_error(name, detail, title="Not Found Error", parameter="usernames"):
    return {"value": name, "resource_id": name, "detail": detail, "title": title,
            "resource_type": "user", "parameter": parameter,
            "type": "https://api.twitter.com/2/problems/resource-not-found"}  # fmt: skip


def test_one_bad_account_does_not_spoil_the_batch():
    found = [v2_user(number, f"name_{number}") for number in range(1, 98)]
    wrong = [
        user_error("gone_x", "Could not find user with usernames: [gone_x]."),
        user_error("bad_x", "User has been suspended: [bad_x].", "Forbidden"),
    ]
    names = [user["username"].upper() for user in found] + ["gone_x", "bad_x", "mute_x"]
    with Fake([answer(200, {"data": found, "errors": wrong}), answer(200, {})]) as fake:
        (batch,) = make(fake).accounts_by_name(names)
        assert [asked.query["usernames"] for asked in fake.asked[1:]] == ["mute_x"]
    assert len(batch.accounts) == 97
    assert [(one.subject, one.state) for one in batch.problems] == [
        ("gone_x", "not_found"), ("bad_x", "suspended"), ("mute_x", "unanswered"),
    ]  # fmt: skip


def test_names_that_cannot_be_are_never_asked_for():
    with Fake([answer(200, {"data": [v2_user()]})]) as fake:
        batches = list(make(fake).accounts_by_name([" @ann_x ", "no name", "x" * 16, "", "é"]))
        assert [asked.query["usernames"] for asked in fake.asked] == ["ann_x"]
    assert [one.state for one in batches[0].problems] == ["malformed"] * 4
    assert batches[1].accounts[0].name == "ann_x"


def test_accounts_are_asked_for_by_the_hundred():
    def route(asked):
        found = [v2_user(int(one), f"n_{one}") for one in asked.query["ids"].split(",")]
        return answer(200, {"data": found})

    with Fake(route=route) as fake:
        batches = list(make(fake).accounts_by_uid([*range(1, 251), 7, 2**63, -1]))
        assert [len(asked.query["ids"].split(",")) for asked in fake.asked] == [100, 100, 50]
    assert sum(len(batch.accounts) for batch in batches) == 250
    assert [one.subject for one in batches[0].problems] == [str(2**63), "-1"]


def test_an_account_gone_by_its_number_says_so():
    errors_of_both = [user_error(uid, "Could not find", parameter="ids") for uid in ("5", "6")]
    with Fake([answer(200, {"errors": errors_of_both})]) as fake:
        (batch,) = make(fake).accounts_by_uid([5, 6])
    assert [(one.subject, one.state) for one in batch.problems] == [("5", "gone"), ("6", "gone")]


def test_whom_an_answer_says_nothing_of_is_asked_for_once_more_alone():
    """AP18."""
    both = answer(200, {"data": [v2_user(7, "seven")]})
    with Fake(
        [both, answer(200, {"data": [v2_user(5, "five")]}),
         answer(200, {"errors": [user_error("6", "Could not find", parameter="ids")]})]
    ) as fake:  # fmt: skip
        (batch,) = make(fake).accounts_by_uid([5, 6, 7])
        assert [asked.query["ids"] for asked in fake.asked] == ["5,6,7", "5", "6"]
    assert sorted(user.uid for user in batch.accounts) == [5, 7]
    assert [(one.subject, one.state) for one in batch.problems] == [("6", "gone")]


def test_silence_is_no_proof_that_an_account_is_gone():
    """AP18."""
    first = answer(200, {"data": [v2_user(7, "seven")]})
    with Fake([first, answer(200, {})]) as fake:
        (batch,) = make(fake).accounts_by_uid([5, 6, 7])
        assert len(fake.asked) == 2, "the next one would wait in vain too"
    assert [one.state for one in batch.problems] == ["unanswered", "unanswered"]
    assert not any(one.permanent for one in batch.problems)
    with Fake([answer(200, {})]) as fake, pytest.raises(errors.Retry):
        list(make(fake).accounts_by_uid([5, 6, 7]))
    with Fake([answer(200, {"data": []})]) as fake, pytest.raises(errors.Retry):
        make(fake).account_by_name("ann_x")


def test_a_renamed_account_keeps_its_number():
    with Fake([answer(200, {"data": [v2_user(101, "New_Name")]})]) as fake:
        (batch,) = make(fake).accounts_by_uid([101])
    assert (batch.accounts[0].uid, batch.accounts[0].name, batch.problems) == (101, "New_Name", ())


def test_a_name_now_held_by_another_number_is_told_by_that_number():
    with Fake([answer(200, {"data": [v2_user(999, "ann_x")]})]) as fake:
        assert make(fake).account_by_name("@ann_x").uid == 999


def test_one_name_that_is_not_there_raises_its_problem():
    with Fake([answer(200, {"errors": [user_error("gone_x", "Could not find user")]})]) as fake:
        with pytest.raises(errors.AccountProblem) as why:
            make(fake).account_by_name("gone_x")
    assert why.value.state == "not_found"


@pytest.mark.parametrize(
    ("title", "detail", "kind", "state"),
    [
        ("Authorization Error", "Sorry, you are not authorized", "not-authorized-for-resource",
         "protected"),
        ("Forbidden", "User has been suspended: [101].", "resource-not-found", "suspended"),
        ("Not Found Error", "Could not find user with id", "resource-not-found", "gone"),
    ],
)  # fmt: skip
def test_a_timeline_that_cannot_be_read_is_the_accounts_problem(title, detail, kind, state):
    error = {"title": title, "detail": detail, "type": f"https://x/{kind}", "parameter": "id",
             "value": "101", "resource_type": "user", "resource_id": "101"}  # fmt: skip
    with Fake([answer(200, {"errors": [error]})]) as fake:
        with pytest.raises(errors.AccountProblem) as why:
            list(make(fake).timeline(101))
    assert (why.value.state, why.value.subject) == (state, "101")


# --- AP9, AP11: what is no answer ---------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_web_page_is_tried_again_and_its_beginning_kept(clock, status):
    html = b"<!DOCTYPE html><h1>Over capacity</h1>" + b"x" * 2000
    waits = Waits(clock)
    with Fake([answer(status, html, kind="text/html"), page(9)]) as fake:
        assert ids(make(fake, pause=waits).timeline(101)) == [9]
        assert len(fake.asked) == 2
    (wait,) = waits.waits
    assert wait.reason == "transient"
    assert wait.cause.detail.startswith("<!DOCTYPE html><h1>Over capacity</h1>")
    assert len(wait.cause.detail) == 500


WHOLE = json.dumps({"data": [v2_post(9)], "meta": {}}).encode()


def chunked_and_cut(connection, _asked):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sendall(f"{len(WHOLE):x}\r\n".encode() + WHOLE[:100])


@pytest.mark.parametrize(
    "broken",
    [
        answer(200, WHOLE[:100], length=len(WHOLE)),
        answer(200, WHOLE[:100]),
        chunked_and_cut,
        answer(200, b"\x1f\x8b garbage", {"Content-Encoding": "gzip"}),
        b"",
        b"HTTP/1.1 nonsense\r\n\r\n",
    ],
)
def test_a_cut_answer_is_asked_for_again_and_never_half_taken(clock, broken):
    waits = Waits(clock)
    with Fake([broken, page(9)]) as fake:
        assert ids(make(fake, pause=waits).timeline(101)) == [9]
        assert len(fake.asked) == 2
    assert [wait.reason for wait in waits.waits] == ["transient"]


def test_a_server_that_does_not_answer_is_given_up_after_its_tries(clock):
    waits = Waits(clock)
    with Fake([lambda connection, asked: hold(connection)]) as fake:
        client = make(fake, pause=waits, timeout=(1.0, 0.05))
        with pytest.raises(errors.Retry, match="in time"):
            list(client.timeline(101))
        bound = time.monotonic() + 60  # the server may read a question after it was given up
        while len(fake.asked) <= len(RETRY_SECONDS) and time.monotonic() < bound:
            time.sleep(0.01)
        assert len(fake.asked) == len(RETRY_SECONDS) + 1
    for wait, least in zip(waits.waits, RETRY_SECONDS, strict=True):
        assert least <= wait.seconds <= least * 1.25


def test_without_a_pause_the_fault_itself_is_raised(clock):
    with Fake([answer(503, b"")]) as fake:
        with pytest.raises(errors.Retry) as fault:
            list(make(fake).timeline(101))
        assert len(fake.asked) == 1
    assert fault.value.status == 503


def test_redirects_are_not_followed_with_the_token(clock):
    with (
        Fake([page(9)]) as elsewhere,
        Fake([answer(302, b"", {"Location": elsewhere.root})]) as fake,
    ):
        with pytest.raises(errors.Retry):
            list(make(fake).timeline(101))
        assert elsewhere.asked == []


# --- AP10: partial errors -----------------------------------------------------------------------


def test_partial_errors_are_recorded_and_the_data_used():
    wrong = {"resource_type": "tweet", "resource_id": "5", "value": "5", "parameter": "ids",
             "title": "Not Found Error", "type": "https://x/resource-not-found"}  # fmt: skip
    hidden = wrong | {"resource_id": "6", "value": "6", "title": "Authorization Error",
                      "type": "https://x/not-authorized-for-resource"}  # fmt: skip
    with Fake([page(9, errors=[wrong, hidden])]) as fake:
        (only,) = make(fake).posts_by_id([9, 5, 6, 7, 2**63])
        assert fake.asked[0].query["ids"] == "9,5,6,7"
    assert ids([only]) == [9]
    assert [(one.resource_id, one.kind, one.state) for one in only.problems] == [
        ("5", "resource-not-found", "not_found"),
        ("6", "not-authorized-for-resource", "protected"),
        ("7", "unanswered", "unanswered"),
        (str(2**63), "resource-not-found", "malformed"),
    ]
    assert "gave no answer about the post 7" in only.problems[2].detail


# --- AP12: paging -------------------------------------------------------------------------------


def test_a_token_given_twice_ends_the_chain_with_a_problem():
    with Fake([page(9, token="t1"), page(8, token="t1"), page(7)]) as fake:
        pages = list(make(fake).timeline(101))
        assert len(fake.asked) == 2
    assert ids(pages) == [9, 8]
    assert [one.kind for one in pages[-1].problems] == ["broken-paging"]


def test_empty_pages_with_a_token_are_passed_but_not_for_ever():
    numbers = iter(range(1000))
    with Fake(route=lambda asked: page(token=f"t{next(numbers)}")) as fake:
        pages = list(make(fake).timeline(101))
        assert len(fake.asked) == 11
    assert pages[-1].problems[0].kind == "broken-paging"
    with Fake([page(9, token="t1"), page(token="t2"), page(7)]) as fake:
        assert ids(make(fake).timeline(101)) == [9, 7]


def expired(parameter="pagination_token"):
    return answer(400, {
        "errors": [{"message": f"The '{parameter}' is invalid", "parameters": {parameter: ["t1"]}}],
        "title": "Invalid Request", "type": "https://x/invalid-request",
    })  # fmt: skip


def test_an_expired_token_resumes_below_what_is_held():
    with Fake([page(9, 8, token="t1"), expired(), page(7, token="t2"), page(6)]) as fake:
        assert ids(make(fake).timeline(101, since_id=5)) == [9, 8, 7, 6]
        resumed = fake.asked[2].query
        assert (resumed["until_id"], resumed["since_id"]) == ("8", "5")
        assert "pagination_token" not in resumed


def test_a_token_that_always_expires_is_given_up():
    numbers = iter(range(9999, 0, -1))

    def going_down(asked):
        number = next(numbers)
        return expired() if "pagination_token" in asked.query else page(number, token=f"t{number}")

    with Fake(route=going_down) as fake:
        with pytest.raises(errors.BadRequest):
            list(make(fake).timeline(101))
        assert len(fake.asked) == 8


def test_another_bad_request_is_not_taken_for_an_expired_token():
    with Fake([page(9, token="t1"), expired("since_id")]) as fake:
        with pytest.raises(errors.BadRequest):
            list(make(fake).timeline(101))


# --- AP14, credentials --------------------------------------------------------------------------


def test_a_refused_key_is_asked_once_and_says_what_to_do(clock):
    with Fake([answer(401, {"title": "Unauthorized", "type": "about:blank"})]) as fake:
        with pytest.raises(errors.CredentialProblem) as why:
            list(make(fake, pause=Waits(clock)).timeline(101))
        assert len(fake.asked) == 1
    assert why.value.kind == "refused"


def test_a_stale_sign_in_is_renewed_before_the_call(clock):
    renewed = []

    def refresh(old):
        renewed.append(old.access_token)
        return UserToken("fresh-token", clock.now() + timedelta(hours=2))

    auth = OAuth2UserAuth(UserToken("old-token", clock.now() + timedelta(seconds=30)), "5", refresh)
    with Fake([page(9)]) as fake:
        client = make(fake, auth)
        list(client.timeline(101))
        list(client.timeline(101))
        assert [one.headers["authorization"] for one in fake.asked] == ["Bearer fresh-token"] * 2
    assert renewed == ["old-token"]


def test_a_sign_in_refused_early_is_renewed_once_and_the_call_made_again(clock):
    tokens = iter(["second", "third"])
    auth = OAuth2UserAuth(
        UserToken("first", clock.now() + timedelta(hours=1)),
        "5",
        lambda old: UserToken(next(tokens)),
    )
    unauthorized = answer(401, {"title": "Unauthorized", "type": "about:blank"})
    with Fake([unauthorized, page(9)]) as fake:
        assert ids(make(fake, auth).timeline(101)) == [9]
    with Fake([unauthorized]) as fake:
        with pytest.raises(errors.CredentialProblem):
            list(make(fake, auth).timeline(101))
        assert len(fake.asked) == 2


def test_an_old_sign_in_signs_each_call():
    auth = OAuth1Auth(
        "CANARY-consumer-key", "CANARY-consumer-secret", "5-CANARY-token", "CANARY-ts"
    )
    with Fake([page(9)]) as fake:
        list(make(fake, auth).timeline(101))
        header = fake.asked[0].headers["authorization"]
    assert header.startswith("OAuth ")
    for part in ("oauth_consumer_key", "oauth_token", "oauth_signature", "oauth_nonce"):
        assert part in header


def test_fingerprints_tell_credentials_apart_and_tell_nothing():
    one, other = BearerAuth("a" * 30), BearerAuth("b" * 30)
    assert one.fingerprint == BearerAuth("a" * 30).fingerprint != other.fingerprint
    assert re.fullmatch(r"[0-9a-f]{64}", one.fingerprint)
    token = UserToken("x")
    first = OAuth2UserAuth(token, "5", lambda old: old)
    assert first.fingerprint == OAuth2UserAuth(UserToken("y"), "5", lambda old: old).fingerprint


def canaries(clock):
    def refresh(old):
        return old

    return [
        BearerAuth(TOKEN),
        OAuth1Auth(
            "CANARY-consumer-key", "CANARY-consumer-secret", "5-CANARY-token", "CANARY-tsec"
        ),
        OAuth2UserAuth(
            UserToken("CANARY-access", clock.now() + timedelta(hours=1), "CANARY-refresh"),
            "5",
            refresh,
        ),
    ]


def echo(connection, asked):
    """A server that repeats what it was told, as debugging proxies do."""
    body = json.dumps({"title": "Unauthorized", "detail": asked.headers["authorization"]})
    connection.sendall(answer(401, body.encode()))


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("fault", [echo, answer(503, b""), b"", answer(429, b"")])
def test_no_secret_is_told_by_error_log_or_repr(clock, number, fault):
    auth = canaries(clock)[number]
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with Fake([fault]) as fake:
            client = make(fake, auth)
            with pytest.raises(errors.NetworkError) as why:
                list(client.timeline(101))
            assert "CANARY" in fake.asked[0].headers["authorization"]
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    told = "".join(traceback.format_exception(why.value)) + log.getvalue()
    told += repr(client) + repr(auth) + repr(client.transport) + repr(vars(why.value))
    assert "CANARY" not in told


def test_the_environment_has_no_say(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with Fake([page(9)]) as fake:
        assert ids(make(fake).timeline(101)) == [9]
        assert fake.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_cookies_are_not_kept():
    with Fake([answer(200, {"meta": {}}, {"Set-Cookie": "guest_id=1; Path=/"})]) as fake:
        client = make(fake)
        list(client.timeline(101))
        list(client.timeline(101))
        assert "cookie" not in fake.asked[1].headers


# --- the smaller calls --------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["tweet_count", "post_count"])
def test_counts_are_read_in_either_vocabulary(count):
    bucket = {"start": "2026-11-20T00:00:00.000Z", "end": "2026-11-21T00:00:00.000Z", count: 7}
    body = {"data": [bucket, {"start": "x"}], "meta": {f"total_{count}": 7}}
    with Fake([answer(200, body)]) as fake:
        counts = make(fake).counts_recent("flood")
    assert counts.total == 7
    assert [(one.start.day, one.posts) for one in counts.buckets] == [(20, 7)]


def test_usage_is_read_with_numbers_as_text():
    body = {"data": {"project_usage": "1200", "project_cap": 3000000, "cap_reset_day": 5,
                     "daily_project_usage": {"usage": [{"date": "2026-11-20T00:00:00.000Z",
                                                        "usage": "9"}, None]}}}  # fmt: skip
    with Fake([answer(200, body)]) as fake:
        usage = make(fake).usage(days=500)
        assert fake.asked[0].query["days"] == "90"
    assert (usage.used, usage.cap, usage.cap_reset_day) == (1200, 3_000_000, 5)
    assert [used for _day, used in usage.days] == [9]


def test_one_can_ask_who_one_is():
    with Fake([answer(200, {"data": v2_user(5, "me_x")})]) as fake:
        assert make(fake).me().uid == 5
        assert fake.asked[0].path == "/2/users/me"
