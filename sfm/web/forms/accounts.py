"""Forms of the pages that manage collected accounts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from sfm.web.forms import HARMLESS, Form

TOO_LONG = _("A name has at most 255 characters.")


class AddAccountForm(Form):
    """The name of one account."""

    name = StringField(validators=[HARMLESS, InputRequired(_("Type a name."))])
    with_protected = BooleanField()


class ListForm(Form):
    """Many names: pasted, or in a text file."""

    names = TextAreaField(validators=[HARMLESS])
    file = FileField()

    def text(self) -> str:
        """Everything that was pasted, and behind it what was uploaded."""
        pasted = self.names.data or ""
        upload = self.file.data
        uploaded = upload.read().decode("utf-8-sig", "replace") if upload else ""
        return f"{pasted}\n{uploaded}" if uploaded else pasted


class SaveListForm(Form):
    """What to do with a list that was looked up."""

    set_id = SelectField(coerce=int)
    new_set = StringField(
        validators=[HARMLESS, Length(max=255, message=_("A name has at most 255 characters."))]
    )
    active = BooleanField(default=True)
    with_protected = BooleanField()


class AccountNotesForm(Form):
    """What is ours to say about an account; all else is Twitter's."""

    notes = TextAreaField(
        validators=[HARMLESS, Length(max=10_000, message=_("These notes are too long."))]
    )
