"""Adding many accounts: paste or upload, look up, see what each line would become, save."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.accounts import list_drafts, list_import, sets
from sfm.accounts.list_drafts import ListDraft
from sfm.accounts.list_import import WORDS, ListLine
from sfm.database import begin_write, db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.users.clients import default_client
from sfm.web.access import access, signed_in_user
from sfm.web.forms.accounts import AddAccountForm, ListForm, SaveListForm
from sfm.web.htmx import done, page_or_part
from sfm.web.request_limits import possible_id
from sfm.web.translation import translate

bp = Blueprint("admin_list_import", __name__, url_prefix="/admin/twitter-users/list")

UPLOAD_BYTES = 5 * 1024 * 1024


@bp.post("/")
@access("superuser", max_bytes=UPLOAD_BYTES, begins_write=False)
def begin() -> Response | BaseResponse:
    form = ListForm()
    text = form.text()
    try:
        token = list_drafts.begin(signed_in_user().id, text)
        if list_drafts.find(signed_in_user().id, token).lines:
            return redirect(url_for("admin_list_import.show", token=token), 303)
        form.refuse("names", _("Paste at least one name, or choose a text file."))
    except WrongInput as exc:
        form.refuse("names", exc.message)
    form.names.data = text[:UPLOAD_BYTES]
    return page_or_part(
        "admin_accounts/add.html", "admin_list_import/_form.html", 422,
        form=AddAccountForm(formdata=None), list_form=form, is_protected=False,
    )  # fmt: skip


@bp.get("/<string:token>/")
@access("superuser")
def show(token: str) -> Response:
    draft = list_drafts.find(signed_in_user().id, token)
    return _page(token, draft, _fresh_form(draft))


@bp.post("/<string:token>/look-up/")
@access("superuser", begins_write=False)
def look_up(token: str) -> Response:
    """The next names; the fragment asks for more by itself, a plain page has a button."""
    draft = list_drafts.find(signed_in_user().id, token)
    problem = ""
    if not draft.is_looked_up:
        try:
            list_drafts.look_up_next(default_client(), draft)
        except SfmError as exc:
            problem = exc.message
        list_drafts.keep(token, draft)
    return _page(token, draft, _fresh_form(draft), problem)


@bp.post("/<string:token>/save/")
@access("superuser", begins_write=False)
def save(token: str) -> Response | BaseResponse:
    draft = list_drafts.find(signed_in_user().id, token)
    form = _with_sets(SaveListForm())
    if draft.saved == 0:
        problem = _choose(draft, form)
        if problem:
            form.refuse("new_set", problem)
            return _page(token, draft, form)
    problem = _save_next(draft)
    if draft.saved < len(draft.lines):
        list_drafts.keep(token, draft)
        return _page(token, draft, form, problem)
    list_drafts.delete(token)
    return done(_after(draft), _words(draft))


@bp.post("/<string:token>/give-up/")
@access("superuser")
def give_up(token: str) -> BaseResponse:
    list_drafts.find(signed_in_user().id, token)
    list_drafts.delete(token)
    return done(
        url_for("admin_accounts.add"), _("The list is given up; nothing was saved."), "info"
    )


def _page(token: str, draft: ListDraft, form: SaveListForm, problem: str = "") -> Response:
    return page_or_part(
        "admin_list_import/index.html", "admin_list_import/_list.html", 422 if form.errors else 200,
        token=token, draft=draft, form=form, problem=problem,
        total=len(draft.to_look_up), lines=lines_page(token, draft, request.args),
        adding=sum(n for verdict, n in draft.counts.items() if verdict in draft.verdicts),
        protected=draft.counts.get("protected", 0),
    )  # fmt: skip


def _fresh_form(draft: ListDraft) -> SaveListForm:
    """Not what was sent: the button that looks names up sends none of its fields."""
    return _with_sets(SaveListForm(None, set_id=draft.set_id or 0, active=draft.active))


def _with_sets(form: SaveListForm) -> SaveListForm:
    visible_sets = sets.visible_to(signed_in_user())
    form.set_id.choices = [(0, _("no set")), *((row.id, row.name) for row in visible_sets)]
    return form


def _choose(draft: ListDraft, form: SaveListForm) -> str:
    """Take over set and state into the draft; a new set is made at once. A sentence if not."""
    if not draft.is_looked_up:
        return _("Look the names up first.")
    if not form.validate():
        return _("Choose one of the sets, or type the name of a new one.")
    draft.active = bool(form.active.data)
    draft.with_protected = bool(form.with_protected.data)
    draft.set_id = form.set_id.data or None
    if (form.new_set.data or "").strip():
        begin_write()
        try:
            draft.set_id = sets.create(signed_in_user(), form.new_set.data).id
            db.session.commit()
        except WrongInput as exc:
            db.session.rollback()
            return exc.message
    return ""


def _save_next(draft: ListDraft) -> str:
    """Save the next pieces; a sentence where their set was deleted meanwhile."""
    user_id = signed_in_user().id
    for piece in list_drafts.next_to_save(draft):
        begin_write()
        try:
            into = sets.find(signed_in_user(), draft.set_id) if draft.set_id else None
        except NotFound:
            db.session.rollback()
            draft.set_id = None
            return _(
                "The set was deleted meanwhile. What is not saved yet will be saved without a set."
            )
        outcome = list_import.import_lines(
            piece,
            into=into,
            active=draft.active,
            added_by_id=user_id,
            verdicts=draft.verdicts,
        )
        db.session.commit()
        list_drafts.add_counts(draft, outcome)
    return ""


def _after(draft: ListDraft) -> str:
    if draft.set_id:
        return url_for("sets.show", set_id=draft.set_id)
    return url_for("admin_accounts.index", sort="-added")


def _words(draft: ListDraft) -> str:
    message = ngettext("%(num)s account added.", "%(num)s accounts added.", draft.added)
    if draft.set_id:
        message += " " + ngettext(
            "%(num)s put into the set.", "%(num)s put into the set.", draft.put_into_set
        )
    return message


LINES = 200
WAITING = "waiting"  # for its look-up
TONES = {"new": "good", "already_here": "quiet", "renamed": "quiet", WAITING: "quiet"}


@dataclass(frozen=True)
class Choice:
    """A verdict that the table can be narrowed to; the first choice is all lines."""

    label: str
    tone: str
    lines: int
    address: str
    is_selected: bool


@dataclass(frozen=True)
class Row:
    """A line as it is shown. `tone` is that of its badge."""

    line: ListLine
    word: str
    tone: str


@dataclass(frozen=True)
class LinesPage:
    """The lines shown, the `first`th to the `last`th of `total`, and where others are."""

    choices: Sequence[Choice]
    rows: Sequence[Row]
    first: int
    last: int
    total: int
    back: str | None
    on: str | None


def lines_page(token: str, draft: ListDraft, args: Mapping[str, Any]) -> LinesPage:
    """The page that an address asks for by `verdict` and `at`, the line number it begins behind.

    Arguments that mean nothing here lead to all lines, or to the first ones.
    """
    counts = Counter(map(shown_verdict, draft.lines))
    verdict = str(args.get("verdict", ""))
    verdict = verdict if verdict in counts else ""
    lines = [line for line in draft.lines if not verdict or shown_verdict(line) == verdict]
    start = _start(lines, str(args.get("at", "")))
    rows = [_row(line) for line in lines[start : start + LINES]]
    end = start + len(rows)
    before = max(start - LINES, 0)
    return LinesPage(
        choices=list(_choices(token, counts, verdict)),
        rows=rows,
        first=start + 1,
        last=end,
        total=len(lines),
        back=_address(token, verdict, lines[before - 1].number if before else 0) if start else None,
        on=_address(token, verdict, lines[end - 1].number) if end < len(lines) else None,
    )


def shown_verdict(line: ListLine) -> str:
    """The verdict of a line, or that it still waits for one."""
    return WAITING if line.verdict == "new" and line.record is None else line.verdict


def _start(lines: Sequence[ListLine], at: str) -> int:
    try:
        start = bisect_right(lines, possible_id(at), key=lambda line: line.number)
    except ValueError:
        return 0
    return start if start < len(lines) else 0


def _row(line: ListLine) -> Row:
    verdict = shown_verdict(line)
    return Row(line, _word(verdict), TONES.get(verdict, "warn"))


def _word(verdict: str) -> str:
    return _("not looked up yet") if verdict == WAITING else translate(WORDS[verdict])  # type: ignore[index]


def _choices(token: str, counts: Mapping[str, int], selected: str) -> Iterator[Choice]:
    """What a person has to look at comes first."""
    yield Choice(_("All lines"), "quiet", sum(counts.values()), _address(token), not selected)
    known = [verdict for verdict in (*WORDS, WAITING) if verdict in counts]
    for verdict in sorted(known, key=lambda verdict: verdict in TONES):
        tone = TONES.get(verdict, "warn")
        address = _address(token, verdict)
        yield Choice(_word(verdict), tone, counts[verdict], address, verdict == selected)


def _address(token: str, verdict: str = "", at: int = 0) -> str:
    return url_for("admin_list_import.show", token=token, verdict=verdict or None, at=at or None)
