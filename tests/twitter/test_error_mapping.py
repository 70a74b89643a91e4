"""Every answer that Twitter is known to give falls into one branch of the error tree."""

import json
from datetime import UTC, datetime

import pytest

from sfm.errors import SfmError
from sfm.networks import errors
from sfm.networks.page import PartialError
from sfm.twitter import errors as x_errors
from sfm.twitter.error_mapping import Answer, classify
from sfm.twitter.problems import problem_from, read_problems

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD = "https://api.twitter.com/2/problems/"
NEW = "https://api.x.com/2/problems/"


def trouble(status, body, headers=None, **about):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(Answer(status, headers or {}, raw, **about), NOW)


@pytest.mark.parametrize("host", [OLD, NEW])
@pytest.mark.parametrize(
    ("status", "segment", "extra", "kind"),
    [
        (401, "about:blank", {"title": "Unauthorized"}, "refused"),
        (403, "about:blank", {"title": "Forbidden"}, "forbidden"),
        (403, "client-forbidden", {"reason": "client-not-enrolled"}, "not_enrolled"),
        (403, "client-forbidden", {"reason": "official-client-forbidden"}, "client_forbidden"),
        (403, "client-forbidden", {}, "client_forbidden"),
        (403, "unsupported-authentication", {}, "wrong_kind"),
        (403, "oauth1-permissions", {}, "permissions"),
    ],
)
def test_v2_refusals_name_what_to_do_about_the_key(host, status, segment, extra, kind):
    found = trouble(status, {"type": host + segment, "status": status, **extra})
    assert isinstance(found, errors.CredentialProblem)
    assert (found.kind, found.permanent, found.status) == (kind, True, status)


@pytest.mark.parametrize(
    ("status", "body", "period"),
    [
        (402, {"title": "CreditsDepleted", "type": OLD + "credits"}, None),
        (402, {"title": "Payment Required", "type": NEW + "credits-depleted"}, None),
        (402, b"<html>pay</html>", None),
        (429, {"title": "UsageCapExceeded", "period": "Monthly", "type": OLD + "usage-capped"},
         "Monthly"),
        (403, {"title": "UsageCapExceeded", "period": "Daily", "type": NEW + "usage-capped"},
         "Daily"),
        (429, {"title": "UsageCapExceeded", "period": 7}, None),
    ],
)  # fmt: skip
def test_money_and_caps_are_never_retried(status, body, period):
    found = trouble(status, body)
    assert isinstance(found, errors.OutOfCredits)
    assert (found.period, found.permanent) == (period, True)


def test_a_spending_limit_is_told_apart_from_an_empty_account():
    body = {"type": NEW + "credits-depleted", "detail": "Spend cap reached for this cycle"}
    limit, empty = trouble(402, body), trouble(402, {"type": NEW + "credits-depleted"})
    assert "spending limit" in str(limit)
    assert "credits" in str(empty)
    assert (limit.period, empty.period) == ("Billing", None)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, {"title": "Too Many Requests", "type": "about:blank"}, "window"),
        (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "window"),
        (200, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "window"),
        (429, {"type": NEW + "rate-limit-exceeded"}, "window"),
        (420, b"Enhance your calm", "window"),
        (429, b"<html>slow down</html>", "window"),
        (429, {"type": OLD + "streaming-connection", "connection_issue": "TooManyConnections"},
         "connections"),
    ],
)  # fmt: skip
def test_limits_say_until_when_to_wait(status, body, reason):
    found = trouble(status, body)
    assert isinstance(found, errors.Wait)
    assert found.reason == reason
    assert (found.until - NOW).total_seconds() == found.seconds
    assert not found.permanent


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"type": OLD + "internal-error"}),
        (502, b"<html>bad gateway</html>"),
        (503, {"title": "Service Unavailable", "type": "about:blank"}),
        (504, b""),
        (408, b""),
        (200, b"<!DOCTYPE html><title>Maintenance</title>"),
        (403, b"<html>blocked</html>"),
        (302, b"<html>moved</html>"),
        (200, b'{"data":[{"id":"1"'),
        (200, b""),
        (200, b"17"),
        (200, b"[" * 100_000),
        (503, {"errors": [{"code": 130, "message": "Over capacity"}]}),
        (500, {"errors": [{"code": 131, "message": "Internal error"}]}),
        (503, {"errors": [{"code": 9999, "message": "new"}]}),
        (503, {"type": OLD + "streaming-connection",
               "connection_issue": "ProvisioningSubscription"}),
    ],
)  # fmt: skip
def test_passing_faults_may_be_tried_again(status, body):
    found = trouble(status, body)
    assert isinstance(found, errors.Retry)
    assert not found.permanent


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"type": OLD + "invalid-request", "detail": "One or more parameters"}),
        (400, {"type": OLD + "disallowed-resource"}),
        (403, {"type": OLD + "disallowed-resource"}),
        (403, {"errors": [{"code": 38, "message": "missing"}]}),
        (404, b"<!DOCTYPE html>"),
        (404, {"title": "Not Found", "type": "about:blank"}),
        (410, {"errors": [{"code": 68, "message": "retired"}]}),
        (410, b""),
        (413, {"title": "too long"}),
        (422, {"type": NEW + "invalid-rules"}),
        (400, {"type": OLD + "streaming-connection", "connection_issue": "RulesInvalidIssue"}),
        (400, {"errors": "a bare string"}),
    ],
)
def test_questions_that_can_never_be_answered_are_bad_requests(status, body):
    found = trouble(status, body)
    assert isinstance(found, errors.BadRequest)
    assert found.permanent


def test_a_bad_request_names_the_parameters():
    body = {
        "errors": [{"message": "Invalid 'start_time'", "parameters": {"start_time": ["x"]}}],
        "type": OLD + "invalid-request",
    }
    found = trouble(400, body)
    assert found.parameters == ("start_time",)
    assert "Invalid 'start_time'" in str(found)


@pytest.mark.parametrize(
    ("code", "status", "branch", "what"),
    [
        (17, 404, errors.AccountProblem, "not_found"),
        (32, 401, errors.CredentialProblem, "refused"),
        (34, 404, errors.AccountProblem, "not_found"),
        (50, 404, errors.AccountProblem, "not_found"),
        (63, 403, errors.AccountProblem, "suspended"),
        (64, 403, errors.CredentialProblem, "locked"),
        (87, 403, errors.CredentialProblem, "permissions"),
        (89, 401, errors.CredentialProblem, "sign_in_again"),
        (89, 403, errors.CredentialProblem, "sign_in_again"),
        (92, 403, errors.CredentialProblem, "refused"),
        (93, 403, errors.CredentialProblem, "permissions"),
        (99, 403, errors.CredentialProblem, "refused"),
        (135, 401, errors.CredentialProblem, "clock"),
        (144, 404, errors.PostProblem, "not_found"),
        (179, 403, errors.PostProblem, "protected"),
        (215, 400, errors.CredentialProblem, "refused"),
        (220, 403, errors.CredentialProblem, "wrong_kind"),
        (226, 403, errors.CredentialProblem, "locked"),
        (261, 403, errors.CredentialProblem, "permissions"),
        (326, 403, errors.CredentialProblem, "locked"),
        (415, 403, errors.CredentialProblem, "refused"),
        (416, 401, errors.CredentialProblem, "locked"),
        (421, 404, errors.PostProblem, "gone"),
        (422, 404, errors.PostProblem, "gone"),
        (453, 403, errors.CredentialProblem, "client_forbidden"),
    ],
)
def test_every_old_code_has_its_branch(code, status, branch, what):
    body = {"errors": [{"code": code, "message": "words that must not matter"}]}
    found = trouble(status, body, subject="ann_x")
    assert type(found) is branch
    assert what in (getattr(found, "kind", None), getattr(found, "state", None))


def partial(detail, title, segment, parameter="usernames", kind="user"):
    entry = {
        "value": "bad_x",
        "detail": detail,
        "title": title,
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": "bad_x",
        "type": NEW + segment,
    }
    return problem_from(entry)


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (partial("User has been suspended: [bad_x].", "Forbidden", "resource-not-found"),
         "suspended"),
        (partial("", "Forbidden", "resource-not-found"), "suspended"),
        (partial("Could not find user with usernames: [x].", "Not Found Error",
                 "resource-not-found"), "not_found"),
        (partial("Could not find user with ids: [1].", "Not Found Error", "resource-not-found",
                 "ids"), "gone"),
        (partial("Could not find tweet with ids: [1].", "Not Found Error", "resource-not-found",
                 "ids", "tweet"), "not_found"),
        (partial("Sorry, you are not authorized to see the user", "Authorization Error",
                 "not-authorized-for-resource", "id"), "protected"),
        (partial("", "Authorization Error", ""), "protected"),
        (partial("withheld in DE", "", "resource-unavailable"), "withheld"),
        (partial("", "", "resource-unavailable"), "unavailable"),
        (partial("", "", "not-authorized-for-field"), "field"),
        (partial("", "", "field-hydration-failure"), "field"),
        (partial("something new", "New", "brand-new"), "other"),
    ],
)  # fmt: skip
def test_partial_errors_are_read_by_title_and_detail_too(problem, state):
    assert problem.state == state


@pytest.mark.parametrize("body", [None, [], {}, {"errors": "x"}, {"errors": [1, None, "x"]}])
def test_bodies_without_proper_errors_hold_no_problem(body):
    assert read_problems(body) == ()


def test_a_problem_of_wrong_types_is_still_read():
    odd = problem_from({"value": 7, "detail": {"a": 1}, "type": None, "title": "a\x00\ud83d"})
    assert odd == PartialError(value="7", title="a\ufffd?")


def test_a_timeline_of_a_suspended_account_is_that_accounts_problem():
    entry = {
        "parameter": "id",
        "value": "45",
        "detail": "User has been suspended: [45].",
        "title": "Forbidden",
        "resource_type": "user",
        "type": OLD + "resource-not-found",
    }
    found = trouble(200, {"errors": [entry]})
    assert isinstance(found, errors.AccountProblem)
    assert (found.state, found.subject) == ("suspended", "45")


def test_one_bad_name_among_many_is_not_the_answers_trouble():
    entry = {"parameter": "usernames", "value": "x", "title": "Not Found Error"}
    assert trouble(200, {"errors": [entry]}) is None
    assert trouble(200, {"data": [{"id": "1"}], "errors": [entry]}) is None


NOTHING = [
    {}, [], {"data": []}, {"data": [], "includes": {}}, {"errors": []}, {"errors": None},
    {"title": "operational-disconnect"}, {"errors": [{"title": "operational-disconnect"}]},
]  # fmt: skip


def test_an_answer_with_nothing_new_is_no_trouble():
    assert trouble(200, {"meta": {"result_count": 0}}) is None
    assert trouble(200, {"data": [], "meta": {"result_count": 0}}) is None


@pytest.mark.parametrize("is_look_up", [False, True])
@pytest.mark.parametrize("body", NOTHING)
def test_an_answer_that_says_nothing_of_what_was_asked_is_a_passing_fault(body, is_look_up):
    """AP18."""
    assert isinstance(trouble(200, body, is_look_up=is_look_up), errors.Retry)


def test_a_look_up_has_to_answer_for_what_it_asked():
    """AP18."""
    count = {"meta": {"result_count": 0}}
    entry = {"parameter": "ids", "value": "5", "title": "Not Found Error"}
    assert isinstance(trouble(200, count, is_look_up=True), errors.Retry)
    assert trouble(200, {"errors": [entry]}, is_look_up=True) is None
    assert trouble(200, {"data": [{"id": "1"}]}, is_look_up=True) is None


@pytest.mark.parametrize(("status", "kind"), [(401, "refused"), (403, "forbidden")])
def test_a_refusal_without_a_reason_names_the_account_it_was_about(status, kind):
    bare = trouble(status, {"error": "No"}, subject="5")
    assert (bare.kind, bare.subject, bare.is_about_the_call) == (kind, "5", True)
    assert "plan of the app behind this key does not" not in bare.message
    named = trouble(status, {"errors": [{"code": 89, "message": "expired"}]}, subject="5")
    assert (named.kind, named.subject, named.is_about_the_call) == ("sign_in_again", "", False)


def test_a_protected_timeline_in_the_old_shape():
    found = trouble(401, {"request": "/1.1/x", "error": "Not authorized."}, subject="ann_x")
    assert isinstance(found, errors.AccountProblem)
    assert found.state == "protected"
    assert "ann_x" in str(found)


def test_a_stream_without_rules_has_its_own_class():
    assert isinstance(trouble(409, {"title": "Conflict", "type": "about:blank"}), errors.NoRules)


def test_detail_is_short_printable_and_without_secrets():
    body = (
        b'{"detail":"' + b"x" * 30 + b'","access_token":"CANARY-abcdef","h":"Bearer CANARY-zyxwv",'
        b'"q":"oauth_token=CANARY-12345&oauth_signature=CANARY-67890","k":"my-canary",'
        b'"n":"a\x00b\nc"}' + b"y" * 900
    )
    detail = trouble(500, body, secrets=("my-canary",)).detail
    assert len(detail) == errors.DETAIL_CHARACTERS
    assert "CANARY" not in detail
    assert "canary" not in detail
    assert detail.isprintable()
    assert "x" * 30 in detail


def test_every_branch_speaks_in_sentences():
    found = [x_errors.credential_problem(kind) for kind in x_errors.CREDENTIAL_MESSAGES]
    found += [x_errors.account_problem(state, "ann_x") for state in x_errors.ACCOUNT_MESSAGES]
    found += [x_errors.post_problem(state, "17") for state in x_errors.ACCOUNT_MESSAGES]
    for error in found:
        assert isinstance(error, SfmError)
        assert str(error)[0].isupper() or str(error)[0] == "“"
        assert str(error).endswith(".")
        assert "{" not in str(error)


def test_recorded_refusals_all_find_their_branch(shared_data):
    seen = set()
    for name in ("errors.jsonl", "errors_from_threads.jsonl"):
        for line in (shared_data / name).read_text().splitlines():
            record = json.loads(line)
            found = trouble(record["status"] or 400, record["body"].encode(), subject="x")
            seen.add(type(found).__name__)
            usable = record["status"] == 200 and found is None
            assert usable or isinstance(found, errors.NetworkError)
    assert seen >= {"AccountProblem", "BadRequest", "Wait", "Retry", "CredentialProblem"}
    assert seen >= {"OutOfCredits", "NoneType"}
