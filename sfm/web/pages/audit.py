"""Who acts in a request, for the audit log; and the log's own page."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import StringField

from sfm import audit
from sfm.models import AuditEntry
from sfm.web.access import access, current_user
from sfm.web.forms import Form
from sfm.web.htmx import page_or_part
from sfm.web.pagination import SortOrder, slice_of

bp = Blueprint("audit", __name__)

PAGE = 50
NEWEST = SortOrder("at", (AuditEntry.at, AuditEntry.id), (datetime, int), descending=True)


WORDS = {
    "credential.added": lazy_gettext("credential kept"),
    "credential.removed": lazy_gettext("credential forgotten"),
    "credential.replaced": lazy_gettext("credential replaced"),
    "export.agreed": lazy_gettext("export agreed to"),
    "export.asked": lazy_gettext("export asked for"),
    "export.asked_again": lazy_gettext("export asked for again"),
    "export.deleted": lazy_gettext("export deleted"),
    "export.downloaded": lazy_gettext("export downloaded"),
    "export.no_longer_repeated": lazy_gettext("export no longer repeated"),
    "export.refused": lazy_gettext("export refused"),
    "export.repeated": lazy_gettext("export to be repeated"),
    "filter.activated": lazy_gettext("filter activated"),
    "filter.added": lazy_gettext("filter added"),
    "filter.changed": lazy_gettext("filter changed"),
    "filter.deactivated": lazy_gettext("filter deactivated"),
    "filter.deleted": lazy_gettext("filter deleted"),
    "link.deleted": lazy_gettext("link forgotten"),
    "job.changed": lazy_gettext("job changed"),
    "job.run_now": lazy_gettext("job started by hand"),
    "keys.forgotten": lazy_gettext("older encryption keys forgotten"),
    "keys.rotated": lazy_gettext("encryption key changed"),
    "process.restarted": lazy_gettext("collector restarted"),
    "process.started": lazy_gettext("collector started"),
    "process.stopped": lazy_gettext("collector stopped"),
    "run.deleted": lazy_gettext("run deleted"),
    "run_error.deleted": lazy_gettext("error deleted"),
    "set.changed": lazy_gettext("set changed"),
    "set.created": lazy_gettext("set added"),
    "set.deleted": lazy_gettext("set deleted"),
    "set.members_added": lazy_gettext("accounts put into a set"),
    "set.members_removed": lazy_gettext("accounts taken out of a set"),
    "sign_in.ended": lazy_gettext("signed out"),
    "sign_in.failed": lazy_gettext("sign-in went wrong"),
    "sign_in.oauth1": lazy_gettext("signed in with Twitter"),
    "sign_in.oauth2": lazy_gettext("signed in with Twitter"),
    "sign_in.password": lazy_gettext("signed in with a password"),
    "sign_in.refused": lazy_gettext("sign-in refused"),
    "tweet.removed": lazy_gettext("post deleted"),
    "twitter_user.activated": lazy_gettext("account activated"),
    "twitter_user.gone_confirmed": lazy_gettext("accounts confirmed as gone from Twitter"),
    "twitter_user.added": lazy_gettext("account added"),
    "twitter_user.deactivated": lazy_gettext("account deactivated"),
    "twitter_user.deleted": lazy_gettext("account deleted with its posts"),
    "user.activated": lazy_gettext("User activated"),
    "user.approved": lazy_gettext("User let in"),
    "user.created": lazy_gettext("User added"),
    "user.deactivated": lazy_gettext("User deactivated"),
    "user.deleted": lazy_gettext("User deleted"),
    "user.joined": lazy_gettext("two Users joined"),
    "user.installation_token_given": lazy_gettext("allowed the installation's app token"),
    "user.installation_token_taken": lazy_gettext("no longer allowed the installation's app token"),
    "user.made_administrator": lazy_gettext("made an administrator"),
    "user.made_member": lazy_gettext("no longer an administrator"),
    "user.password_changed": lazy_gettext("password changed"),
    "user.password_reset": lazy_gettext("one-time password given"),
    "user.sessions_ended": lazy_gettext("signed out by an administrator"),
    "user.twitter_linked": lazy_gettext("Twitter account linked"),
    "user.twitter_unlinked": lazy_gettext("Twitter account unlinked"),
}
"""What the log's fixed words mean; one that is not here is shown as it is."""


@bp.app_template_filter("action_words")
def action_words(action: str) -> str:
    """What was done, in words."""
    return str(WORDS.get(action, action))


@bp.app_template_filter("value_words")
def value_words(value: object) -> object:
    """A value before or after, as people say it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value is None:
        return _("nothing")
    return ", ".join(map(str, value)) if isinstance(value, list) else value


class AuditSearchForm(Form):
    """What the log is searched by."""

    who = StringField()
    what = StringField()


def here() -> str:
    """The address that the request comes from."""
    return request.remote_addr or ""


@bp.before_app_request
def _name_actor() -> None:
    user = current_user() if request.endpoint != "static" else None
    if user is not None:
        audit.name_actor(audit.Actor(user.id, user.username, here()))
    else:
        audit.name_actor(audit.Actor(None, "somebody", here()))


@bp.teardown_app_request
def _forget_actor(_error: BaseException | None) -> None:
    audit.name_actor(audit.SYSTEM)


@bp.get("/admin/audit/")
@access("superuser")
def index() -> Response:
    form = AuditSearchForm(request.args)
    who, what = (form.who.data or "").strip(), (form.what.data or "").strip()
    actions = [code for code, words in WORDS.items() if what.lower() in str(words).lower()]
    entries = audit.entries(who, what, actions)
    page = slice_of(entries, NEWEST, request.args.get("at"), PAGE)
    return page_or_part("audit/index.html", "audit/_table.html", form=form, entries=page)
