"""Chapter 3.3: the ticket table (工单列表): filters, search and keyset pages.

Every filter walks an index that ends in the ticket's id, so that the first page of a million
costs what the first page of a thousand does. Words are found through pairs of characters that
are indexed when somebody searches: tickets opened since are added first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, column, func, select, table, text
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from bot.desk.tickets import hash_phone
from bot.handbook.errors import Refusal
from bot.handbook.lifecycle import OPEN_STATES
from bot.storage.tickets import Ticket

PAGE = 50
INDEX_AT_ONCE = 5_000
# Transactions may commit out of the order of their ids: look back a little for latecomers.
LOOK_BACK = 500
_NUMBER = re.compile(r"[Tt]\d{0,8}(?:-\d{0,6})?$")
# Its key is named rowid in SQLite, ticket_id in PostgreSQL.
_WORDS = table("ticket_texts", column("rowid"), column("ticket_id"))
_WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")


class BadFilter(Refusal):
    """Name the filter that cannot be used."""

    code = "invalid"


@dataclass(frozen=True)
class Filters:
    """Hold what the table is filtered by; empty means no filter."""

    states: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    urgencies: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    holder: int | None = None
    incident: int | None = None
    wanted: str = ""
    sort: str = "newest"


@dataclass(frozen=True)
class Page:
    """Hold one page and the cursor of the next, or None at the end."""

    tickets: list[Ticket]
    cursor: str | None


def find_tickets(
    session: Session,
    filters: Filters,
    *,
    secret: str,
    cursor: str | None = None,
    most: int = PAGE,
    allowed: frozenset[str] | None = None,
    own: int | None = None,
) -> Page:
    """Return one page of tickets; `allowed` limits it to teams, besides what `own` holds."""
    if filters.sort == "due":
        return _by_due(
            session, filters, secret=secret, cursor=cursor, most=most, allowed=allowed, own=own
        )
    rows: dict[int, Ticket] = {}
    for part, limit in _single_walks(filters, allowed, own):
        query = _filtered(session, part, secret=secret, allowed=limit, own=own)
        rows |= {row.id: row for row in _newest(session, query, part, cursor=cursor, most=most)}
    found = [rows[id_] for id_ in sorted(rows, reverse=True)[: most + 1]]
    return Page(found[:most], str(found[most - 1].id) if len(found) > most else None)


def _single_walks(
    filters: Filters, allowed: frozenset[str] | None, own: int | None
) -> list[tuple[Filters, frozenset[str] | None]]:
    """Divide a filter of several values into walks of one value each, whose pages are merged.

    One query over several values would read and sort all that fit before the first page.
    """
    for name in ("states", "classes", "types", "urgencies", "teams"):
        values = dict.fromkeys(getattr(filters, name))
        if len(values) > 1:
            return [(replace(filters, **{name: (value,)}), allowed) for value in values]
    if allowed is None or filters.teams or filters.holder is not None or filters.wanted.strip():
        return [(filters, allowed)]
    walks = [replace(filters, teams=(team,)) for team in sorted(allowed)]
    if own is not None:
        walks.append(replace(filters, holder=own))
    return [(walk, None) for walk in walks]


def _newest(
    session: Session, query: Select, filters: Filters, *, cursor: str | None, most: int
) -> Iterable[Ticket]:
    # SQLite walks matches of words from the newest on only when told so by their own number.
    by_words = _asks_words(filters.wanted) and session.get_bind().dialect.name == "sqlite"
    place = _WORDS.c.rowid if by_words else Ticket.id
    if cursor:
        query = query.where(place < _number(cursor))
    return session.execute(query.order_by(place.desc()).limit(most + 1)).scalars()


def _by_due(
    session: Session,
    filters: Filters,
    *,
    secret: str,
    cursor: str | None,
    most: int,
    allowed: frozenset[str] | None,
    own: int | None,
) -> Page:
    """Return open tickets by what is owed first; each state has its own ordered index, merged here."""
    states = [
        state for state in sorted(OPEN_STATES) if not filters.states or state in filters.states
    ]
    after_due, after_id = _due_cursor(cursor) if cursor else (None, 0)
    found: list[Ticket] = []
    base = _filtered(session, filters, secret=secret, allowed=allowed, own=own)
    for state in states:
        query = base.where(Ticket.state == state)
        if after_due is not None:
            query = query.where(
                (Ticket.next_due_at > after_due)
                | ((Ticket.next_due_at == after_due) & (Ticket.id > after_id))
            )
        found += session.execute(
            query.order_by(Ticket.next_due_at, Ticket.id).limit(most + 1)
        ).scalars()
    found.sort(key=lambda ticket: (ticket.next_due_at, ticket.id))
    last = found[most - 1] if len(found) > most else None
    return Page(found[:most], f"{last.next_due_at.isoformat()}~{last.id}" if last else None)


def _due_cursor(cursor: str) -> tuple[datetime, int]:
    due, _, id_ = cursor.partition("~")
    try:
        moment = datetime.fromisoformat(due.replace(" ", "+"))
    except ValueError:
        raise BadFilter("cursor 无效，请从第一页开始", field="cursor") from None
    if moment.tzinfo is None:
        raise BadFilter("cursor 无效，请从第一页开始", field="cursor")
    return moment, _number(id_)


def _number(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 15:
        raise BadFilter("cursor 无效，请从第一页开始", field="cursor")
    return int(cursor)


def _filtered(
    session: Session,
    filters: Filters,
    *,
    secret: str,
    allowed: frozenset[str] | None,
    own: int | None,
) -> Select:
    query = select(Ticket)
    for attribute, values in (
        (Ticket.state, filters.states),
        (Ticket.deadline_class, filters.classes),
        (Ticket.type, filters.types),
        (Ticket.urgency, filters.urgencies),
        (Ticket.team, filters.teams),
    ):
        if len(values) == 1:
            query = query.where(attribute == values[0])
        elif values:
            query = query.where(attribute.in_(values))
    if filters.holder is not None:
        query = query.where(Ticket.holder_id == filters.holder)
    if filters.incident is not None:
        query = query.where(Ticket.incident_id == filters.incident)
    if allowed is not None and filters.holder != own:
        query = query.where(Ticket.team.in_(allowed) | (Ticket.holder_id == own))
    return (
        _searched(session, query, filters.wanted.strip(), secret)
        if filters.wanted.strip()
        else query
    )


def _asks_words(wanted: str) -> bool:
    digits = re.sub(r"[\s-]", "", wanted)
    phone = digits.isdigit() and 7 <= len(digits) <= 13
    return bool(wanted.strip()) and not phone and not _NUMBER.match(wanted.strip())


def _searched(session: Session, query: Select, wanted: str, secret: str) -> Select:
    if _NUMBER.match(wanted):
        start = wanted.upper()
        return query.where(Ticket.number >= start, Ticket.number < start + "\uffff")
    digits = re.sub(r"[\s-]", "", wanted)
    if digits.isdigit() and 7 <= len(digits) <= 13:
        return query.where(Ticket.phone_hash == hash_phone(digits, secret=secret))
    index_new_tickets(session)
    words = search_words(wanted)
    if not words:
        raise BadFilter("请输入工单号、完整手机号，或两个以上汉字", field="q")
    if session.get_bind().dialect.name == "postgresql":
        found = text(
            "tickets.id IN (SELECT ticket_id FROM ticket_texts WHERE words @@ plainto_tsquery('simple', :words))"
        )
        return query.where(found.bindparams(words=" ".join(words)))
    # A join lets SQLite walk the matches from the newest on and stop after one page.
    terms = " AND ".join(f'"{word}"' for word in words)
    matches = text("ticket_texts MATCH :words").bindparams(words=terms)
    return query.join(_WORDS, _WORDS.c.rowid == Ticket.id).where(matches)


def search_words(said: str) -> list[str]:
    """Return the index words of a text: pairs of neighbouring characters, whole Latin words."""
    words: dict[str, None] = {}
    for part in _WORD.findall(said.lower()):
        if part.isascii():
            words[part] = None
        else:
            words.update(dict.fromkeys(part[i : i + 2] for i in range(len(part) - 1)))
    return list(words)


def index_new_tickets(session: Session, *, most: int = INDEX_AT_ONCE) -> int:
    """Add the tickets that are not in the word index yet; return how many were added."""
    postgres = session.get_bind().dialect.name == "postgresql"
    key = _WORDS.c.ticket_id if postgres else _WORDS.c.rowid
    top = session.execute(select(func.coalesce(func.max(key), 0))).scalar_one()
    start = max(top - LOOK_BACK, 0)
    rows = session.execute(
        select(Ticket.id, Ticket.summary, Ticket.facts)
        .where(Ticket.id > start, Ticket.id.not_in(select(key).where(key > start)))
        .order_by(Ticket.id)
        .limit(most)
    ).all()
    fresh = [
        {"id": row.id, "words": " ".join(search_words(f"{row.summary} {_plain(row.facts)}"))}
        for row in rows
    ]
    if fresh:
        session.execute(_INSERT_POSTGRES if postgres else _INSERT_SQLITE, fresh)
    return len(fresh)


_INSERT_POSTGRES = text(
    "INSERT INTO ticket_texts (ticket_id, words) VALUES (:id, to_tsvector('simple', :words))"
    " ON CONFLICT (ticket_id) DO NOTHING"
).bindparams(bindparam("id"), bindparam("words"))
_INSERT_SQLITE = text("INSERT INTO ticket_texts (rowid, words) VALUES (:id, :words)")
# Numbers of people are found by hash only, never by their digits.
_INDEXED_FACTS = ("address", "detail", "since")


def _plain(facts: dict[str, Any]) -> str:
    return " ".join(str(facts[name]) for name in _INDEXED_FACTS if facts.get(name))


def counts_by_state(session: Session, *, allowed: frozenset[str] | None = None) -> dict[str, int]:
    """Return how many open tickets there are in each state, for the board's headings."""
    query = (
        select(Ticket.state, func.count())
        .where(Ticket.state.in_(OPEN_STATES))
        .group_by(Ticket.state)
    )
    if allowed is not None:
        query = query.where(Ticket.team.in_(allowed))
    return dict(session.execute(query).all())


def related_tickets(session: Session, ticket: Ticket, *, most: int = 10) -> list[Ticket]:
    """Return the same customer's tickets and those of the same incident, newest first."""
    same = [Ticket.conversation_id == ticket.conversation_id] if ticket.conversation_id else []
    same += [Ticket.customer_id == ticket.customer_id] if ticket.customer_id else []
    same += [Ticket.phone_hash == ticket.phone_hash] if ticket.phone_hash else []
    same += [Ticket.incident_id == ticket.incident_id] if ticket.incident_id else []
    found: dict[int, Ticket] = {}
    # One query per reason, each on its own index; an OR would walk the whole table.
    for reason in same:
        rows = session.execute(
            select(Ticket)
            .where(reason, Ticket.id != ticket.id)
            .order_by(Ticket.id.desc())
            .limit(most)
        ).scalars()
        found |= {row.id: row for row in rows}
    return [found[id_] for id_ in sorted(found, reverse=True)[:most]]


def tickets_by_number(session: Session, numbers: Iterable[str]) -> list[Ticket]:
    """Return the tickets of those numbers, in the order given; unknown ones are left out."""
    wanted = list(dict.fromkeys(number.strip().upper() for number in numbers))
    rows = {
        t.number: t
        for t in session.execute(select(Ticket).where(Ticket.number.in_(wanted))).scalars()
    }
    return [rows[number] for number in wanted if number in rows]
