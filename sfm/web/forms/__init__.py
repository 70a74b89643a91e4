"""Forms. Each lists its fields; nothing else that a request brings is ever read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import Field, ValidationError
from wtforms.fields.core import UnboundField

from sfm.web.translation import translate


class Harmless:
    """Among a field's validators: nobody types a secret there, and to lose what is typed hurts.

    The page for a form whose session has ended shows such text again; of other fields, nothing.
    """

    def __call__(self, _form: FlaskForm, _field: Field) -> None:
        """Any text will do."""


HARMLESS = Harmless()


class Form(FlaskForm):
    """The base of all forms. The token is checked for every request before a view runs."""

    class Meta:
        csrf = False

    def validate(self, extra_validators: Any = None) -> bool:
        """True if all is well; else `errors` says in words what is not."""
        fine = super().validate(extra_validators)
        with_nul = [field for field in self if not _without_nul(field)]
        return fine and not with_nul

    def refuse(self, field_name: str, message: str) -> None:
        """Add what only the feature could know to a field's errors."""
        field = self[field_name]
        field.errors = [*field.errors, translate(message)]

    def refuse_all(self, problems: Mapping[str, str]) -> None:
        """Add a sentence to each of these fields."""
        for field_name, message in problems.items():
            self.refuse(field_name, message)


def form_fields() -> set[str]:
    """The names of all fields of all forms."""
    return {name for name, _field in _declared_fields()}


def harmless_fields() -> set[str]:
    """The names of fields that are declared HARMLESS by every form that has one of the name."""
    other = {
        name
        for name, field in _declared_fields()
        if HARMLESS not in field.kwargs.get("validators", ())
    }
    return form_fields() - other


def _declared_fields() -> Iterator[tuple[str, UnboundField[Any]]]:
    forms = list(Form.__subclasses__())
    for form in forms:
        forms.extend(form.__subclasses__())
        for name in dir(form):
            field = getattr(form, name)
            if isinstance(field, UnboundField):
                yield name, field


def _without_nul(field: Field) -> bool:
    if isinstance(field.data, str) and "\x00" in field.data:
        field.data = field.data.replace("\x00", "")
        field.errors = [*field.errors, _("This holds a character (NUL) that cannot be stored.")]
        return False
    return True


def whole_number(low: int, high: int) -> Any:
    """A validator: within bounds, both included."""

    def check(_form: FlaskForm, field: Field) -> None:
        if field.data is not None and not low <= field.data <= high:
            raise ValidationError(_("Give a number from %(low)s to %(high)s.", low=low, high=high))

    return check
