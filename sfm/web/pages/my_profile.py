"""One's own profile: password, Twitter account, credentials, time zone, sessions."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import Blueprint, make_response, render_template, url_for
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from sfm import clock
from sfm.database import db
from sfm.errors import WrongInput
from sfm.filters import owners
from sfm.models import Credential, User
from sfm.users import credentials, service, sign_in
from sfm.users.credential_check import check
from sfm.users.usage import Usage, month_start, usage_per_credential
from sfm.web.access import access, signed_in_user
from sfm.web.forms import Form
from sfm.web.htmx import Level, done, toast, wants_part
from sfm.web.pages.audit import here as address
from sfm.web.pages.auth import allow_twitter, begin_session

bp = Blueprint("my_profile", __name__)


class CredentialForm(Form):
    """An app's bearer token. It is never shown again, not even in this form."""

    label = StringField(validators=[Length(max=100)])
    secret = PasswordField(validators=[InputRequired("Paste the app's bearer token.")])


class TimeZoneForm(Form):
    """Where the reader lives, as far as clocks go."""

    time_zone = SelectField(validate_choice=True)


def zone_form(user: User) -> TimeZoneForm:
    form = TimeZoneForm(obj=user)
    form.time_zone.choices = sorted(available_timezones())
    return form


@bp.get("/account/")
@access("signed_in")
def show() -> Response:
    """The whole page."""
    return _page(CredentialForm(formdata=None))


def _page(form: CredentialForm, status: int = 200) -> Response:
    user = signed_in_user()
    page = render_template(
        "my_profile/show.html",
        **credential_context(user),
        form=form,
        zones=zone_form(user),
        kinds=allow_twitter(),
    )
    return make_response(page, status)


def credential_context(user: User) -> dict[str, object]:
    """What the list of credentials shows: never a secret."""
    owned = credentials.of_user(user)
    month = usage_per_credential(month_start(clock.now()))
    return {
        "credentials": [(row, month.get(row.fingerprint, Usage())) for row in owned],
        "connected": owners.filters_by_credential(user),
        "kind_words": credentials.WORDS_FOR_KIND,
        "state_words": credentials.WORDS_FOR_STATE,
    }


@bp.post("/account/credentials/")
@access("signed_in")
def add_credential() -> Response:
    """Keep an app's bearer token."""
    form = CredentialForm()
    if form.validate_on_submit():
        try:
            new = credentials.bearer(form.secret.data or "", form.label.data or "")
            credentials.save(signed_in_user(), new)
            db.session.commit()
            return done(url_for("my_profile.show"), _("The token is kept, encrypted."))
        except WrongInput as refusal:
            db.session.rollback()
            form.refuse("secret", refusal.message)
    return _page(form, 422)


@bp.post("/account/credentials/<id:credential_id>/check/")
@access("owner", begins_write=False)
def check_credential(credential_id: int) -> Response:
    """Ask Twitter whether a credential works."""
    result = check(_own(credential_id))
    level = "success" if result.works else "error"
    if wants_part():
        return toast(_list(), result.message, level)  # type: ignore[arg-type]
    return done(url_for("my_profile.show"), result.message, level)  # type: ignore[arg-type]


@bp.post("/account/credentials/<id:credential_id>/remove/")
@access("owner")
def remove_credential(credential_id: int) -> Response:
    """Forget a credential that no active filter connects with."""
    refused = ""
    try:
        credential = _own(credential_id)
        owners.check_not_connected(credential)
        credentials.remove(credential)
        db.session.commit()
    except WrongInput as refusal:
        db.session.rollback()
        refused = refusal.message
    message = refused or _("The credential is forgotten.")
    level: Level = "error" if refused else "success"
    if wants_part():
        return toast(_list(), message, level)
    return done(url_for("my_profile.show"), message, level)


def _own(credential_id: int) -> Credential:
    return credentials.of_user_by_id(signed_in_user(), credential_id)


def _list() -> FlaskResponse:
    context = credential_context(signed_in_user())
    return make_response(render_template("my_profile/_credentials.html", **context))


@bp.post("/account/time-zone/")
@access("signed_in")
def set_time_zone() -> Response:
    """Show times as clocks say where the reader lives."""
    user = signed_in_user()
    form = zone_form(user)
    if not form.validate_on_submit():
        raise WrongInput(_("Choose a time zone from the list."))
    user.time_zone = form.time_zone.data
    db.session.commit()
    return done(url_for("my_profile.show"), _("Times are shown in this zone from now on."))


@bp.post("/account/end-sessions/")
@access("signed_in")
def end_sessions() -> Response:
    """Sign out everywhere else."""
    user = signed_in_user()
    user_id = user.id
    service.end_sessions(user)
    sign_in.record(user, "sign_in.ended", address())
    db.session.commit()
    begin_session(db.session.get_one(User, user_id))
    return done(url_for("my_profile.show"), _("You are signed out everywhere but here."))
