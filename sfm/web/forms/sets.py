"""Forms of the sets' pages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from sfm.web.forms import HARMLESS, Form


class SetForm(Form):
    """Name and notes of a set."""

    name = StringField(
        validators=[
            HARMLESS,
            InputRequired(_("A set needs a name.")),
            Length(max=255, message=_("A name has at most 255 characters.")),
        ]
    )
    notes = TextAreaField(
        validators=[HARMLESS, Length(max=10_000, message=_("These notes are too long."))]
    )


class MembersForm(Form):
    """Names of accounts to put into a set."""

    names = TextAreaField(validators=[HARMLESS, InputRequired(_("Type at least one name."))])


class DeleteForm(Form):
    """The name of what is to go, typed out."""

    typed_name = StringField(validators=[InputRequired(_("Type the name to go on."))])

    def says(self, name: str) -> bool:
        """Whether the name was typed; blanks around it and a leading @ do not matter."""
        return (self.typed_name.data or "").strip().removeprefix("@") == name.strip()
