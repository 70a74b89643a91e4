"""The form of the schedule's page."""

from __future__ import annotations

from wtforms import BooleanField, StringField
from wtforms.validators import Length

from sfm.web.forms import Form


class ScheduleForm(Form):
    """When a job is due."""

    schedule = StringField(validators=[Length(max=80)])
    as_delivered = BooleanField()
    paused = BooleanField()
