"""Chapters 5.1 and 6: quality figures (质量指标) over the records, each linked to its tickets."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from openpyxl import Workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from bot.desk.staff import staff_titles
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import DeskError
from bot.handbook.figures import KINDS, TITLES, Figure, figures, group_of, in_numerator
from bot.handbook.outcomes import CAUSES, Outcome
from bot.handbook.tables import Handbook
from bot.storage.clock import TicketClock, TicketOutcome
from bot.storage.conversations import Message
from bot.storage.tickets import Ticket

_COLUMNS = tuple(getattr(TicketOutcome, name) for name in Outcome._fields)


def day_of(text: str) -> date:
    """Read a day as it is typed, 2026-03-02; raise `DeskError` when it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 3000:
        raise DeskError("bad_day", f"{text}: expected a day like 2026-03-02")
    return day


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day of Shanghai begins and ends."""
    start = datetime.combine(day, time(), SHANGHAI).astimezone(timezone.utc)
    return start, start + timedelta(days=1)


def outcomes_between(
    session: Session, start: datetime, end: datetime, *, teams: Collection[str] | None = None
) -> list[Outcome]:
    """Return the facts of a span of time, of some teams only if given."""
    query = select(*_COLUMNS).where(TicketOutcome.at >= start, TicketOutcome.at < end)
    if teams is not None:
        query = query.where(TicketOutcome.team.in_(teams))
    return [Outcome(*row) for row in session.execute(query)]


def figures_between(
    session: Session, handbook: Handbook, *, start: datetime, end: datetime, now: datetime,
    teams: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return every figure of a span with its interval, the causes of breaches and what is at risk."""
    durable = handbook.clock.closure.durable_days
    facts = outcomes_between(session, start, end, teams=teams)
    causes: dict[str, int] = {}
    for fact in facts:
        if fact.ok is False and fact.cause:
            causes[fact.cause] = causes.get(fact.cause, 0) + 1
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "figures": [
            asdict(each) | {"title": TITLES[each.name][0], "meaning": TITLES[each.name][1]}
            for each in figures(facts, durable_days=durable)
        ],
        "breach_causes": [
            {"cause": cause, "title": CAUSES[cause], "count": count}
            for cause, count in sorted(causes.items(), key=lambda item: -item[1])
        ],
        "at_risk": at_risk(session, now=now, teams=teams),
        "bot_answers": bot_answers(session, start=start, end=end),
    }


def tickets_behind(
    session: Session, handbook: Handbook, *, name: str, by: str, group: str, start: datetime,
    end: datetime, numerator: bool | None = None, teams: Collection[str] | None = None,
) -> list[str]:
    """Return the numbers of all tickets that a figure counts (or those in its numerator or not)."""
    durable = handbook.clock.closure.durable_days
    query = (
        select(Ticket.number, *_COLUMNS)
        .join(TicketOutcome, TicketOutcome.ticket_id == Ticket.id)
        .where(
            TicketOutcome.at >= start, TicketOutcome.at < end, TicketOutcome.name == KINDS[name]
        )
        .order_by(TicketOutcome.at, Ticket.id)
    )
    if teams is not None:
        query = query.where(TicketOutcome.team.in_(teams))
    numbers: dict[str, None] = {}
    for number, *row in session.execute(query):
        fact = Outcome(*row)
        top = in_numerator(name, fact, durable_days=durable)
        if group_of(fact, by) == group and numerator in (None, top):
            numbers[number] = None
    return list(numbers)


def breaches_behind(
    session: Session, *, cause: str, start: datetime, end: datetime,
    teams: Collection[str] | None = None,
) -> list[str]:
    """Return the numbers of all tickets that missed a due time for a cause."""
    fact = TicketOutcome
    query = (
        select(Ticket.number)
        .join(fact, fact.ticket_id == Ticket.id)
        .where(fact.at >= start, fact.at < end, fact.ok.is_(False), fact.cause == cause)
        .order_by(fact.at, Ticket.id)
    )
    if teams is not None:
        query = query.where(fact.team.in_(teams))
    return list(dict.fromkeys(session.execute(query).scalars()))


def at_risk(
    session: Session, *, now: datetime, teams: Collection[str] | None = None, most: int = 200
) -> dict[str, Any]:
    """Return how many running clocks are at risk or late now, and the most pressing tickets."""
    query = _risk_query(now, teams)
    inner = query.subquery()
    late = session.execute(
        select(func.count()).select_from(inner).where(inner.c.due_at < now)
    ).scalar_one()
    count = session.execute(select(func.count()).select_from(inner)).scalar_one()
    rows = session.execute(query.order_by(TicketClock.due_at).limit(most))
    return {
        "at_risk": count - late,
        "late": late,
        "tickets": [
            {"number": number, "team": team, "clock": clock, "due_at": due.isoformat()}
            for number, team, clock, due in rows
        ],
    }


def tickets_at_risk(
    session: Session, *, late: bool, now: datetime, teams: Collection[str] | None = None
) -> list[str]:
    """Return the numbers of all tickets with a clock that is late, or at risk, now."""
    due = TicketClock.due_at < now if late else TicketClock.due_at >= now
    rows = session.execute(_risk_query(now, teams).where(due).order_by(TicketClock.due_at, Ticket.id))
    return list(dict.fromkeys(number for number, *_ in rows))


def _risk_query(now: datetime, teams: Collection[str] | None) -> Select:
    query = (
        select(Ticket.number, Ticket.team, TicketClock.clock, TicketClock.due_at)
        .join(Ticket, Ticket.id == TicketClock.ticket_id)
        .where(
            # Promised calls and answers to appeals go on after the solution, and after the end.
            TicketClock.ended_at.is_(None), TicketClock.risk_at <= now, TicketClock.clock != "hold",
            # A held resolution stands still; the other clocks of a held ticket run.
            (Ticket.state != "on_hold") | (TicketClock.clock != "resolution") | (TicketClock.due_at < now),
        )
    )
    return query if teams is None else query.where(Ticket.team.in_(teams))


def bot_answers(session: Session, *, start: datetime, end: datetime) -> dict[str, Any]:
    """Return how fast the bot answers; kept apart from every figure of people."""
    asked = select(Message.id, Message.created_at).where(
        Message.direction == "in", Message.created_at >= start, Message.created_at < end
    ).subquery()
    rows = session.execute(
        select(asked.c.created_at, func.min(Message.sent_at))
        .join(Message, Message.reply_to == asked.c.id)
        .where(Message.author == "bot", Message.state == "sent")
        .group_by(asked.c.id, asked.c.created_at)
    ).all()
    waits = sorted((_utc(sent) - asked_at).total_seconds() for asked_at, sent in rows)
    if not waits:
        return {"count": 0, "median_s": None, "p95_s": None}
    return {
        "count": len(waits), "median_s": round(waits[len(waits) // 2], 3),
        "p95_s": round(waits[min(int(len(waits) * 0.95), len(waits) - 1)], 3),
    }


def _utc(moment: datetime | str) -> datetime:
    # SQLite forgets the type of an aggregate.
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


_HEAD = ("指标", "口径", "分组", "组", "分子", "分母", "值", "下限", "上限")
_BY = {"all": "全部", "class": "时限等级", "team": "团队", "person": "人员", "type": "诉求类型"}


def with_titles(session: Session, handbook: Handbook, found: Sequence[Figure]) -> list[Figure]:
    """Return figures whose groups are called as people know them, for tables and downloads."""
    people = staff_titles(session, [int(f.group) for f in found if f.by == "person" and f.group])
    titles = {
        "class": {name: each.title for name, each in handbook.classes.items()},
        "team": {name: each.title for name, each in handbook.teams.items()},
        "type": {name: each.title for name, each in handbook.types.items()},
        # Two people may have one name.
        "person": {str(id_): f"{title}（{id_}）" for id_, title in people.items()} | {"": "未指派"},
    }
    return [replace(f, group=titles.get(f.by, {}).get(f.group, f.group)) for f in found]


def table_of(found: Sequence[Figure]) -> list[tuple[Any, ...]]:
    """Return figures as the lines of a table."""
    return [
        (
            *TITLES[each.name], _BY[each.by], each.group, each.numerator, each.denominator,
            *(None if number is None else round(number, 4) for number in (each.value, each.low, each.high)),
        )
        for each in found
    ]


def export_csv(found: Sequence[Figure]) -> bytes:
    """Write figures as CSV."""
    return csv_of(_HEAD, table_of(found))


def export_xlsx(found: Sequence[Figure]) -> bytes:
    """Write figures as an Excel workbook."""
    return xlsx_of(_HEAD, table_of(found), title="指标")


def csv_of(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> bytes:
    """Write a table as CSV that spreadsheet programs in China open as UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([_safe(cell) for cell in line] for line in lines)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def xlsx_of(head: Sequence[str], lines: Iterable[Sequence[Any]], *, title: str) -> bytes:
    """Write a table as an Excel workbook of one sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.append(list(head))
    for line in lines:
        sheet.append([_safe(cell) for cell in line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _safe(cell: Any) -> Any:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@" and cell else cell
