"""The forms of stream filters."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from sfm.web.forms import HARMLESS, Form


class FilterForm(Form):
    """A filter as it is typed. The choices of User and app token are those one may use."""

    name = StringField(
        validators=[HARMLESS, InputRequired(_l("Give the filter a name.")), Length(max=255)]
    )
    user_id = SelectField(coerce=int, validate_choice=True)
    credential_id = SelectField(coerce=int, default=0)
    words = TextAreaField(validators=[HARMLESS, Length(max=40_000)])
    people = TextAreaField(validators=[HARMLESS, Length(max=100_000)])
    locations = TextAreaField(validators=[HARMLESS, Length(max=10_000)])
    rule_text = TextAreaField(validators=[HARMLESS, Length(max=100_000)])
    notes = TextAreaField(validators=[HARMLESS, Length(max=10_000)])
    is_active = BooleanField(default=True)


class DeleteFilterForm(Form):
    """The name, typed again."""

    typed_name = StringField()
