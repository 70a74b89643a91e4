"""Errors that all networks share: one small tree of classes. Adapters raise them with a sentence.

Callers decide by class (and its one attribute), never by status numbers or wording. The sentences
are the adapter's: each says what to do, in words of its network (X: `sfm/twitter/errors.py`).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from sfm.errors import SfmError

AccountState = Literal[
    "not_found",  # no account has this name
    "gone",  # an account we knew by its uid no longer answers: deleted or deactivated
    "suspended",
    "protected",
    "withheld",
    "unavailable",  # for now; the network does not say why
    "unanswered",  # the answer said nothing of it
    "malformed",  # cannot be a name or a uid; the network was not asked
]
CredentialKind = Literal[
    "refused",  # wrong or revoked key or token
    "sign_in_again",  # the person has to sign in anew
    "not_enrolled",  # the app belongs to no project or plan
    "client_forbidden",  # the plan does not cover this call
    "forbidden",  # 403, and no reason given
    "wrong_kind",  # an app's token where a person's is needed, or the reverse
    "permissions",  # the app's permission level is too low
    "locked",  # the account or app behind the key is suspended or locked
    "clock",  # this computer's clock is wrong, so signatures are refused
]
WaitReason = Literal["window", "too_fast", "daily", "connections", "transient"]

DETAIL_CHARACTERS = 500
_SECRETS = re.compile(
    r"""(?ix) (?: bearer \s+ | basic \s+
    | [\w-]* (?: token | secret | password | signature | verifier | nonce | (?:api|consumer)_?key )
      [\w-]* ["']? \s* [:=] \s* ["']? ) (?P<value> [^\s"'&,;<>{}]{6,} )"""
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


class NetworkError(SfmError):
    """Any trouble with a network. `detail` holds up to 500 scrubbed characters of its answer."""

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        status: int | None = None,
        permanent: bool = False,
    ) -> None:
        super().__init__(message, permanent=permanent)
        self.detail = detail
        self.status = status


class Retry(NetworkError):
    """A passing fault: 5xx, network, a cut answer, a web page in place of data."""


class Wait(NetworkError):
    """Nothing may be asked before `until` (aware UTC). `cause`: the fault that a pause follows."""

    def __init__(
        self,
        message: str,
        until: datetime,
        *,
        seconds: float,
        reason: WaitReason = "window",
        endpoint: str = "",
        cause: NetworkError | None = None,
        detail: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, detail=detail, status=status)
        self.until = until
        self.seconds = seconds
        self.reason = reason
        self.endpoint = endpoint
        self.cause = cause


class _SubjectProblem(NetworkError):
    """What was asked for cannot be read: `state` says why, `subject` what it is."""

    def __init__(
        self, message: str, *, state: AccountState, subject: str, detail: str = ""
    ) -> None:
        super().__init__(
            message,
            detail=detail,
            permanent=state not in ("unavailable", "unanswered"),
        )
        self.state = state
        self.subject = subject


class AccountProblem(_SubjectProblem):
    """This one account cannot be read; `subject` is the name or uid that was asked for."""


class PostProblem(_SubjectProblem):
    """This one post cannot be read; `state` as for accounts, `subject` is the post's uid."""


class CredentialProblem(NetworkError):
    """The key or token cannot be used for this; `kind` says what a person has to do about it.

    `subject`: where no reason was given, the account that the call was about, else "". Such a
    refusal may be that account's alone.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: CredentialKind,
        detail: str = "",
        status: int | None = None,
        subject: str = "",
    ) -> None:
        super().__init__(message, detail=detail, status=status, permanent=True)
        self.kind = kind
        self.subject = subject

    @property
    def is_about_the_call(self) -> bool:
        """Whether this refusal says nothing of other calls with the same key or token."""
        return bool(self.subject) or self.kind in ABOUT_THE_CALL


class OutOfCredits(NetworkError):
    """Paid for or allowed no more: never retried. `period` is 'Daily', 'Monthly' or, of a limit
    on spending, 'Billing', as far as it is told."""

    def __init__(
        self,
        message: str,
        *,
        period: str | None = None,
        detail: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, detail=detail, status=status, permanent=True)
        self.period = period


class BadRequest(NetworkError):
    """The network refuses the question as it was asked; `parameters` names what it disliked."""

    def __init__(
        self,
        message: str,
        *,
        parameters: tuple[str, ...] = (),
        detail: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, detail=detail, status=status, permanent=True)
        self.parameters = parameters


class NoRules(NetworkError):
    """A filter stream was asked for while the app holds no rule at all."""

    def __init__(self, message: str, *, detail: str = "", status: int | None = None) -> None:
        super().__init__(message, detail=detail, status=status, permanent=True)


ABOUT_THE_CALL: frozenset[CredentialKind] = frozenset(
    {"wrong_kind", "client_forbidden", "forbidden", "clock"}
)


def scrub(body: bytes | str, secrets: tuple[str, ...] = ()) -> str:
    """At most 500 printable characters of an answer, with tokens and known secrets replaced."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    text = _SECRETS.sub(lambda match: match[0][: -len(match["value"])] + "[secret]", text)
    return _UNPRINTABLE.sub(" ", text).strip()[:DETAIL_CHARACTERS]
