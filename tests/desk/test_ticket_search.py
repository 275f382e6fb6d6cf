"""Chapter 3.3: pages of the ticket table hold every ticket once, in order, whatever the filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.desk.ticket_search import Filters, find_tickets
from bot.desk.tickets import take_step
from bot.handbook.tables import Handbook
from bot.storage.tickets import Ticket

KINDS = ("fault_broadband", "bill_dispute", "plan_change", "bill_query")
TEAMS = frozenset({"network", "billing"})


@pytest.fixture
def tickets(session: Session, make_ticket: Callable[..., Ticket]) -> list[Ticket]:
    """Open twenty tickets of four types; every third is in work, every fifth is held by 7."""
    made = [make_ticket(session, type=KINDS[n % 4]) for n in range(20)]
    for n, ticket in enumerate(made):
        ticket.state = "processing" if n % 3 == 0 else "accepted"
        ticket.holder_id = 7 if n % 5 == 0 else None
    session.flush()
    return made


def pages(
    session: Session, filters: Filters, allowed: frozenset[str] | None = None
) -> list[list[int]]:
    """Turn the pages until the end."""
    found, cursor = [], None
    while True:
        page = find_tickets(
            session, filters, secret="s", cursor=cursor, most=4, allowed=allowed, own=7
        )
        found.append([ticket.id for ticket in page.tickets])
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", ["newest", "due"])
@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, lambda t: True),
        ({"states": ("processing", "accepted")}, lambda t: True),
        ({"types": KINDS[:2]}, lambda t: t.type in KINDS[:2]),
        (
            {"types": KINDS[:3], "states": ("processing", "on_hold")},
            lambda t: t.type in KINDS[:3] and t.state == "processing",
        ),
    ],
)
def test_every_ticket_that_fits_is_on_one_page(
    session: Session,
    tickets: list[Ticket],
    sort: str,
    filters: dict,
    fits: Callable[[Ticket], bool],
) -> None:
    found = pages(session, Filters(sort=sort, **filters))
    wanted = [t.id for t in tickets if fits(t)]

    assert [4] * (len(found) - 1) == [len(page) for page in found[:-1]]
    assert (wanted if sort == "due" else wanted[::-1]) == [id_ for page in found for id_ in page]


def test_of_other_teams_only_what_is_held_is_shown(
    session: Session, tickets: list[Ticket]
) -> None:
    found = [id_ for page in pages(session, Filters(), allowed=TEAMS) for id_ in page]

    assert [t.id for t in tickets if t.team in TEAMS or t.holder_id == 7][::-1] == found
    assert {t.team for t in tickets} - TEAMS


def test_a_promised_call_comes_before_what_is_due_later_until_it_is_made(
    session: Session, tickets: list[Ticket], handbook: Handbook
) -> None:
    late, *_, promised, last = tickets
    steps = {"who": "staff", "actor_id": 7}
    now = promised.accepted_at
    for ticket, hours in ((last, 2), (promised, 1)):
        by = now + timedelta(hours=hours)
        take_step(session, handbook, ticket, "promise", now=now, by=by, **steps)
    found = [id_ for page in pages(session, Filters(sort="due")) for id_ in page]
    assert [promised.id, last.id, late.id] == found[:3]
    assert sorted(t.id for t in tickets) == sorted(found)

    called = now + timedelta(minutes=50)
    take_step(session, handbook, promised, "contact", now=called, reason="已致电", **steps)
    found = [id_ for page in pages(session, Filters(sort="due")) for id_ in page]
    assert last.id == found[0]
    # Answered and called, only its solution is owed; of the others also the response.
    assert promised.next_due_at == promised.resolution_due_at


def test_the_words_of_a_ticket_wait_in_no_list_that_a_search_reads_through(
    session: Session, make_ticket: Callable[..., Ticket]
) -> None:
    ticket = make_ticket(session, facts={"address": "专线机房三楼"})

    found = find_tickets(session, Filters(wanted="专线机房"), secret="s").tickets
    assert [one.id for one in found] == [ticket.id]
    if session.get_bind().dialect.name == "postgresql":
        waiting = text("SELECT gin_clean_pending_list('ix_ticket_texts_words')")
        assert session.execute(waiting).scalar_one() == 0
