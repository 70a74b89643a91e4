"""Administration of Users: who there is, what they may, and what was done."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from sfm import audit
from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.exports import recurring
from sfm.filters import owners, reconcile
from sfm.messages import join_messages
from sfm.models import User
from sfm.users import queries, service
from sfm.users.service import LastAdministrator, Rights
from sfm.web.access import access, signed_in_user
from sfm.web.forms import Form
from sfm.web.forms.sets import DeleteForm
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.audit import NEWEST
from sfm.web.pages.my_profile import credential_context
from sfm.web.pagination import SortOrder, slice_of

bp = Blueprint("admin_users", __name__, url_prefix="/admin/users")

PAGE = 50
TRAIL = 20
BY_NAME = SortOrder("name", (User.lower_username, User.id), (str, int))


class UserSearchForm(Form):
    """What the list is searched by."""

    q = StringField()
    state = SelectField(
        choices=[
            SelectChoice("", _l("All")),
            SelectChoice("active", _l("Active")),
            SelectChoice("inactive", _l("Not active")),
            SelectChoice("waiting", _l("Waiting to be let in")),
            SelectChoice("administrators", _l("Administrators")),
            SelectChoice("installation-token", _l("May use the installation's app token")),
        ],
    )


class AddForm(Form):
    """A new User."""

    username = StringField(validators=[InputRequired("Type a name.")])
    is_superuser = BooleanField()


class RightsForm(Form):
    """What a User may."""

    is_active = BooleanField()
    is_superuser = BooleanField()
    installation_token_allowed = BooleanField()
    agreed = BooleanField()


class JoinForm(Form):
    """The other User of the same person."""

    other = StringField(validators=[InputRequired("Type the other User's name.")])
    agreed = BooleanField()


@bp.get("/")
@access("superuser")
def index() -> Response:
    """Everybody, by name."""
    form = UserSearchForm(request.args)
    users = queries.matching((form.q.data or "").strip(), form.state.data or "")
    page = slice_of(users, BY_NAME, request.args.get("at"), PAGE)
    return page_or_part("admin_users/index.html", "admin_users/_table.html", form=form, users=page)


@bp.route("/add/", methods=["GET", "POST"])
@access("superuser", begins_write=False)
def add() -> Response:
    """Add a User; the one-time password is shown on the answer, and nowhere else ever."""
    form = AddForm()
    if form.validate_on_submit():
        begin_write()
        try:
            made = service.create(form.username.data or "", superuser=bool(form.is_superuser.data))
            user_id = made.user.id
            db.session.commit()
            return _show_password(db.session.get_one(User, user_id), made.one_time_password or "")
        except WrongInput as refusal:
            db.session.rollback()
            form.refuse("username", refusal.message)
    page = render_template("admin_users/add.html", form=form)
    return make_response(page, 422 if form.errors else 200)


def _show_password(user: User, password: str) -> Response:
    return make_response(render_template("admin_users/password.html", user=user, password=password))


@bp.get("/<id:user_id>/")
@access("superuser")
def show(user_id: int) -> Response:
    """One User, with all that an administrator may do."""
    return _page(service.by_id(user_id))


def _page(
    user: User,
    status: int = 200,
    form: RightsForm | None = None,
    join_form: JoinForm | None = None,
    stops: str = "",
    join_stops: str = "",
) -> Response:
    page = render_template(
        "admin_users/show.html",
        user=user,
        form=form or RightsForm(formdata=None, obj=user),
        join_form=join_form or JoinForm(formdata=None),
        active_filters=owners.active_filters([user]),
        recurring_exports=recurring.repeated_of(user),
        stops=stops,
        join_stops=join_stops,
        entries=slice_of(audit.entries_of_user(user), NEWEST, None, TRAIL),
        **credential_context(user),
    )
    return make_response(page, status)


@bp.post("/<id:user_id>/rights/")
@access("superuser")
def set_rights(user_id: int) -> BaseResponse:
    """Change what a User may; their sessions end. What stops with it is said, and agreed to."""
    user, form = service.by_id(user_id), RightsForm()
    rights = _rights_in(form)
    stops = _what_stops(user, rights)
    if stops and not form.agreed.data:
        return _page(user, 422, form, stops=stops)
    try:
        change = owners.set_rights(user, rights)
        db.session.commit()
    except LastAdministrator as refusal:
        db.session.rollback()
        form.refuse("is_superuser", refusal.message)
        return _page(service.by_id(user_id), 422, form)
    reconcile.apply()
    message = (
        _("Saved. All sessions of this User have ended.") if change.changed else _("No change.")
    )
    return done(url_for("admin_users.show", user_id=user_id), message)


def _rights_in(form: RightsForm) -> Rights:
    return Rights(
        is_active=bool(form.is_active.data),
        is_superuser=bool(form.is_superuser.data),
        installation_token_allowed=bool(form.installation_token_allowed.data),
    )


def _what_stops(user: User, rights: Rights) -> str:
    """The filters and recurring exports that stop with these rights, in words."""
    filters = owners.stopped_by(user, rights)
    exports = recurring.repeated_of(user) if user.is_active and not rights.is_active else []
    names = [owners.name_of(twitter_filter) for twitter_filter in filters]
    names += [recurring.name_of(export) for export in exports]
    return join_messages(names, ", ")


@bp.post("/<id:user_id>/approve/")
@access("superuser")
def approve(user_id: int) -> BaseResponse:
    """Let somebody in who came by Twitter and waits."""
    user = service.by_id(user_id)
    if user.awaits_approval:
        rights = replace(service.rights_of(user), is_active=True, awaits_approval=False)
        service.set_rights(user, rights)
        db.session.commit()
    message = _("They may sign in now.")
    return done(url_for("admin_users.show", user_id=user_id), message)


@bp.post("/<id:user_id>/reset-password/")
@access("superuser", begins_write=False)
def reset_password(user_id: int) -> Response:
    """Give a one-time password; the present one and all sessions end."""
    begin_write()
    user = service.by_id(user_id)
    password = service.reset_password(user)
    db.session.commit()
    return _show_password(service.by_id(user_id), password)


@bp.post("/<id:user_id>/end-sessions/")
@access("superuser")
def end_sessions(user_id: int) -> BaseResponse:
    """Sign somebody out everywhere."""
    user = service.by_id(user_id)
    service.end_sessions(user)
    service.record(user, "user.sessions_ended")
    db.session.commit()
    message = _("All sessions of this User have ended.")
    return done(url_for("admin_users.show", user_id=user_id), message)


@bp.post("/<id:user_id>/join/")
@access("superuser")
def join(user_id: int) -> BaseResponse:
    """Make one User of two: everything of the other moves here."""
    user, form = service.by_id(user_id), JoinForm()
    join_stops = ""
    if form.validate_on_submit():
        try:
            change = owners.join(user, service.by_name(form.other.data or ""))
            if form.agreed.data or not change.stopped:
                db.session.commit()
                reconcile.apply()
                message = _("The two Users are one now.")
                return done(url_for("admin_users.show", user_id=user_id), message)
            join_stops = owners.stop_sentence(change.stopped)
            db.session.rollback()
        except (WrongInput, NotFound, LastAdministrator) as refusal:
            db.session.rollback()
            form.refuse("other", refusal.message)
    return _page(service.by_id(user_id), 422, join_form=form, join_stops=join_stops)


@bp.route("/<id:user_id>/delete/", methods=["GET", "POST"])
@access("superuser")
def delete(user_id: int) -> Response | BaseResponse:
    """Delete a User who owns nothing any more."""
    user, form = service.by_id(user_id), DeleteForm()
    if form.validate_on_submit():
        if form.says(user.username):
            name = user.username
            service.remove(user, signed_in_user())
            db.session.commit()
            message = _("The User %(name)s is deleted.", name=name)
            return done(url_for("admin_users.index"), message)
        form.refuse("typed_name", _("This is not the name of the User."))
    page = render_template(
        "admin_users/delete.html", user=user, form=form, owned=service.owned_by(user)
    )
    return make_response(page, 422 if form.errors else 200)
