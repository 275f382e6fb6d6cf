"""Chapter 2.2: sums for a customer (退费、减免、补偿) and the second person who allows them.

Up to the limit in `complaints.yml` the asker decides alone; above it a leader does, and never
the asker. The language check lets a reply promise exactly the sums that were allowed.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.notices import notify_staff
from bot.desk.presence import record_event
from bot.desk.staff import Caller
from bot.handbook.errors import NotFound
from bot.handbook.reception import ApprovalNeeded, Complaints
from bot.handbook.shown_text import mask_for_lists
from bot.storage.staff import Approval
from bot.storage.tickets import Ticket


def ask_approval(
    session: Session,
    complaints: Complaints,
    caller: Caller,
    ticket: Ticket,
    *,
    kind: str,
    amount: Decimal,
    reason: str,
    now: datetime,
) -> Approval:
    """Ask for a sum; within one's own authority it is allowed at once."""
    authority = complaints.authority.get(kind)
    if authority is None:
        raise NotFound("没有这种费用处理", kind=kind, known=list(complaints.authority))
    if amount <= 0 or amount > 100_000 or amount != amount.quantize(Decimal("0.01")):
        raise ApprovalNeeded("金额应大于0、不超过10万元，最多两位小数", amount=str(amount))
    # What was given for the same ticket before counts: ten small sums are a large one.
    given = Decimal(_given_cents(session, ticket, kind)) / 100
    alone = given + amount <= Decimal(str(authority.limit))
    approval = Approval(
        ticket_id=ticket.id,
        kind=kind,
        cents=int(amount * 100),
        reason=reason,
        asked_by=caller.id,
        asked_at=now,
        state="approved" if alone else "open",
        decided_by=caller.id if alone else None,
        decided_at=now if alone else None,
        note="权限内" if alone else None,
    )
    session.add(approval)
    session.flush()
    _tell(
        session,
        caller,
        ticket,
        approval,
        "approval_within_limit" if alone else "approval_asked",
        now,
    )
    return approval


def _given_cents(session: Session, ticket: Ticket, kind: str) -> int:
    """Return the cents of a kind that were allowed for the ticket or wait for a decision."""
    given = session.execute(
        select(func.coalesce(func.sum(Approval.cents), 0)).where(
            Approval.ticket_id == ticket.id,
            Approval.kind == kind,
            Approval.state.in_(("approved", "open")),
        )
    )
    return int(given.scalar_one())


def decide_approval(
    session: Session,
    complaints: Complaints,
    caller: Caller,
    approval_id: int,
    *,
    approve: bool,
    note: str,
    now: datetime,
) -> Approval:
    """Allow or refuse a sum that somebody else asked for; the first decision stands."""
    approval = session.get(Approval, approval_id)
    if approval is None:
        raise NotFound("没有这个审批", approval=approval_id)
    if approval.asked_by == caller.id:
        raise ApprovalNeeded("不能审批自己提出的申请，请由另一位班长处理")
    state = "approved" if approve else "refused"
    decided = session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.state == "open")
        .values(state=state, decided_by=caller.id, decided_at=now, note=note)
        .execution_options(synchronize_session=False)
    )
    session.refresh(approval)
    if decided.rowcount != 1:
        raise ApprovalNeeded("该申请已有结论", state=approval.state)
    ticket = session.get(Ticket, approval.ticket_id)
    _tell(session, caller, ticket, approval, f"approval_{state}", now)
    known = complaints.authority.get(approval.kind)
    what = f"{known.title if known else approval.kind}{yuan(approval.cents)}元"
    why = mask_for_lists(note).rstrip("。！!；;，, ").strip()
    notify_staff(
        session,
        key=f"approval:{approval.id}",
        kind="approval",
        level="info",
        role="holder",
        staff_id=approval.asked_by,
        ticket=ticket,
        now=now,
        text=f"您为工单{ticket.number}申请的{what}{'已批准' if approve else '未批准'}{why and f'：{why}'}。",
    )
    return approval


def _tell(
    session: Session, caller: Caller, ticket: Ticket, approval: Approval, action: str, now: datetime
) -> None:
    data = {
        "id": approval.id,
        "kind": approval.kind,
        "amount": yuan(approval.cents),
        "reason": approval.reason,
    }
    record_audit(
        session,
        action=action,
        subject=f"ticket:{ticket.number}",
        now=now,
        staff_id=caller.id,
        staff_name=caller.name,
        data=data,
    )
    record_event(
        session,
        action,
        now=now,
        ticket_number=ticket.number,
        staff_id=caller.id,
        team=ticket.team,
        data={"id": approval.id},
    )


def approvals_of(session: Session, ticket_id: int) -> list[Approval]:
    """Return a ticket's sums, newest first."""
    return list(
        session.execute(
            select(Approval).where(Approval.ticket_id == ticket_id).order_by(Approval.id.desc())
        ).scalars()
    )


def open_approvals(
    session: Session, caller: Caller, *, most: int = 100
) -> list[tuple[Approval, Ticket]]:
    """Return what waits for a decision in the person's teams, oldest first."""
    query = (
        select(Approval, Ticket)
        .join(Ticket, Ticket.id == Approval.ticket_id)
        .where(Approval.state == "open")
        .order_by(Approval.id)
        .limit(most)
    )
    if caller.team_limit is not None:
        query = query.where(Ticket.team.in_(caller.team_limit))
    return [(approval, ticket) for approval, ticket in session.execute(query).all()]


def approved_sums(session: Session, ticket_id: int) -> list[float]:
    """Return the sums that a reply about the ticket may promise."""
    rows = session.execute(
        select(Approval.cents).where(Approval.ticket_id == ticket_id, Approval.state == "approved")
    ).scalars()
    return [cents / 100 for cents in rows]


def yuan(cents: int) -> str:
    """Write cents as yuan."""
    return f"{cents / 100:.2f}"


def approval_json(
    approval: Approval, complaints: Complaints, titles: dict[int, str]
) -> dict[str, Any]:
    """Return a sum as consoles show it."""
    known = complaints.authority.get(approval.kind)
    return {
        "id": approval.id,
        "kind": approval.kind,
        "kind_title": known.title if known else approval.kind,
        "amount": yuan(approval.cents),
        "reason": mask_for_lists(approval.reason or ""),
        "state": approval.state,
        "asked_by": titles.get(approval.asked_by, ""),
        "asked_by_id": approval.asked_by,
        "asked_at": approval.asked_at,
        "decided_by": titles.get(approval.decided_by or 0, ""),
        "decided_at": approval.decided_at,
        "note": mask_for_lists(approval.note) if approval.note else approval.note,
    }
