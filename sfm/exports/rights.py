"""Whether a person may still export what they once asked for, when it is about to be made."""

from __future__ import annotations

from sfm.database import db
from sfm.errors import NotFound
from sfm.exports import selection
from sfm.exports.request import Criteria
from sfm.messages import Message
from sfm.models import TwitterUserSet, User

SET_DELETED = Message(
    "The set of this export was deleted. Choose another set, and ask for a new export."
)
SET_OF_ANOTHER = Message(
    "The set of this export belongs to somebody else now. Ask its owner, or choose another set."
)
FILES_OF_ANOTHER = Message(
    "The stream files of this export belong to somebody else now, or their filter was deleted. "
    "Choose other files."
)


def check_rights(reader_id: int, criteria: Criteria) -> None:
    """Raise NotFound where the set or the stream files are not this person's any more.

    Superusers may export everything that is there. Reads only.
    """
    reader = db.session.get_one(User, reader_id)
    set_id = criteria.selection.set_id
    if set_id is not None:
        row = db.session.get(TwitterUserSet, set_id)
        if row is None:
            raise NotFound(SET_DELETED)
        if row.owner_id != reader.id and not reader.is_superuser:
            raise NotFound(SET_OF_ANOTHER)
    if not selection.may_read(reader, criteria):
        raise NotFound(FILES_OF_ANOTHER)
