"""Chapter 4.4: tries at a password (密码尝试): counted before the hash, so that a burst gains nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.handbook.access import AccountLocked, SignInLimits
from bot.handbook.privacy import mask
from bot.storage.staff import Staff


def check_not_locked(staff: Staff | None, *, now: datetime) -> None:
    """Raise `AccountLocked` while the lock after too many failures lasts."""
    if staff is not None and staff.locked_until is not None and staff.locked_until > now:
        minutes = int((staff.locked_until - now).total_seconds() // 60) + 1
        raise AccountLocked(f"登录失败次数过多，请{minutes}分钟后再试", retry_after_s=minutes * 60)


def reserve_try(session: Session, name: str, limits: SignInLimits, *, now: datetime) -> bool:
    """Count a try before its password is looked at; tell whether it may be looked at.

    A try that finds all of them taken, by failures or by others under way, locks the account:
    so does one that a broken process left behind.
    """
    account = (Staff.name == name) & Staff.disabled_at.is_(None)
    open_ = account & or_(Staff.locked_until.is_(None), Staff.locked_until <= now)
    if _change(session, open_ & (Staff.failures < limits.failures), failures=Staff.failures + 1):
        return True
    _lock(session, open_ & (Staff.failures >= limits.failures), limits, now=now)
    return not session.execute(select(Staff.id).where(account)).first()


def note_failure(
    session: Session, name: str, limits: SignInLimits, *, address: str, now: datetime,
    at: str = "sign_in",
) -> None:
    """Keep a failed try in the audit log, and lock the account when it was the last one."""
    _lock(session, (Staff.name == name) & (Staff.failures >= limits.failures), limits, now=now)
    staff = session.execute(
        select(Staff).where(Staff.name == name).execution_options(populate_existing=True)
    ).scalar_one_or_none()
    record_audit(
        session,
        action="sign_in_failed",
        subject=f"staff:{name[:64] if staff else mask(name[:64])}",
        now=now,
        staff_id=staff.id if staff else None,
        staff_name=staff.name if staff else "",
        data={
            "address": address,
            "at": at,
            "locked": bool(staff and staff.locked_until and staff.locked_until > now),
        },
    )


def forget_failures(session: Session, name: str) -> None:
    """Begin to count anew after a password that fits; a lock of meanwhile stays."""
    _change(session, Staff.name == name, failures=0)


def _lock(session: Session, which: Any, limits: SignInLimits, *, now: datetime) -> None:
    _change(session, which, failures=0, locked_until=now + limits.lock_for)


def _change(session: Session, which: Any, **values: Any) -> bool:
    changed = session.execute(
        update(Staff).where(which).values(**values).execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount)
