"""Claims out of a messenger (消息内接单): the press of a card's button, or `认领` and the number.

A waiting conversation is claimed by its id and epoch: who presses later does not get it.

The platform has signed who pressed; the channel's file says which account that is. Everything
else is decided as at the console: team, permission, certificate, and who was first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.channels.adapter import Adapter, Inbound
from bot.desk.messages import deliver_pending
from bot.desk.serving import Office, claim_conversation, visible_conversation
from bot.desk.staff import Caller, caller_of, staff_titles
from bot.desk.ticket_log import lock_ticket
from bot.desk.ticket_work import Wish, step_ticket, visible_ticket
from bot.handbook.access import Access
from bot.handbook.errors import Refusal
from bot.handbook.handoff import StaleHolder
from bot.handbook.reception import Reception
from bot.handbook.reception_tables import load_access, load_reception
from bot.storage.staff import Staff

CLAIM = "认领"
NOT_KNOWN = "您的账号还没有与工作台关联，请联系管理员登记后再接单。"
_CONVERSATION = r"[0-9a-f]{32}:\d{1,9}"
_WORDS = re.compile(rf"{CLAIM}\s*(T\d{{8}}-\d+|{_CONVERSATION})")


@lru_cache(maxsize=1)
def reception_tables() -> tuple[Access, Reception]:
    """Return who may do what, and how people are received."""
    return load_access(), load_reception()


def claim_words(number: str) -> str:
    """Return what somebody writes to claim a ticket or a waiting conversation."""
    return f"{CLAIM} {number}"


def conversation_key(payload: Mapping[str, Any]) -> str:
    """Return what claims the waiting conversation that a notice is about; empty without one."""
    found = payload.get("conversation")
    return f"{found}:{payload.get('epoch')}" if found else ""


def claimed_number(inbound: Inbound) -> str | None:
    """Return the ticket or the conversation that a press or a text claims."""
    if inbound.event == "claim":
        return str(inbound.payload.get("claim", ""))
    match = _WORDS.fullmatch(inbound.text.strip()) if inbound.kind == "text" else None
    return match.group(1) if match else None


def account_of(session: Session, adapter: Adapter, sender: str) -> Caller | None:
    """Return whose account the sender is, by the channel's file."""
    named: Mapping[str, str] = getattr(adapter, "staff", {})
    if sender not in named:
        return None
    staff = session.execute(
        select(Staff).where(Staff.name == named[sender], Staff.disabled_at.is_(None))
    ).scalar_one_or_none()
    return None if staff is None else caller_of(staff, reception_tables()[0])


def answer_claim(
    session: Session, desk: Any, adapter: Adapter, inbound: Inbound, touched: set[str], *,
    now: datetime,
) -> str | None:
    """Claim what the message claims and return what its sender is told; None if it is no claim.

    A conversation that changed hands is added to `touched`.
    """
    number = claimed_number(inbound)
    if number is None:
        return None
    caller = account_of(session, adapter, inbound.sender)
    if caller is None:
        # Where there are no staff, whoever writes such words is a customer like any other.
        return NOT_KNOWN if getattr(adapter, "staff", {}) else None
    office = Office(desk.handbook, reception_tables()[1], desk.gate)
    if re.fullmatch(_CONVERSATION, number):
        return _take_conversation(session, office, caller, number, touched, now=now)
    try:
        caller.require("tickets_work")
        ticket = visible_ticket(session, caller, number)
        lock_ticket(session, ticket)
        if ticket.holder_id == caller.id:
            return f"工单{number}已在您名下。"
        if ticket.holder_id is not None:
            holder = staff_titles(session, [ticket.holder_id]).get(ticket.holder_id, "同事")
            return f"工单{number}已由{holder}接单。"
        step_ticket(session, office, caller, ticket, Wish("claim", reason="在消息卡片上接单"), now=now)
    except Refusal as refused:
        return f"工单{number}未能接单：{refused.message}。"
    return f"接单成功，工单{number}已在您名下。"


def _take_conversation(
    session: Session, office: Office, caller: Caller, key: str, touched: set[str], *, now: datetime
) -> str:
    id_, _, epoch = key.partition(":")
    try:
        # A refusal halfway leaves nothing behind.
        with session.begin_nested():
            caller.require("conversations_serve")
            conversation = visible_conversation(session, caller, id_)
            if conversation.holder_id == caller.id:
                return "该会话已由您接待。"
            claim_conversation(session, office, caller, conversation, now=now, epoch=int(epoch))
    except StaleHolder as stale:
        if stale.data.get("holder"):
            return f"该会话已由{stale.data['holder']}接待。"
        return "客户已不在排队，无需接入。"
    except Refusal as refused:
        return f"会话未能接入：{refused.message}。"
    deliver_pending(session, id_, now=now)
    touched.add(id_)
    # Whoever is not at the console by then is taken for lost, and the customer waits again.
    minutes = office.reception.return_after.total_seconds() / 60
    return f"接入成功，请在{minutes:g}分钟内到工作台答复客户。"
