"""Why an export was not made."""

from __future__ import annotations

from sfm.errors import SfmError, WrongInput


class FileGone(WrongInput):
    """A file is not (any more) where it was when the export was begun."""


class NoRoom(SfmError):
    """The disk has no room for this export; nothing of it is kept."""


class CountMismatch(SfmError):
    """Rows are missing or too many. The export is not handed on."""
