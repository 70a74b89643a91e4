"""Forms of the exports' pages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, Length, Optional

from sfm.exports.format import FORMATS, Layout
from sfm.exports.recurring import EVERY
from sfm.web.forms import HARMLESS, Form, whole_number
from sfm.web.translation import translate_lazily

COLUMN_SETS = (
    ("classic", _("The 20 classic columns")),
    ("extended", _("All columns: counts, whole texts of others, media, links, provenance")),
    ("chosen", _("The columns ticked below")),
)
PACKINGS = (
    ("zip", _("A zip: the data, a README, the data dictionary and checksums")),
    ("bag", _("A BagIt bag (zipped) for preservation, raw JSON and provenance included")),
    ("none", _("The data file alone")),
    ("gzip", _("The data file alone, compressed with gzip")),
)


class LayoutForm(Form):
    """How the export is to look."""

    format = SelectField(
        choices=[SelectChoice(kind.key, translate_lazily(kind.label)) for kind in FORMATS.values()]
    )
    columns = RadioField(
        choices=[SelectChoice(*choice) for choice in COLUMN_SETS], default="classic"
    )
    packing = RadioField(choices=[SelectChoice(*choice) for choice in PACKINGS], default="zip")
    excel_mark = BooleanField()
    keep_line_breaks = BooleanField()
    as_is = BooleanField()
    id_companions = BooleanField()
    sample = IntegerField(validators=[Optional(), whole_number(1, 100_000_000)])
    id_list = FileField()
    profile_name = StringField(validators=[HARMLESS, Length(max=100)])

    def layout(self, ticked: list[str]) -> Layout:
        """The layout that was filled in; `ticked` are names of columns. Raises WrongInput."""
        names = ticked if self.columns.data == "chosen" else [self.columns.data]
        return Layout(
            format=self.format.data,
            columns=tuple(names),
            packing=self.packing.data,
            excel_mark=self.excel_mark.data,
            keep_line_breaks=self.keep_line_breaks.data,
            guard_formulas=not self.as_is.data,
            id_companions=self.id_companions.data,
        )


def filled_with(layout: Layout) -> dict[str, object]:
    """A layout as values of the form's fields."""
    column_set = layout.columns[0] if layout.columns in (("classic",), ("extended",)) else "chosen"
    return {
        "format": layout.format,
        "columns": column_set,
        "packing": layout.packing,
        "excel_mark": layout.excel_mark,
        "keep_line_breaks": layout.keep_line_breaks,
        "as_is": not layout.guard_formulas,
        "id_companions": layout.id_companions,
    }


class RepeatForm(Form):
    """How often an export is to be made again."""

    every = SelectField(
        choices=[SelectChoice(*choice) for choice in EVERY.items()], validators=[AnyOf(list(EVERY))]
    )
