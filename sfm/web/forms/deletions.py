"""Forms of steps that cannot be taken back."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, TextAreaField
from wtforms.validators import DataRequired, Length

from sfm.web.forms import HARMLESS, Form


class TakedownForm(Form):
    """Why posts are deleted everywhere."""

    reason = TextAreaField(
        validators=[
            HARMLESS,
            DataRequired(_("Say why; the change log keeps it.")),
            Length(max=1000, message=_("The reason has at most 1,000 characters.")),
        ]
    )
    may_return = BooleanField()
