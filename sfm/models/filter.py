"""Stream filters: what to listen for, and with whose credential."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm import clock
from sfm.database import Base, WideId
from sfm.models.user import Credential, User

CRITERIA = ("words", "people", "locations", "rule_text", "uids")  # what a filter listens for


class TwitterFilter(Base):
    """A live filter on Twitter: words, people, locations, and the User who connects."""

    __tablename__ = "twitter_filter"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    credential_id: Mapped[int | None] = mapped_column(
        ForeignKey("credential.id", ondelete="SET NULL"), index=True
    )
    uses_installation_token: Mapped[bool] = mapped_column(default=False)  # then no credential_id
    is_active: Mapped[bool] = mapped_column(default=True)
    words: Mapped[str] = mapped_column(Text, default="")
    people: Mapped[str] = mapped_column(Text, default="")
    locations: Mapped[str] = mapped_column(Text, default="")
    rule_text: Mapped[str] = mapped_column(Text, default="")  # exact v2 rules, one a line
    uids: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)  # name -> resolved uid
    people_not_found: Mapped[list[str]] = mapped_column(JSON, default=list)
    notes: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    criteria_since: Mapped[datetime | None] = mapped_column(default=clock.now)  # words and the like
    active_since: Mapped[datetime | None]  # wanted from then on: before it, nothing is missed
    held_at: Mapped[datetime | None]  # stopped on the status page, without being deactivated
    held_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    credential: Mapped[Credential | None] = relationship()
