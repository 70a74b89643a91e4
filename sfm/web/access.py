"""Who may see what: one rule per route, and none means no.

`@access("signed_in")` goes under the route decorator of every view. Rules: `public`, `signed_in`,
`owner` (signed in, and the view's own query leaves out what belongs to others, so that theirs
is a 404), `superuser`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask_login import current_user as session_user
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import begin_write
from sfm.models import User
from sfm.users import queries
from sfm.web.extensions import htmx, login_manager
from sfm.web.redirects import here

View = TypeVar("View", bound=Callable[..., object])
Who = Literal["public", "signed_in", "owner", "superuser"]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class AccessRule:
    """Who may call a route, and what a request to it may do."""

    who: Who
    max_bytes: int = 0
    begins_write: bool = True


STATIC = AccessRule("public")


def access(who: Who, *, max_bytes: int = 0, begins_write: bool = True) -> Callable[[View], View]:
    """The access rule of a view.

    `max_bytes`: the largest body it takes, where the common 1 MiB is too small.
    `begins_write=False`: an unsafe method does not take the database's write turn before the
    view runs; for views that ask Twitter first and call `begin_write()` themselves afterwards.
    """

    def mark(view: View) -> View:
        view.access_rule = AccessRule(who, max_bytes, begins_write)  # type: ignore[attr-defined]
        return view

    return mark


def rule_of(endpoint: str | None) -> AccessRule | None:
    """The rule of an endpoint of the present app; None where it has none."""
    if endpoint == "static":
        return STATIC
    view = current_app.view_functions.get(endpoint or "")
    return getattr(view, "access_rule", None)


def current_user() -> User | None:
    """Who is signed in, if anybody is. Nobody while the database, which knows, is away."""
    if g.get("database_away"):
        return None
    user = session_user._get_current_object() if session_user else None
    return user if isinstance(user, User) and user.is_active else None


def signed_in_user() -> User:
    """Who is signed in, in views whose rule has made sure that somebody is."""
    user = current_user()
    if user is None:
        abort(401)
    return user


def bind(app: Flask) -> None:
    """Guard every route."""
    login_manager.user_loader(load_user)
    app.before_request(_begin_write)
    app.before_request(_guard)
    app.context_processor(lambda: {"current_user": current_user()})


def load_user(session_key: str) -> User | None:
    """The user of a session; None once the key was changed or the user deactivated."""
    return queries.by_session_key(session_key)


def _begin_write() -> None:
    rule = rule_of(request.endpoint)
    if request.method not in SAFE_METHODS and rule is not None and rule.begins_write:
        begin_write()


def _guard() -> BaseResponse | None:
    if request.endpoint is None:
        return None  # no such address: the router's own 404 or 405 follows
    rule = rule_of(request.endpoint)
    if rule is None:
        abort(403, description="No one has said yet who may see this page.")
    if rule.who == "public":
        return None
    user = current_user()
    if user is None:
        return to_sign_in()
    if rule.who == "superuser" and not user.is_superuser:
        abort(403)
    return None


def to_sign_in() -> BaseResponse:
    """Send a reader who is not signed in to the sign-in page, and back here afterwards.

    htmx follows an ordinary redirect and would put the sign-in page into the fragment: it gets
    a 401 with the address to go to.
    """
    g.refused = True
    address = url_for("auth.login", next=here())
    if htmx:
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)
