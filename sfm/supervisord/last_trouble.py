"""What kept the last round from writing the configuration, or supervisord from reading it.

supervisord answers that it runs and shows its processes all the while; so the trouble is kept in a
file beside the locks, for the board and the pages of filters, until a round has gone well.
"""

from __future__ import annotations

import json
import logging

from sfm.atomic_file import write_whole
from sfm.messages import pack, unpack
from sfm.supervisord.manager import BROKEN, Manager
from sfm.supervisord.paths import Paths

logger = logging.getLogger(__name__)

NAME = "configuration-trouble.json"


def keep_trouble(place: Paths, manager: Manager) -> None:
    """After a round: keep its trouble, or forget an older one where it went well."""
    if not (manager.is_running or manager.is_broken):
        return
    try:
        if manager.is_running:
            (place.run / NAME).unlink(missing_ok=True)
        elif kept_trouble(place) != manager:
            content = {"message": pack(manager.message), "detail": manager.detail}
            write_whole(place.run / NAME, json.dumps(content))
    except OSError as exc:
        logger.warning("trouble of the configuration not kept error=%s", exc)


def kept_trouble(place: Paths) -> Manager | None:
    """The trouble of the last round; None where it went well, or nobody knows."""
    try:
        content = json.loads((place.run / NAME).read_text(encoding="utf-8"))
        return Manager(BROKEN, unpack(content["message"]), content["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
