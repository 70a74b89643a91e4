"""This installation as others see it: the mark by which its rules at Twitter are told apart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from sfm import clock
from sfm.database import Base


class Installation(Base):
    """One row, named "this", made when it is first needed and never changed."""

    __tablename__ = "installation"

    name: Mapped[str] = mapped_column(String(10), primary_key=True)
    mark: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
