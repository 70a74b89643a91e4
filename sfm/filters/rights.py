"""Who may add and change filters: by the setting FILTERS_MANAGED_BY."""

from __future__ import annotations

from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import User

ADMINISTRATORS = "administrators"
NOT_ALLOWED = Message(
    "Here only administrators add, change, activate or delete filters and spend credits on them "
    "(the setting FILTERS_MANAGED_BY). Ask one of them."
)


def may_manage(user: User) -> bool:
    """Whether this User may add filters and manage their own; everybody sees their own."""
    return user.is_superuser or settings().filters_managed_by != ADMINISTRATORS
