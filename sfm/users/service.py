"""Users: create, find, change, delete; passwords, rights and sessions. Nothing here commits."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields

from sqlalchemy import func, select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.messages import Message
from sfm.models import ExportFile, RecurringExport, TwitterFilter, TwitterUserSet, User
from sfm.models.user import new_session_key
from sfm.networks.record import MAX_ID
from sfm.users import passwords

_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,149}")


class LastAdministrator(SfmError):
    """The change would leave no active administrator."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This is the last active administrator. Make somebody else an administrator first."
            ),
            permanent=True,
        )


@dataclass(frozen=True)
class CreatedUser:
    """A new User, and the one-time password where none was given. It is not kept anywhere."""

    user: User
    one_time_password: str | None

    def __repr__(self) -> str:
        return f"Created({self.user.username!r})"


def by_name(username: str) -> User:
    """The User of this name, whatever its capitals. Raises NotFound."""
    user = find(username)
    if user is None:
        raise NotFound(
            Message(
                "There is no User called %(username)s here.", username=f"{username.strip()[:150]!r}"
            )
        )
    return user


def find(username: str) -> User | None:
    """The User of this name, whatever its capitals."""
    name = username.strip().lower()
    if not _USERNAME.fullmatch(name):  # nor is every character one that a database takes
        return None
    return db.session.scalar(select(User).where(User.lower_username == name))


def by_id(user_id: int) -> User:
    """The User with this id. Raises NotFound."""
    user = db.session.get(User, user_id) if 0 < user_id <= MAX_ID else None
    if user is None:
        raise NotFound(Message("There is no such User here."))
    return user


def any_user_exists() -> bool:
    """Whether there is any User yet."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def create(
    username: str,
    password: str | None = None,
    *,
    superuser: bool = False,
    must_change: bool = False,
) -> CreatedUser:
    """Add a User. Without a password, a one-time password is made that has to be changed.

    Flushes. Raises WrongInput for a name that cannot be or is taken, WeakPassword for a password.
    """
    name = free_name(username)
    one_time = None
    if password is None:
        password = one_time = passwords.one_time_password()
    else:
        passwords.require_strong(password, name)
    user = User(
        username=name,
        password_hash=passwords.hash_password(password),
        must_change_password=must_change or one_time is not None,
        is_superuser=superuser,
        password_changed_at=clock.now(),
    )
    db.session.add(user)
    db.session.flush()
    record(user, "user.created", after={"administrator": superuser})
    return CreatedUser(user, one_time)


def free_name(username: str) -> str:
    """The name without blanks around it. Raises WrongInput if it cannot be, or is taken."""
    name = username.strip()
    if not _USERNAME.fullmatch(name):
        raise WrongInput(
            Message(
                "A name begins with a letter or digit and has only letters without accents, "
                "digits and . _ - @ + in it; 150 of them at most."
            )
        )
    if find(name) is not None:
        raise WrongInput(Message("There already is a User called %(name)s.", name=name))
    return name


def set_password(user: User, password: str, *, must_change: bool = False) -> None:
    """Give a new password; all sessions of the User end. Flushes. Raises WeakPassword.

    The present one is refused too: a one-time password would stay for good.
    """
    if passwords.matches(user.password_hash, password):
        raise passwords.WeakPassword(Message("This is the present password. Choose another one."))
    passwords.require_strong(password, user.username, user.twitter_name or "")
    _save_password(user, password, must_change=must_change)


def reset_password(user: User) -> str:
    """Give a one-time password, which comes back and is not kept; all sessions end. Flushes."""
    password = passwords.one_time_password()
    _save_password(user, password, must_change=True)
    return password


def _save_password(user: User, password: str, *, must_change: bool) -> None:
    user.password_hash = passwords.hash_password(password)
    user.must_change_password = must_change
    user.password_changed_at = clock.now()
    end_sessions(user)
    db.session.flush()
    record(user, "user.password_reset" if must_change else "user.password_changed")


def end_sessions(user: User) -> None:
    """End every session of this User, in every browser. Does not flush."""
    user.session_key = new_session_key()


@dataclass(frozen=True)
class Rights:
    """The rights that an administrator sets."""

    is_active: bool
    is_superuser: bool
    awaits_approval: bool = False
    installation_token_allowed: bool = False

    @property
    def may_use_installation_token(self) -> bool:
        """As `User.may_use_installation_token`."""
        return self.is_superuser or self.installation_token_allowed


def rights_of(user: User) -> Rights:
    """What a User may now."""
    return Rights(**{field.name: getattr(user, field.name) for field in fields(Rights)})


def set_rights(user: User, rights: Rights) -> bool:
    """Set a User's rights; False where nothing changed. Any change ends all sessions. Flushes.

    What hangs on them is the caller's: see `sfm.filters.owners`. Raises LastAdministrator. The
    rows of all administrators are locked meanwhile, so that two who remove each other at the same
    moment cannot both succeed.
    """
    _lock_administrators()
    db.session.refresh(user)
    before, after = asdict(rights_of(user)), asdict(rights)
    if before == after:
        return False
    if not (rights.is_active and rights.is_superuser):
        require_another_administrator(user)
    for name, value in after.items():
        setattr(user, name, value)
    end_sessions(user)
    db.session.flush()
    old, new = audit.changes(before, after)
    record(user, _action(old, new), before=old, after=new)
    return True


def require_another_administrator(user: User) -> None:
    """Raises LastAdministrator if this User is the only active administrator."""
    others = select(func.count()).where(
        User.is_superuser, User.is_active, ~User.awaits_approval, User.id != user.id
    )
    if user.is_superuser and user.is_active and not db.session.scalar(others):
        raise LastAdministrator


def _lock_administrators() -> None:
    db.session.execute(select(User.id).where(User.is_superuser).order_by(User.id).with_for_update())


def _action(before: dict[str, bool], after: dict[str, bool]) -> str:
    if "is_superuser" in after:
        return "user.made_administrator" if after["is_superuser"] else "user.made_member"
    if before.get("awaits_approval") and after.get("is_active", True):
        return "user.approved"
    if "is_active" not in after and "installation_token_allowed" in after:
        allowed = after["installation_token_allowed"]
        return "user.installation_token_given" if allowed else "user.installation_token_taken"
    return "user.activated" if after.get("is_active") else "user.deactivated"


def record(
    user: User,
    action: str,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """An audit entry about this User."""
    audit.record(
        action,
        kind="user",
        subject_id=user.id,
        subject=user.username,
        before=before,
        after=after,
    )


def owned_by(user: User) -> dict[str, int]:
    """How many sets, filters and exports the User owns; kinds without any are left out.

    Credentials, profiles of exports and the time zone are not counted: they are deleted with
    the User.
    """
    columns = {
        "sets": TwitterUserSet.owner_id,
        "filters": TwitterFilter.user_id,
        "exports": ExportFile.owner_id,
        "recurring exports": RecurringExport.owner_id,
    }
    counts = {
        name: db.session.scalar(select(func.count()).where(column == user.id)) or 0
        for name, column in columns.items()
    }
    return {name: count for name, count in counts.items() if count}


def remove(user: User, by: User) -> None:
    """Delete a User who owns nothing, with their credentials and sessions. Flushes.

    Their entries in the audit log stay. Raises WrongInput where the User is `by` or owns something,
    LastAdministrator.
    """
    if user.id == by.id:
        raise WrongInput(
            Message("This is your own account. Ask another administrator to delete it.")
        )
    require_another_administrator(user)
    if owned_by(user):
        raise WrongInput(
            Message(
                "%(username)s still owns something. Delete that first, or join this User with "
                "another one, who then gets all of it.",
                username=user.username,
            )
        )
    record(user, "user.deleted")
    db.session.flush()
    db.session.delete(user)
    db.session.flush()
