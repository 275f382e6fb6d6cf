"""Dead letters are told of at the console: one notice for all, never by a way that can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.dead_letters import tell_dead_letters
from bot.desk.notices import notify_staff, tell_customer
from bot.desk.outbox import DeliveryError, Outgoing, deliver_due, send_again
from bot.handbook.tables import Handbook
from bot.storage.notices import Delivery, Notice
from bot.storage.tickets import Ticket
from tests.moments import at

Make = Callable[..., Ticket]
NOW = at("2026-03-02 10:00")
PHONE = "139" + "0000" + "0021"


@dataclass(frozen=True)
class Refusing:
    """A sender whose receiver refuses for good."""

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        raise DeliveryError("refused", f"{outgoing.target} {PHONE}", permanent=True)


def give_up(sessions: sessionmaker, handbook: Handbook, *, now: datetime = NOW) -> int:
    """Carry out what is due with senders that all fail for good; return how many letters died."""
    senders = dict.fromkeys(("customer", "webhook", "mail"), Refusing())
    return deliver_due(sessions, handbook, senders, now=now).dead


def tell(sessions: sessionmaker, handbook: Handbook, *, now: datetime = NOW) -> str | None:
    with sessions.begin() as session:
        notice = tell_dead_letters(session, handbook, now=now)
        return notice and f"{notice.role} {notice.team or ''}: {notice.text}"


def warn(session: Session, key: str, team: str, *by: str) -> None:
    """Write a warning that leaves by the ways named."""
    notify_staff(session, key=key, kind="deadline", level="urgent", role="leader", team=team, text=f"来电{PHONE}", now=NOW, by=by)


def test_one_notice_says_what_failed_to_whom_and_where_to_send_it_again(sessions: sessionmaker, handbook: Handbook, make_ticket: Make) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session)
        number, team = ticket.number, ticket.team
        for name in ("utter_told_dispatched", "utter_told_resumed"):
            tell_customer(session, handbook, ticket, name, key=name, now=NOW)
        warn(session, "w", team, "mail")
    died = give_up(sessions, handbook)

    text = tell(sessions, handbook)

    title = handbook.teams[team].title
    assert text == (
        f"leader {team}: 有{died}封通知未送达，已停止重试：发给客户（网页）的{died - 1}封，工单{number}；"
        f"发给{title} 班长（邮件）的1封。请在“发件箱”页查看原因并重新发送。"
    )
    assert PHONE not in text


def test_letters_of_several_teams_are_one_notice_to_all_leaders(sessions: sessionmaker, handbook: Handbook) -> None:
    with sessions.begin() as session:
        warn(session, "a", "billing", "webhook", "mail")
        warn(session, "b", "network", "mail")
    give_up(sessions, handbook)

    assert str(tell(sessions, handbook)).startswith("leader : 有3封")


def test_a_letter_is_told_once_and_the_notice_makes_no_letter(sessions: sessionmaker, handbook: Handbook) -> None:
    with sessions.begin() as session:
        warn(session, "a", "billing", "mail")
    give_up(sessions, handbook)
    tell(sessions, handbook)

    again = [tell(sessions, handbook, now=NOW + timedelta(hours=n)) for n in range(1, 4)]

    assert again == [None] * 3
    assert give_up(sessions, handbook, now=NOW + timedelta(hours=4)) == 0
    with sessions() as session:
        assert len(session.execute(select(Delivery.id)).all()) == 1
        assert session.execute(select(Notice.kind).order_by(Notice.id)).scalars().all() == ["deadline", "dead_letter"]


def test_what_dies_soon_after_waits_for_the_next_notice(sessions: sessionmaker, handbook: Handbook) -> None:
    every = handbook.clock.escalation.dead_letters.every
    with sessions.begin() as session:
        warn(session, "a", "billing", "mail")
    give_up(sessions, handbook)
    tell(sessions, handbook)
    with sessions.begin() as session:
        warn(session, "b", "billing", "mail")
        warn(session, "c", "billing", "mail")
    give_up(sessions, handbook, now=NOW + timedelta(seconds=1))

    early = tell(sessions, handbook, now=NOW + every / 2)
    late = tell(sessions, handbook, now=NOW + every)

    assert (early, str(late)[:19]) == (None, "leader billing: 有2封")


def test_what_fails_again_after_it_was_sent_again_is_news(sessions: sessionmaker, handbook: Handbook) -> None:
    with sessions.begin() as session:
        warn(session, "a", "billing", "mail")
    give_up(sessions, handbook)
    tell(sessions, handbook)
    later = NOW + timedelta(hours=1)
    with sessions.begin() as session:
        send_again(session, session.execute(select(Delivery.delivery_id)).scalar_one(), now=later)
    give_up(sessions, handbook, now=later)

    assert tell(sessions, handbook, now=later) is not None


@pytest.mark.parametrize("state", ["pending", "sent", "skipped"])
def test_what_was_not_given_up_is_not_told(sessions: sessionmaker, handbook: Handbook, state: str) -> None:
    with sessions.begin() as session:
        warn(session, "a", "billing", "mail")
        session.execute(select(Delivery)).scalar_one().state = state

    assert tell(sessions, handbook) is None


def test_a_notice_that_the_console_itself_lost_is_not_told_by_the_console(sessions: sessionmaker, handbook: Handbook) -> None:
    with sessions.begin() as session:
        warn(session, "a", "billing", "mail")
        row = session.execute(select(Delivery)).scalar_one()
        row.sender, row.state = "console", "dead"

    assert tell(sessions, handbook) is None
