"""Signing in and out, passwords, and showing once more that it is you."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_user
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Optional

from sfm import clock
from sfm.database import begin_write, db
from sfm.extensions import settings
from sfm.models import User
from sfm.users import service, sign_in, twitter_sign_in
from sfm.users.login_rate_limit import TooManyTries
from sfm.users.passwords import WeakPassword
from sfm.users.sign_in import SignInRefused
from sfm.web.access import access, current_user, signed_in_user
from sfm.web.extensions import htmx
from sfm.web.forms import Form
from sfm.web.headers import allow_form_to
from sfm.web.htmx import done
from sfm.web.pages.audit import here as address
from sfm.web.redirects import here, safe_next

bp = Blueprint("auth", __name__)

FRESH_SECONDS = 15 * 60
# What somebody with a one-time password may open before they have chosen their own.
OPEN_BEFORE_PASSWORD = frozenset(
    {"auth.password", "auth.logout", "static", "csp_reports.csp", "health.index", "about.index"}
)


class SignInForm(Form):
    """Name and password."""

    username = StringField(validators=[InputRequired("Type your name.")])
    password = PasswordField(validators=[InputRequired("Type your password.")])


class ConfirmForm(Form):
    """The password of the user who is signed in."""

    password = PasswordField(validators=[InputRequired("Type your password.")])


class PasswordForm(Form):
    """A new password, twice, and the present one where there is one."""

    present = PasswordField(validators=[Optional()])
    new = PasswordField(validators=[InputRequired("Type a new password.")])
    again = PasswordField(
        validators=[EqualTo("new", "This is not the same as the new password above.")]
    )


@bp.route("/login/", methods=["GET", "POST"])
@access("public", begins_write=False)
def login() -> Response:
    """Sign in with name and password."""
    form, status = SignInForm(), 200
    following = safe_next(request.args.get("next"))
    if form.validate_on_submit():
        try:
            name, password = form.username.data or "", form.password.data or ""
            begin_session(sign_in.with_password(name, password, address()))
            return redirect(following, 303)
        except TooManyTries as refusal:
            form.refuse("password", refusal.message)
            status = 429
        except SignInRefused as refusal:
            form.refuse("password", refusal.message)
    return login_page(form, following, status if status != 200 else 422 if form.errors else 200)


def login_page(form: SignInForm, following: str, status: int = 200, refusal: str = "") -> Response:
    """The sign-in page, with what came of a sign-in at Twitter if that went wrong."""
    kinds = allow_twitter()
    page = render_template(
        "auth/login.html", form=form, next=following, kinds=kinds, refusal=refusal
    )
    return make_response(page, status)


def allow_twitter() -> tuple[str, ...]:
    """The ways of Twitter sign-in that this page may offer; its forms may lead there."""
    kinds = twitter_sign_in.enabled_methods()
    if kinds:
        for root in {settings().twitter_api_root, settings().web_root}:
            parts = urlsplit(root)
            allow_form_to(f"{parts.scheme}://{parts.netloc}")
    return kinds


def begin_session(user: User) -> None:
    """A new session with nothing of the old one in it, for somebody who has just shown who they
    are. It ends with the browser's cookie or with the user's session key."""
    session.clear()
    login_user(user)
    session.permanent = True
    session["fresh_at"] = clock.now().timestamp()


def is_fresh() -> bool:
    """Whether this person has shown who they are in the last quarter of an hour."""
    shown: float = session.get("fresh_at", 0.0)
    return 0 <= clock.now().timestamp() - shown < FRESH_SECONDS


def to_confirm() -> Response:
    """Send somebody to show once more who they are, and back here afterwards."""
    to = url_for("auth.confirm", next=here())
    return Response(status=401, headers={"HX-Redirect": to}) if htmx else redirect(to, 303)


@bp.post("/logout/")
@access("public")
def logout() -> Response:
    """Sign out; all sessions of the user end, in every browser."""
    user = current_user()
    if user is not None:
        service.end_sessions(user)
        sign_in.record(user, "sign_in.ended", address())
        db.session.commit()
    session.clear()
    return redirect(url_for("auth.login"), 303)


@bp.route("/login/confirm/", methods=["GET", "POST"])
@access("signed_in", begins_write=False)
def confirm() -> Response:
    """Show once more who you are, before something that matters."""
    user, form, status = signed_in_user(), ConfirmForm(), 200
    following = safe_next(request.args.get("next"))
    if user.password_hash is not None and form.validate_on_submit():
        try:
            if sign_in.confirm(user, form.password.data or "", address()):
                session["fresh_at"] = clock.now().timestamp()
                return redirect(following, 303)
            form.refuse("password", _("This is not your password."))
        except TooManyTries as refusal:
            form.refuse("password", refusal.message)
            status = 429
    page = render_template("auth/confirm.html", form=form, next=following, kinds=allow_twitter())
    return make_response(page, status if status != 200 else 422 if form.errors else 200)


@bp.route("/account/password/", methods=["GET", "POST"])
@access("signed_in", begins_write=False)
def password() -> Response:
    """Choose a new password."""
    user, form = signed_in_user(), PasswordForm()
    if user.password_hash is None and not is_fresh():
        return to_confirm()
    if form.validate_on_submit() and _present_fits(user, form):
        begin_write()
        try:
            service.set_password(signed_in_user(), form.new.data or "")
            user = signed_in_user()
            db.session.commit()
            begin_session(user)
            return done(url_for("home.index"), _("Your new password is set."))
        except WeakPassword as refusal:
            db.session.rollback()
            form.refuse("new", refusal.message)
    page = render_template("auth/password.html", form=form, user=signed_in_user())
    return make_response(page, 422 if form.errors else 200)


def _present_fits(user: User, form: PasswordForm) -> bool:
    if user.password_hash is None:
        return True
    try:
        if sign_in.confirm(user, form.present.data or "", address()):
            return True
        form.refuse("present", _("This is not your present password."))
    except TooManyTries as refusal:
        form.refuse("present", refusal.message)
    return False


@bp.before_app_request
def _choose_a_password_first() -> Response | None:
    user = current_user()
    if user is None or not user.must_change_password:
        return None
    if request.endpoint is None or request.endpoint in OPEN_BEFORE_PASSWORD:
        return None
    to = url_for("auth.password")
    return Response(status=401, headers={"HX-Redirect": to}) if htmx else redirect(to, 303)
