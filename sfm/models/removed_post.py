"""The register of posts that were removed for good, by their ids alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from sfm import clock
from sfm.database import Base, WideId


class RemovedPost(Base):
    """One removed post. It is left out wherever posts come in, until `refused_until` or for ever.

    Each change of the register gets the next version, so that who holds a copy knows when to read
    it again. `taken_out_version` is the version at which the post had left the database and the
    sealed stream files; what was read before that may hold it.
    """

    __tablename__ = "removed_post"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    twitter_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    kind: Mapped[str] = mapped_column(String(20), default="takedown")
    removed_at: Mapped[datetime] = mapped_column(default=clock.now)
    removed_by: Mapped[str] = mapped_column(String(200), default="")
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))
    refused_until: Mapped[datetime | None]  # None: for ever
    version: Mapped[int] = mapped_column(BigInteger, index=True)
    taken_out_version: Mapped[int | None] = mapped_column(BigInteger, index=True)
