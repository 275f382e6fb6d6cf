"""Chapter 2.1: qualifications (资质): certificates of people and the days until which they are good."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.staff import Caller
from bot.storage.staff import Qualification, Staff


def set_qualification(
    session: Session,
    staff: Staff,
    *,
    skill: str,
    expires_on: date,
    now: datetime,
    by: Caller | None = None,
) -> None:
    """Record a certificate or its renewal."""
    held = session.execute(
        select(Qualification).where(
            Qualification.staff_id == staff.id, Qualification.skill == skill
        )
    ).scalar_one_or_none()
    if held is None:
        session.add(Qualification(staff_id=staff.id, skill=skill, expires_on=expires_on))
    else:
        held.expires_on = expires_on
    record_audit(
        session,
        action="qualification_set",
        subject=f"staff:{staff.name}",
        now=now,
        staff_id=by.id if by else None,
        staff_name=by.name if by else "system",
        data={"skill": skill, "until": expires_on.isoformat()},
    )


def held_skills(session: Session, staff_id: int) -> dict[str, date]:
    """Return the person's certificates and the days until which they are good."""
    return dict(
        session.execute(
            select(Qualification.skill, Qualification.expires_on).where(
                Qualification.staff_id == staff_id
            )
        ).all()
    )
