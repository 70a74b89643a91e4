"""Signing in with Twitter and linking a Twitter account: the redirect, and the callback."""

from __future__ import annotations

import logging
import secrets

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sfm.database import db
from sfm.errors import SfmError
from sfm.models import User
from sfm.users import merge_users, service, twitter_sign_in
from sfm.users.sign_in import SignInRefused
from sfm.users.twitter_sign_in import Purpose, TwitterReturn
from sfm.web.access import access, current_user, signed_in_user
from sfm.web.htmx import done
from sfm.web.pages.audit import here as address
from sfm.web.pages.auth import (
    SignInForm,
    allow_twitter,
    begin_session,
    is_fresh,
    login_page,
    to_confirm,
)
from sfm.web.redirects import safe_next
from sfm.web.translation import translate

logger = logging.getLogger(__name__)

bp = Blueprint("twitter_sign_in", __name__)

KIND = "<any('oauth1', 'oauth2'):kind>"


@bp.post(f"/login/twitter/{KIND}/")
@access("public", begins_write=False)
def begin(kind: str) -> Response:
    """Redirect to Twitter, to sign in."""
    return _off(kind, Purpose(following=safe_next(request.form.get("next"))))


@bp.post(f"/account/twitter/{KIND}/")
@access("signed_in", begins_write=False)
def begin_link(kind: str) -> Response:
    """Redirect to Twitter, to link an account to the User who is signed in."""
    if not is_fresh():
        return to_confirm()
    return _off(kind, Purpose(link_to=signed_in_user().id))


def _off(kind: str, purpose: Purpose) -> Response:
    browser = session.setdefault("browser", secrets.token_urlsafe(24))
    callback = url_for("twitter_sign_in.callback", kind=kind, _external=True)
    try:
        to = twitter_sign_in.start(kind, callback, browser, purpose)
    except SfmError as trouble:
        return _went_wrong(trouble)
    return redirect(to, 303)


@bp.get(f"/login/twitter/{KIND}/callback/")
@access("public")
def callback(kind: str) -> Response:
    """Where Twitter redirects back to. A GET that writes, as the protocol has it: it is worth
    nothing without what we have kept for this browser, once."""
    browser = session.get("browser", "")
    try:
        returned = twitter_sign_in.finish(kind, request.args, browser)
        if returned.purpose.link_to is not None:
            return _show_link(returned, browser)
        user = twitter_sign_in.sign_in(returned, address())
    except SfmError as trouble:
        return _went_wrong(trouble)
    begin_session(user)
    return redirect(returned.purpose.following, 303)


def _show_link(returned: TwitterReturn, browser: str) -> Response:
    user = current_user()
    if user is None:
        raise SignInRefused(_("You have signed out meanwhile. Nothing was changed."))
    twitter_sign_in.propose_link(returned, user, browser)
    return redirect(url_for("twitter_sign_in.link"), 303)


@bp.route("/account/twitter/", methods=["GET", "POST"])
@access("signed_in")
def link() -> Response:
    """Both names side by side; the User says yes."""
    user, browser = signed_in_user(), session.get("browser", "")
    if not is_fresh():
        return to_confirm()
    if request.method == "POST":
        twitter_sign_in.link(user, browser)
        db.session.commit()
        return done(url_for("my_profile.show"), _("Your Twitter account is linked."))
    pending = twitter_sign_in.pending_link(user, browser)
    return make_response(render_template("auth/link.html", pending=pending))


@bp.post("/account/twitter/join/")
@access("superuser")
def join() -> Response:
    """Join the other User who has this Twitter account into one's own, then link."""
    user, browser = signed_in_user(), session.get("browser", "")
    if not is_fresh():
        return to_confirm()
    pending = twitter_sign_in.pending_link(user, browser)
    if pending.owner is not None:
        merge_users.merge(user, service.by_name(pending.owner))
    twitter_sign_in.link(user, browser)
    user_id = user.id
    db.session.commit()
    begin_session(db.session.get_one(User, user_id))  # joining has ended all sessions
    return done(url_for("my_profile.show"), _("The two Users are one now."))


@bp.post("/account/twitter/unlink/")
@access("signed_in")
def unlink() -> Response:
    """Forget the Twitter account and its tokens, here and at Twitter."""
    if not is_fresh():
        return to_confirm()
    user = signed_in_user()
    user_id, tokens = user.id, twitter_sign_in.unlink(user)
    db.session.commit()
    is_revoked = twitter_sign_in.revoke(tokens)
    begin_session(db.session.get_one(User, user_id))  # all other sessions have ended
    if is_revoked:
        return done(url_for("my_profile.show"), _("Your Twitter account is unlinked."))
    sentence = _(
        "Your Twitter account is unlinked here. Twitter could not be told: remove this app on "
        "Twitter's own page of connected apps too."
    )
    return done(url_for("my_profile.show"), sentence, "warning")


def _went_wrong(trouble: SfmError) -> Response:
    """A page that says what happened: the sign-in page, or one's own where one is signed in."""
    db.session.rollback()
    logger.info("twitter sign-in went wrong cause=%s", type(trouble).__name__)
    if current_user() is not None:
        page = render_template("auth/refused.html", message=trouble.message, kinds=allow_twitter())
        return make_response(page, 409)
    return login_page(SignInForm(formdata=None), "/", 409, translate(trouble.message))
