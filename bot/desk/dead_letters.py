"""Chapter 3.4: dead letters (未送达): a person is told at the console of what was given up.

One notice tells of everything since the last one. It is read at the console and leaves it by no
way, so none can fail in turn, and it never takes the way that failed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.desk.notices import CUSTOMER, notify_staff
from bot.desk.outbox import DEAD
from bot.handbook.channels import channel_title
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation
from bot.storage.notices import Delivery, Notice
from bot.storage.tickets import Ticket

CONSOLE = "console"
SENDERS = {CONSOLE: "工作台", "webhook": "消息推送", "mail": "邮件", CUSTOMER: "客户渠道"}
ROLES = {"holder": "经办人", "team": "团队", "leader": "班长", "duty_manager": "值班经理"}
# More are in the outbox, where each is seen with its reason.
MOST_RECEIVERS, MOST_TICKETS = 5, 3


def sender_title(row: Delivery) -> str:
    """Return what the way of a delivery is called."""
    return SENDERS.get(row.sender, str(row.sender))


def receiver_of(session: Session, handbook: Handbook, row: Delivery) -> str:
    """Name the receiver without their number: the customer's channel, or role and team."""
    if row.sender == CUSTOMER:
        conversation = session.get(Conversation, row.target)
        return f"客户（{channel_title(conversation.channel) if conversation else '会话不存在'}）"
    role, team = row.payload.get("role", ""), row.payload.get("team") or ""
    known = handbook.teams
    return " ".join(filter(None, (known[team].title if team in known else team, ROLES.get(role, role))))


def tell_dead_letters(session: Session, handbook: Handbook, *, now: datetime) -> Notice | None:
    """Tell once of all that was given up since the last time, unless that was just now."""
    rule = handbook.clock.escalation.dead_letters
    letters = (
        session.execute(
            select(Delivery)
            .where(Delivery.state == DEAD, Delivery.told_at.is_(None), Delivery.sender != CONSOLE)
            .order_by(Delivery.id)
            .with_for_update(skip_locked=True)
        )
        .scalars()
        .all()
    )
    if not letters:
        return None
    last = session.execute(
        select(func.max(Delivery.told_at)).where(Delivery.state == DEAD)
    ).scalar_one()
    if last is not None and last > now - rule.every:
        return None
    tickets = _tickets(session, letters)
    teams = {
        tickets[row.ticket_id].team if row.ticket_id else row.payload.get("team") for row in letters
    }
    for row in letters:
        row.told_at = now
    return notify_staff(
        session, key=f"dead_letters:{letters[0].delivery_id}:{now.isoformat()}", kind="dead_letter",
        level="warning", role=rule.tell, team=teams.pop() if len(teams) == 1 else None, now=now,
        text=_words(session, handbook, letters, tickets),
    )


def _tickets(session: Session, letters: list[Delivery]) -> dict[int, Ticket]:
    ids = {row.ticket_id for row in letters if row.ticket_id}
    return {each: session.get(Ticket, each) for each in ids}


def _words(
    session: Session, handbook: Handbook, letters: list[Delivery], tickets: dict[int, Ticket]
) -> str:
    """Write who did not receive how many, by which way and of which tickets."""
    groups: dict[str, list[Delivery]] = {}
    for row in letters:
        name = receiver_of(session, handbook, row)
        way = "" if row.sender == CUSTOMER else f"（{sender_title(row)}）"
        groups.setdefault(f"{name}{way}", []).append(row)
    parts = []
    for name, rows in list(groups.items())[:MOST_RECEIVERS]:
        numbers = list(dict.fromkeys(tickets[row.ticket_id].number for row in rows if row.ticket_id))
        more = "等" if len(numbers) > MOST_TICKETS else ""
        named = f"，工单{'、'.join(numbers[:MOST_TICKETS])}{more}" if numbers else ""
        parts.append(f"发给{name}的{len(rows)}封{named}")
    more = "；还有其他收件人" if len(groups) > MOST_RECEIVERS else ""
    return f"有{len(letters)}封通知未送达，已停止重试：{'；'.join(parts)}{more}。请在“发件箱”页查看原因并重新发送。"
