"""Who signs in here, and the credentials they hold."""

from __future__ import annotations

import secrets
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship, validates

from sfm import clock
from sfm.database import Base, SentenceText, WideId


def new_session_key() -> str:
    """A random value; a session is good for as long as it carries the User's present one."""
    return secrets.token_urlsafe(24)


class User(Base):
    """A person who signs in here: with name and password, with Twitter, or both."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    lower_username: Mapped[str] = mapped_column(String(150), unique=True)  # follows `username`
    password_hash: Mapped[str | None] = mapped_column(String(255))
    must_change_password: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    awaits_approval: Mapped[bool] = mapped_column(default=False)
    installation_token_allowed: Mapped[bool] = mapped_column(default=False)
    session_key: Mapped[str] = mapped_column(String(64), default=new_session_key, unique=True)
    twitter_uid: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    twitter_name: Mapped[str | None] = mapped_column(String(50))
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    signed_in_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]

    @validates("username")
    def _follow_username(self, _key: str, username: str) -> str:
        self.lower_username = username.lower()
        return username

    credentials: Mapped[list[Credential]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )

    # What Flask-Login asks of a user. Its own mixin would bring Flask to the tables.
    is_authenticated = True
    is_anonymous = False

    def may_see(self, owner_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
        """The condition for rows of which this column names the owner: the User's own, and a
        superuser's are all."""
        return true() if self.is_superuser else owner_id == self.id

    @property
    def may_use_installation_token(self) -> bool:
        """Whether streams and trials of this User may cost the installation's own token: an
        administrator's may, others' where an administrator has allowed it."""
        return self.is_superuser or self.installation_token_allowed

    def get_id(self) -> str:
        """What a session carries: a new key ends all sessions of the User."""
        return self.session_key


class Credential(Base):
    """A token with which we speak to Twitter on behalf of a User. The secret is encrypted."""

    __tablename__ = "credential"
    __table_args__ = (UniqueConstraint("fingerprint"),)

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(10))  # bearer, oauth1, oauth2
    label: Mapped[str] = mapped_column(String(100), default="")
    fingerprint: Mapped[str] = mapped_column(String(64))  # tells equal secrets, reveals nothing
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # Fernet token over the JSON of the tokens
    key_id: Mapped[str] = mapped_column(String(16), index=True)  # of the key it is encrypted with
    twitter_uid: Mapped[int | None] = mapped_column(BigInteger)  # whose tokens; None for an app's
    scopes: Mapped[str] = mapped_column(Text, default="")
    expires_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(20), default="unchecked")
    # unchecked, works, needs_sign_in, out_of_credits, refused
    state_reason: Mapped[str] = mapped_column(SentenceText, default="")
    state_since: Mapped[datetime] = mapped_column(default=clock.now)
    checked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    user: Mapped[User] = relationship(back_populates="credentials")


class ApiUsage(Base):
    """Calls made, posts and users read: per credential, endpoint and UTC day."""

    __tablename__ = "api_usage"

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(60), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger, default=0)
    posts: Mapped[int] = mapped_column(BigInteger, default=0)
    users: Mapped[int] = mapped_column(BigInteger, default=0)


class Attempts(Base):
    """Sign-ins tried in one window of time: for one name, from one address, or for both."""

    __tablename__ = "sign_in_attempts"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    began_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)


class SignInState(Base):
    """What we must remember between sending a person to Twitter and their coming back."""

    __tablename__ = "sign_in_state"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)  # encrypted: it holds a token's secret
    expires_at: Mapped[datetime] = mapped_column(index=True)
