"""Signing in and out with name and password."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_user, logout_user
from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from sfm import clock
from sfm.database import begin_write, db
from sfm.models import User
from sfm.web.access import access
from sfm.web.forms import Form
from sfm.web.next_url import safe_next

bp = Blueprint("auth", __name__)


class SignInForm(Form):
    """Name and password."""

    username = StringField(validators=[InputRequired("Type your name.")])
    password = PasswordField(validators=[InputRequired("Type your password.")])


@bp.route("/login/", methods=["GET", "POST"])
@access("public", begins_write=False)
def login() -> Response | tuple[str, int]:
    form = SignInForm()
    following = safe_next(request.args.get("next"))
    if form.validate_on_submit():
        account = _account(form.username.data, form.password.data)
        if account is not None:
            _sign_in(account)
            return redirect(following, 303)
        form.refuse("password", _("This name and password do not fit together."))
    return render_template(
        "auth/login.html", form=form, next=following
    ), 422 if form.errors else 200


def _account(username: str, password: str) -> User | None:
    account = db.session.scalar(select(User).where(User.username == username))
    known = account.password_hash if account is not None else None
    # An unknown name costs as much time as a wrong password.
    fits = check_password_hash(known or generate_password_hash(""), password)
    return account if account is not None and known and fits and account.is_active else None


def _sign_in(account: User) -> None:
    account_id = account.id
    begin_write()
    found = db.session.get_one(User, account_id)
    found.signed_in_at = clock.now()
    session.clear()
    login_user(found)
    session.permanent = True
    db.session.commit()


@bp.post("/logout/")
@access("public")
def logout() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"), 303)
