"""From an HTTP answer to the error tree, or to nothing where the answer can be used. Pure.

Sources: X API v2 "Response codes and errors"; v1.1 "Error codes"; answers recorded in the wild.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sfm.messages import N_, Message
from sfm.networks.errors import (
    AccountState,
    BadRequest,
    CredentialKind,
    CredentialProblem,
    NetworkError,
    OutOfCredits,
    Retry,
    scrub,
)
from sfm.networks.page import PartialError
from sfm.twitter.errors import account_problem, credential_problem, no_rules, post_problem
from sfm.twitter.problems import account_state, problem_from, read_problems
from sfm.twitter.rate_headers import wait_after


@dataclass(frozen=True)
class Answer:
    """What came back for one call. `subject` is the account or post it was about, if one.

    `is_look_up`: the call asked for things by name or number, so each has to be in the answer.
    `is_sign_in`: its caller reads what is in it: tokens, or no more than a yes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    endpoint: str = ""
    subject: str = ""
    secrets: tuple[str, ...] = ()
    is_look_up: bool = False
    is_sign_in: bool = False

    def detail(self) -> str:
        return scrub(self.body, self.secrets)


_V1_CREDENTIALS: dict[int, CredentialKind] = {
    32: "refused",
    64: "locked",
    87: "permissions",
    89: "sign_in_again",
    92: "refused",
    93: "permissions",
    99: "refused",
    135: "clock",
    215: "refused",
    220: "wrong_kind",
    226: "locked",
    261: "permissions",
    326: "locked",
    415: "refused",
    416: "locked",
    453: "client_forbidden",
}
_V1_ACCOUNTS: dict[int, AccountState] = {
    17: "not_found",
    34: "not_found",
    50: "not_found",
    63: "suspended",
}
_V1_POSTS: dict[int, AccountState] = {144: "not_found", 179: "protected", 421: "gone", 422: "gone"}
_V1_RETIRED = frozenset({68, 251})
_V1_PASSING = frozenset({130, 131})
_V1_LIMIT = 88

_SEGMENT_CREDENTIALS: dict[str, CredentialKind] = {
    "unsupported-authentication": "wrong_kind",
    "oauth1-permissions": "permissions",
}
_SEGMENT_CREDITS = frozenset({"credits", "credits-depleted"})
_ACCOUNT_SEGMENTS = frozenset(
    {"resource-not-found", "not-authorized-for-resource", "resource-unavailable"}
)
_BAD_SEGMENTS = frozenset(
    {"invalid-request", "disallowed-resource", "invalid-rules", "rule-cap", "duplicate-rules"}
    | {"noncompliant-rules", "conflict"}
)


def classify(answer: Answer, now: datetime) -> NetworkError | None:
    """The trouble in this answer; None where it can be used (also with partial errors).

    `now` (aware UTC) is what a wait is counted from. Never raises.
    """
    body = _decode(answer.body)
    for rule in (_by_limit, _by_kind, _by_v1_code, _by_status, _by_emptiness):
        trouble = rule(answer, body, now)
        if trouble is not None:
            return trouble
    return None


# The bulk of an answer, which says nothing of trouble: it is looked over, and not read.
_BULK = frozenset({"data", "includes", "statuses", "meta"})
_EMPTY = frozenset({b"[]", b"{}", b"null"})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _decode(body: bytes) -> dict[str, Any] | list[Any] | None:
    try:
        if body.lstrip().startswith(b"{"):
            members = _members.decode(body)
            return {
                name: None if name in _BULK else msgspec.json.decode(value)
                for name, value in members.items()
                if name == "meta" or name not in _BULK or bytes(value) not in _EMPTY
            }
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(body)
    return value if isinstance(value, dict | list) else None


def _decode_leniently(body: bytes) -> dict[str, Any] | list[Any] | None:
    """For answers with lone surrogates or vast integers, which msgspec refuses."""
    try:
        value = json.loads(body.decode("utf-8", "replace"), parse_int=_small_int)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _small_int(digits: str) -> int | None:
    return int(digits) if len(digits) < 40 else None


def _by_limit(answer: Answer, body: Any, now: datetime) -> NetworkError | None:
    problem = problem_from(body)
    codes = _v1_codes(body)
    if answer.status == 402 or problem.kind in _SEGMENT_CREDITS:
        return _out_of_credits(answer, problem)
    if problem.kind == "usage-capped" or problem.title == "UsageCapExceeded":
        return _capped(answer, body)
    if answer.status in (420, 429) or _V1_LIMIT in codes or problem.kind == "rate-limit-exceeded":
        crowded = problem.kind == "streaming-connection"
        return wait_after(
            answer.headers,
            now,
            endpoint=answer.endpoint,
            crowded=crowded,
            detail=answer.detail(),
            status=answer.status,
        )
    return None


def _out_of_credits(answer: Answer, problem: PartialError) -> OutOfCredits:
    spending = "spend" in problem.detail.lower()
    message = (
        Message(
            "The spending limit set in X's developer console is reached. Collecting goes on when "
            "it is raised or the next billing period begins."
        )
        if spending
        else Message(
            "The X account that pays for these calls has no credits left. Add credits in X's "
            "developer console, then start again."
        )
    )
    period = "Billing" if spending else None
    return OutOfCredits(message, period=period, detail=answer.detail(), status=answer.status)


CAP_PERIODS = {"Daily": Message("today"), "Monthly": Message("this month")}


def _capped(answer: Answer, body: Any) -> OutOfCredits:
    period = body.get("period") if isinstance(body, dict) else None
    period = period if isinstance(period, str) else None
    word = CAP_PERIODS.get(period or "", Message("in this period"))
    return OutOfCredits(
        Message(
            "The app has read as many posts as its plan allows %(word)s. Collecting goes on in "
            "the next period, or with a larger plan.",
            word=word,
        ),
        period=period,
        detail=answer.detail(),
        status=answer.status,
    )


def _by_kind(answer: Answer, body: Any, now: datetime) -> NetworkError | None:
    problem = problem_from(body)
    if problem.kind == "client-forbidden":
        enrolled = isinstance(body, dict) and body.get("reason") == "client-not-enrolled"
        return _credential("not_enrolled" if enrolled else "client_forbidden", answer)
    if problem.kind in _SEGMENT_CREDENTIALS:
        return _credential(_SEGMENT_CREDENTIALS[problem.kind], answer)
    if problem.kind == "streaming-connection":
        return _stream_refusal(answer, body)
    if problem.kind in _ACCOUNT_SEGMENTS and answer.status >= 400 and answer.subject:
        return error_for(problem, answer.subject, answer.detail())
    if problem.kind in _BAD_SEGMENTS and answer.status != 409:
        return _bad_request(answer, body)
    return _whole_answer_is_one_account(answer, body)


def _stream_refusal(answer: Answer, body: Any) -> NetworkError:
    issue = body.get("connection_issue") if isinstance(body, dict) else None
    if issue in ("RuleConfigurationIssue", "RulesInvalidIssue"):
        return BadRequest(
            Message(
                "Twitter cannot use the filter rules stored for this key. Save the filter again."
            ),
            detail=answer.detail(),
            status=answer.status,
        )
    return Retry(
        Message(
            "Twitter is still setting this key up for streams. It usually works some minutes later."
        ),
        detail=answer.detail(),
        status=answer.status,
    )


def _whole_answer_is_one_account(answer: Answer, body: Any) -> NetworkError | None:
    """A 200 for one account's timeline that holds nothing but the reason why not."""
    if not isinstance(body, dict) or answer.status != 200 or "data" in body or "meta" in body:
        return None
    for problem in read_problems(body):
        if problem.parameter in ("id", "username") and problem.state != "field":
            return error_for(problem, problem.value or answer.subject, answer.detail())
    return None


def error_for(problem: PartialError, subject: str, detail: str = "") -> NetworkError:
    """The error for one account or post that Twitter would not show."""
    make: Callable[..., NetworkError] = (
        post_problem if problem.resource_type in ("tweet", "post") else account_problem
    )
    return make(account_state(problem), subject, detail=detail or scrub(problem.detail))


def _v1_codes(body: Any) -> tuple[int, ...]:
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return ()
    codes = (error.get("code") for error in errors if isinstance(error, dict))
    return tuple(code for code in codes if isinstance(code, int))


def _by_v1_code(answer: Answer, body: Any, now: datetime) -> NetworkError | None:
    for code in _v1_codes(body):
        if code in _V1_CREDENTIALS:
            return _credential(_V1_CREDENTIALS[code], answer)
        if code in _V1_ACCOUNTS:
            return account_problem(_V1_ACCOUNTS[code], answer.subject, detail=answer.detail())
        if code in _V1_POSTS:
            return post_problem(_V1_POSTS[code], answer.subject, detail=answer.detail())
        if code in _V1_RETIRED:
            return _retired(answer)
        if code in _V1_PASSING:
            return _passing(answer)
        if answer.status < 500:
            return _bad_request(answer, body)
    if answer.status == 401 and isinstance(body, dict) and body.get("error") == "Not authorized.":
        return account_problem("protected", answer.subject, detail=answer.detail())
    return None


def _by_status(answer: Answer, body: Any, now: datetime) -> NetworkError | None:
    if answer.status == 401:
        return _unexplained("refused", answer)
    if answer.status == 410:
        return _retired(answer)
    if answer.status == 409:
        return no_rules(detail=answer.detail(), status=answer.status)
    if answer.status == 404:
        return _no_such_address(answer)
    if answer.status >= 500 or answer.status == 408 or body is None or answer.status < 200:
        return _passing(answer)
    if answer.status == 403:
        return _unexplained("forbidden", answer)
    if answer.status >= 400:
        return _bad_request(answer, body)
    return _passing(answer) if answer.status >= 300 else None


_LOOK_UP_CONTENT = frozenset({"data", "includes", "statuses", "id", "id_str"})
_CONTENT = _LOOK_UP_CONTENT | {"meta"}


def _by_emptiness(answer: Answer, body: Any, now: datetime) -> NetworkError | None:
    """An answer that says nothing of what was asked: neither content nor an error that names it."""
    if answer.status != 200 or answer.is_sign_in or (isinstance(body, list) and body):
        return None
    members = body if isinstance(body, dict) else {}
    content = _LOOK_UP_CONTENT if answer.is_look_up else _CONTENT
    if not content.isdisjoint(members):
        return None
    if any(problem.value or problem.resource_id for problem in read_problems(body)):
        return None
    return Retry(
        Message(
            "Twitter's answer said nothing of what was asked for. This passes as a rule; trying "
            "again later helps."
        ),
        detail=answer.detail(),
        status=answer.status,
    )


def _credential(kind: CredentialKind, answer: Answer) -> CredentialProblem:
    return credential_problem(kind, detail=answer.detail(), status=answer.status)


def _unexplained(kind: CredentialKind, answer: Answer) -> CredentialProblem:
    return credential_problem(
        kind, detail=answer.detail(), status=answer.status, subject=answer.subject
    )


def _passing(answer: Answer) -> Retry:
    message = N_(
        "Twitter answered with an error of its own (%(status)s). This passes as a rule; trying "
        "again later helps."
    )
    if answer.status < 500 and answer.status != 408:
        message = N_(
            "Twitter sent a web page or nothing in place of data (%(status)s). This passes as a "
            "rule; trying again later helps."
        )
    return Retry(
        Message(message, status=answer.status),
        detail=answer.detail(),
        status=answer.status,
    )


def _retired(answer: Answer) -> BadRequest:
    return BadRequest(
        Message("Twitter has closed this way of asking for good."),
        detail=answer.detail(),
        status=answer.status,
    )


def _no_such_address(answer: Answer) -> BadRequest:
    return BadRequest(
        Message("There is no such address at Twitter. Check the setting TWITTER_API_ROOT."),
        detail=answer.detail(),
        status=answer.status,
    )


def _bad_request(answer: Answer, body: Any) -> BadRequest:
    parameters: list[str] = []
    explanation = ""
    errors = body.get("errors") if isinstance(body, dict) else None
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            named = error.get("parameters")
            parameters += [str(name) for name in named] if isinstance(named, dict) else []
            explanation = explanation or str(error.get("message") or error.get("detail") or "")
    explanation = explanation or problem_from(body).detail or _old_error(body)
    return BadRequest(
        Message("Twitter does not take this question: %(reason)s", reason=scrub(explanation)[:200])
        if explanation
        else Message("Twitter does not take this question."),
        parameters=tuple(parameters),
        detail=answer.detail(),
        status=answer.status,
    )


def _old_error(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) else ""
