"""Chapters 2.1 and 4.4: staff accounts (客服账号), sign-in (登录) and qualifications (资质).

Passwords are argon2 hashes; of a sign-in's token only the hash is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.sign_in_tries import check_not_locked
from bot.handbook.access import (
    Access,
    Forbidden,
    NotSignedIn,
    SignInRefused,
    check_password,
)
from bot.handbook.errors import NotFound, Refusal
from bot.storage.staff import SignIn, Staff

# About 30 ms on one core: costly to guess, cheap enough for a queue of sign-ins.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Checked when the name is unknown, so that the answer takes as long.
NOBODY = HASHER.hash(secrets.token_hex(16))
SEEN_STEP = timedelta(seconds=20)


class NameTaken(Refusal):
    """Refuse a second account of the same name."""

    code = "name_taken"


@dataclass(frozen=True)
class Caller:
    """Hold who is asking: the account, its role's permissions, its sign-in."""

    id: int
    name: str
    title: str
    role: str
    teams: frozenset[str]
    sees_all: bool
    may: frozenset[str]
    token_hash: str = ""
    csrf: str = ""
    must_change: bool = False

    def require(self, permission: str) -> None:
        """Raise `Forbidden` when the role lacks the permission."""
        if permission not in self.may:
            raise Forbidden("您的角色没有此项权限", permission=permission, role=self.role)

    def sees_team(self, team: str | None) -> bool:
        """Tell whether conversations and tickets of the team are this person's business."""
        return self.sees_all or not self.teams or team in self.teams

    @property
    def who(self) -> str:
        """Return the word by which the lifecycle knows this person."""
        return "leader" if "tickets_lead" in self.may else "staff"

    @property
    def hears(self) -> frozenset[str]:
        """Return the roles whose notices are this person's: what the ladder calls them."""
        pairs = (("tickets_lead", "leader"), ("duty_manage", "duty_manager"))
        heard = {role for permission, role in pairs if permission in self.may}
        if "tickets_work" in self.may and not heard:
            heard = {"team"}
        if "coaching" in self.may:
            heard |= {"trainer"}
        return frozenset(heard | {"staff"})

    @property
    def team_limit(self) -> frozenset[str] | None:
        """Return the teams to which lists are limited, or None for all."""
        return None if self.sees_all or not self.teams else self.teams


@dataclass(frozen=True)
class Unseen:
    """Tell what was not written down lately: the use of the sign-in, the person's presence."""

    sign_in: bool
    person: bool


def caller_of(staff: Staff, access: Access, sign_in: SignIn | None = None) -> Caller:
    """Return the account as somebody who asks."""
    role = access.roles[staff.role]
    return Caller(
        id=staff.id,
        name=staff.name,
        title=staff.title,
        role=staff.role,
        teams=frozenset(staff.teams),
        sees_all=role.sees_all,
        may=role.may,
        token_hash=sign_in.token_hash if sign_in else "",
        csrf=sign_in.csrf if sign_in else "",
        must_change=bool(staff.must_change),
    )


def add_staff(
    session: Session,
    access: Access,
    *,
    name: str,
    password: str,
    role: str,
    now: datetime,
    title: str = "",
    teams: Iterable[str] = (),
    capacity: int = 10,
    must_change: bool = True,
    by: Caller | None = None,
) -> Staff:
    """Create an account; raise `NameTaken` or `WeakPassword`."""
    if role not in access.roles:
        raise NotFound("没有这个角色", role=role, known=list(access.roles))
    if session.execute(select(Staff.id).where(Staff.name == name)).first():
        raise NameTaken("已有同名账号", name=name)
    check_password(password, name=name, limits=access.sign_in)
    staff = Staff(
        name=name,
        title=title or name,
        role=role,
        teams=sorted(teams),
        password_hash=HASHER.hash(password),
        must_change=int(must_change),
        capacity=capacity,
        presence="off",
        created_at=now,
    )
    session.add(staff)
    session.flush()
    _audit(session, "staff_added", by, staff, now, {"role": role, "teams": sorted(teams)})
    return staff


def new_password(name: str) -> str:
    """Return a password that nobody guesses; by chance one may hold a short name, and is not taken."""
    password = secrets.token_urlsafe(12)
    while name and name.lower() in password.lower():
        password = secrets.token_urlsafe(12)
    return password


def ensure_admin(session: Session, password: str, now: datetime) -> str | None:
    """Create the administrator at the first start; return a generated password, else None.

    A password that the operator chose is kept as it is; a generated one must be changed.
    """
    if session.execute(select(func.count()).select_from(Staff)).scalar_one():
        return None
    given = password or new_password("admin")
    staff = Staff(
        name="admin",
        title="管理员",
        role="admin",
        teams=[],
        password_hash=HASHER.hash(given),
        must_change=int(not password),
        capacity=10,
        presence="off",
        created_at=now,
    )
    session.add(staff)
    session.flush()
    _audit(session, "staff_added", None, staff, now, {"role": "admin", "first": True})
    return None if password else given


def find_staff(session: Session, name: str) -> Staff:
    """Return the account of that name; raise `NotFound`."""
    staff = session.execute(select(Staff).where(Staff.name == name)).scalar_one_or_none()
    if staff is None:
        raise NotFound("没有这个账号", name=name)
    return staff


def staff_titles(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Return the shown names of accounts by id."""
    wanted = {id_ for id_ in ids if id_ is not None}
    if not wanted:
        return {}
    return dict(session.execute(select(Staff.id, Staff.title).where(Staff.id.in_(wanted))).all())


def password_fits(password_hash: str | None, password: str) -> bool:
    """Compare a password with its hash, taking the same time when there is no account."""
    try:
        return HASHER.verify(password_hash or NOBODY, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def open_sign_in(
    session: Session, access: Access, staff: Staff, *, address: str, now: datetime
) -> tuple[str, Caller]:
    """Sign a checked person in; return the token for the cookie and the caller."""
    if staff.disabled_at is not None:
        raise SignInRefused("账号或密码不正确")
    check_not_locked(staff, now=now)
    token = secrets.token_urlsafe(32)
    sign_in = SignIn(
        token_hash=token_hash(token),
        staff_id=staff.id,
        csrf=secrets.token_urlsafe(24),
        address=address,
        created_at=now,
        seen_at=now,
        expires_at=now + access.sign_in.absolute_for,
    )
    session.add(sign_in)
    staff.failures, staff.locked_until, staff.seen_at = 0, None, now
    caller = caller_of(staff, access, sign_in)
    _audit(session, "signed_in", caller, staff, now, {"address": address})
    return token, caller


def token_hash(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_caller(
    session: Session, access: Access, token: str, *, now: datetime
) -> tuple[Caller, Unseen]:
    """Return who holds the token and what of its use should be written down.

    Raise `NotSignedIn` for a token that is unknown, ended, idle too long or too old.
    """
    row = session.execute(
        select(SignIn, Staff)
        .join(Staff, Staff.id == SignIn.staff_id)
        .where(SignIn.token_hash == token_hash(token))
    ).first()
    if row is None:
        raise NotSignedIn("请先登录")
    sign_in, staff = row
    idle = now - sign_in.seen_at
    if (
        sign_in.ended_at
        or staff.disabled_at
        or now >= sign_in.expires_at
        or idle > access.sign_in.idle_for
    ):
        raise NotSignedIn("登录已过期，请重新登录")
    away = None if staff.seen_at is None else now - staff.seen_at
    unseen = Unseen(sign_in=idle >= SEEN_STEP, person=away is None or away >= SEEN_STEP)
    return caller_of(staff, access, sign_in), unseen


def note_seen(session: Session, caller: Caller, *, now: datetime, renews: bool) -> None:
    """Write down that the person is there; a use that `renews` keeps the sign-in from expiring."""
    if renews:
        session.execute(
            update(SignIn)
            .where(SignIn.token_hash == caller.token_hash)
            .values(seen_at=now)
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(Staff)
        .where(Staff.id == caller.id)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


def csrf_fits(caller: Caller, given: str) -> bool:
    """Compare the header's token with the sign-in's."""
    return hmac.compare_digest(caller.csrf.encode(), given.encode("utf-8", "replace"))


def sign_out(session: Session, caller: Caller, *, now: datetime, everywhere: bool = False) -> int:
    """End this sign-in, or all of the person's; return how many ended."""
    query = update(SignIn).where(SignIn.staff_id == caller.id, SignIn.ended_at.is_(None))
    if not everywhere:
        query = query.where(SignIn.token_hash == caller.token_hash)
    ended = session.execute(
        query.values(ended_at=now).execution_options(synchronize_session=False)
    ).rowcount
    action = "signed_out_everywhere" if everywhere else "signed_out"
    record_audit(
        session,
        action=action,
        subject=f"staff:{caller.name}",
        now=now,
        staff_id=caller.id,
        staff_name=caller.name,
        data={"ended": ended},
    )
    return int(ended)


def change_password(
    session: Session, access: Access, caller: Caller, *, old: str, new: str, now: datetime
) -> None:
    """Set a password of one's own; every other sign-in of the person ends."""
    staff = session.get(Staff, caller.id)
    if not password_fits(staff.password_hash, old):
        raise SignInRefused("原密码不正确")
    check_password(new, name=staff.name, limits=access.sign_in)
    if old == new:
        raise SignInRefused("新密码不能与原密码相同")
    staff.password_hash, staff.must_change = HASHER.hash(new), 0
    _end_sign_ins(session, staff.id, now, but=caller.token_hash)
    _audit(session, "password_changed", caller, staff, now, {})


def reset_password(
    session: Session, staff: Staff, *, now: datetime, by: Caller | None = None
) -> str:
    """Set a generated password that must be changed, end all sign-ins, lift a lock."""
    password = new_password(staff.name)
    staff.password_hash, staff.must_change = HASHER.hash(password), 1
    staff.failures, staff.locked_until = 0, None
    _end_sign_ins(session, staff.id, now)
    _audit(session, "password_reset", by, staff, now, {})
    return password


def disable_staff(
    session: Session, staff: Staff, *, now: datetime, by: Caller | None = None
) -> None:
    """Close an account: no sign-in any more; its history stays."""
    staff.disabled_at, staff.presence_since = now, now
    staff.presence, staff.presence_reason = "off", None
    _end_sign_ins(session, staff.id, now)
    _audit(session, "staff_disabled", by, staff, now, {})


def _end_sign_ins(session: Session, staff_id: int, now: datetime, *, but: str = "") -> None:
    session.execute(
        update(SignIn)
        .where(SignIn.staff_id == staff_id, SignIn.ended_at.is_(None), SignIn.token_hash != but)
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _audit(
    session: Session,
    action: str,
    by: Caller | None,
    staff: Staff,
    now: datetime,
    data: dict[str, object],
) -> None:
    record_audit(
        session,
        action=action,
        subject=f"staff:{staff.name}",
        now=now,
        staff_id=by.id if by else None,
        staff_name=by.name if by else "system",
        data=dict(data),
    )
