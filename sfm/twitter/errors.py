"""X's sentences for the errors that all networks share."""

from __future__ import annotations

from sfm.messages import N_, Message
from sfm.networks.errors import (
    AccountProblem,
    AccountState,
    CredentialKind,
    CredentialProblem,
    NoRules,
    PostProblem,
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
    "unanswered": N_("Twitter gave no answer about the post %(subject)s. Try again later."),
    "malformed": N_("“%(subject)s” cannot be the number of a post."),
}
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


def account_problem(state: AccountState, subject: str, *, detail: str = "") -> AccountProblem:
    """The error for one account; `subject` is the name or uid that was asked for."""
    message = Message(ACCOUNT_MESSAGES[state], subject=subject or Message("this account"))
    return AccountProblem(message, state=state, subject=subject, detail=detail)


def post_problem(state: AccountState, subject: str, *, detail: str = "") -> PostProblem:
    """The error for one post; `subject` is its uid."""
    message = Message(POST_MESSAGES.get(state, POST_MESSAGES["unavailable"]), subject=subject)
    return PostProblem(message, state=state, subject=subject, detail=detail)


def credential_problem(
    kind: CredentialKind, *, detail: str = "", status: int | None = None, subject: str = ""
) -> CredentialProblem:
    """The error for a credential; `subject` as in `CredentialProblem`."""
    message = CREDENTIAL_MESSAGES[kind]
    return CredentialProblem(message, kind=kind, detail=detail, status=status, subject=subject)


def no_rules(*, detail: str = "", status: int | None = None) -> NoRules:
    """The error for a filter stream without rules."""
    message = Message("Twitter has no filter rules for this key, so there is nothing to collect.")
    return NoRules(message, detail=detail, status=status)
