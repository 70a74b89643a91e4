"""What can go wrong between us and Twitter: one small tree, each with a sentence for a librarian.

Callers decide by class (and its one attribute), never by status numbers or wording.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from sfm.errors import SfmError
from sfm.messages import N_, Message

AccountState = Literal[
    "not_found",  # no account has this name
    "gone",  # an account we knew by its number no longer answers: deleted or deactivated
    "suspended",
    "protected",
    "withheld",
    "unavailable",  # for now; Twitter does not say why
    "unanswered",  # the answer said nothing of it
    "malformed",  # cannot be a name or a number; Twitter was not asked
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


class TwitterError(SfmError):
    """Any trouble with Twitter. `detail` holds up to 500 scrubbed characters of its answer."""

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


class Retry(TwitterError):
    """A passing fault: 5xx, network, a cut answer, a web page in place of data."""


class Wait(TwitterError):
    """Nothing may be asked before `until` (aware UTC). `cause`: the fault that a pause follows."""

    def __init__(
        self,
        message: str,
        until: datetime,
        *,
        seconds: float,
        reason: WaitReason = "window",
        endpoint: str = "",
        cause: TwitterError | None = None,
        detail: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, detail=detail, status=status)
        self.until = until
        self.seconds = seconds
        self.reason = reason
        self.endpoint = endpoint
        self.cause = cause


class AccountProblem(TwitterError):
    """This one account cannot be read; `subject` is the name or number that was asked for."""

    def __init__(self, state: AccountState, subject: str, *, detail: str = "") -> None:
        super().__init__(
            Message(ACCOUNT_MESSAGES[state], subject=subject or Message("this account")),
            detail=detail,
            permanent=state not in ("unavailable", "unanswered"),
        )
        self.state = state
        self.subject = subject


class PostProblem(TwitterError):
    """This one post cannot be read; `state` as for accounts, `subject` is the post's number."""

    def __init__(self, state: AccountState, subject: str, *, detail: str = "") -> None:
        super().__init__(
            Message(POST_MESSAGES.get(state, POST_MESSAGES["unavailable"]), subject=subject),
            detail=detail,
            permanent=state != "unavailable",
        )
        self.state = state
        self.subject = subject


class CredentialProblem(TwitterError):
    """The key or token cannot be used for this; `kind` says what a person has to do about it.

    `subject`: where Twitter gave no reason, the account that the call was about, else "". Such a
    refusal may be that account's alone.
    """

    def __init__(
        self,
        kind: CredentialKind,
        *,
        detail: str = "",
        status: int | None = None,
        subject: str = "",
    ) -> None:
        super().__init__(CREDENTIAL_MESSAGES[kind], detail=detail, status=status, permanent=True)
        self.kind = kind
        self.subject = subject

    @property
    def is_about_the_call(self) -> bool:
        """Whether this refusal says nothing of other calls with the same key or token."""
        return bool(self.subject) or self.kind in ABOUT_THE_CALL


class OutOfCredits(TwitterError):
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


class BadRequest(TwitterError):
    """Twitter does not take the question as it was asked; `parameters` names what it disliked."""

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


class NoRules(TwitterError):
    """A filter stream was asked for while the app holds no rule at all."""

    def __init__(self, *, detail: str = "", status: int | None = None) -> None:
        super().__init__(
            Message("Twitter has no filter rules for this key, so there is nothing to collect."),
            detail=detail,
            status=status,
            permanent=True,
        )


ACCOUNT_MESSAGES: dict[AccountState, str] = {
    "not_found": N_("Twitter has no account called %(subject)s."),
    "gone": N_(
        "The account %(subject)s no longer exists on Twitter: it was deleted or deactivated."
    ),
    "suspended": N_("Twitter has suspended the account %(subject)s."),
    "protected": N_(
        "The account %(subject)s is protected: only followers it has accepted can read it."
    ),
    "withheld": N_("Twitter withholds the account %(subject)s in some countries."),
    "unavailable": N_("Twitter does not show the account %(subject)s at the moment."),
    "unanswered": N_("Twitter gave no answer about the account %(subject)s. Try again later."),
    "malformed": N_(
        "“%(subject)s” cannot be a Twitter account: a name has 1 to 15 letters, digits or "
        "underscores."
    ),
}
POST_MESSAGES: dict[AccountState, str] = {
    "not_found": N_("Twitter has no post with the number %(subject)s."),
    "gone": N_("The post %(subject)s was removed from Twitter."),
    "suspended": N_("The post %(subject)s belongs to a suspended account."),
    "protected": N_("The post %(subject)s belongs to a protected account."),
    "withheld": N_("Twitter withholds the post %(subject)s in some countries."),
    "unavailable": N_("Twitter does not show the post %(subject)s at the moment."),
    "malformed": N_("“%(subject)s” cannot be the number of a post."),
}
ABOUT_THE_CALL: frozenset[CredentialKind] = frozenset(
    {"wrong_kind", "client_forbidden", "forbidden", "clock"}
)
CREDENTIAL_MESSAGES: dict[CredentialKind, str] = {
    "refused": Message(
        "Twitter refused the key or token. Check that it was copied whole, and that it has not "
        "been revoked or made anew in X's developer console."
    ),
    "sign_in_again": Message(
        "Twitter no longer accepts this sign-in. Please sign in with Twitter again."
    ),
    "not_enrolled": Message(
        "The app behind this key belongs to no project or plan. Add it to one in X's developer "
        "console."
    ),
    "client_forbidden": Message(
        "The plan of the app behind this key does not include this call. Change the plan in X's "
        "developer console, or use another key."
    ),
    "forbidden": Message(
        "Twitter forbids this call and gives no reason. Check the app, its plan and its "
        "permissions in X's developer console."
    ),
    "wrong_kind": Message(
        "Twitter wants another kind of key here: an app's bearer token for streams, a signed-in "
        "person's for their own account."
    ),
    "permissions": Message(
        "The app behind this key may not do this. Give it permission to read in X's developer "
        "console, then sign in again."
    ),
    "locked": Message(
        "Twitter has locked or suspended the account or app behind this key. Sign in at x.com to "
        "see what it asks for."
    ),
    "clock": Message(
        "This computer's clock is wrong, so Twitter refuses its signature. Set the clock."
    ),
}


def scrub(body: bytes | str, secrets: tuple[str, ...] = ()) -> str:
    """At most 500 printable characters of an answer, with tokens and known secrets blotted out."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    text = _SECRETS.sub(lambda match: match[0][: -len(match["value"])] + "[secret]", text)
    return _UNPRINTABLE.sub(" ", text).strip()[:DETAIL_CHARACTERS]
