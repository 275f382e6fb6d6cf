"""The migration to facts with their reopening and their person: old rows become what the log gives now."""

from __future__ import annotations

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy import select, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import sessionmaker

from bot.desk.clock import sweep
from bot.desk.figure_days import close_days
from bot.desk.replays import replay_all
from bot.desk.tickets import record_human_response, take_step
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import LateFact
from bot.storage.engine import MIGRATIONS, migrate
from bot.storage.tickets import Ticket
from tests.moments import at


def test_facts_of_before_are_brought_to_what_the_log_gives_now(
    sessions: sessionmaker, engine: Engine, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session)
        steps = {"who": "staff", "actor_id": 8}
        take_step(session, handbook, ticket, "claim", now=at("2026-03-02 09:10"), **steps)
        record_human_response(session, handbook, ticket, staff_id=5, now=at("2026-03-02 09:20"))
        for day in (2, 3):
            take_step(session, handbook, ticket, "resolve", now=at(f"2026-03-0{day} 10:00"), reason="已修复", **steps)
            take_step(session, handbook, ticket, "reopen", now=at(f"2026-03-0{day} 11:00"), who="customer", reason="又断了")
        id_ = ticket.id
    sweep(sessions, handbook, now=at("2026-03-04 00:01"))
    with sessions.begin() as session:
        close_days(session, handbook, now=at("2026-03-04 00:02"))
    try:
        go_back(engine, id_)
    finally:
        migrate(engine)
    with sessions.begin() as session:
        assert session.execute(select(LateFact.day)).scalars().all() == ["2026-03-02", "2026-03-03"]
        close_days(session, handbook, now=at("2026-03-04 00:12"))

    assert replay_all(engine, handbook, now=at("2026-03-04 00:13")).differences == []


def test_kept_promises_of_before_count_for_who_kept_them(
    sessions: sessionmaker, engine: Engine, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        ticket = make_ticket(session, type="complaint_service")
        for step, when, actor, more in (
            ("claim", "09:10", 8, {}), ("promise", "09:20", 8, {"by": at("2026-03-02 12:00")}),
            ("contact", "11:00", 5, {"reason": "已致电"}), ("answer", "15:00", 6, {"reason": "已书面答复"}),
        ):
            take_step(session, handbook, ticket, step, who="staff", actor_id=actor, now=at(f"2026-03-02 {when}"), **more)
    facts = text("SELECT name, holder_id FROM ticket_outcomes WHERE name IN ('callback', 'complaint') ORDER BY name")
    with engine.begin() as connection:
        assert connection.execute(facts).all() == [("callback", 5), ("complaint", 6)]
    sweep(sessions, handbook, now=at("2026-03-04 00:01"))
    with sessions.begin() as session:
        close_days(session, handbook, now=at("2026-03-04 00:02"))
    try:
        command.downgrade(config_of(engine), "0008_late_facts")
        with engine.begin() as connection:
            connection.execute(text("UPDATE ticket_outcomes SET holder_id = 8 WHERE name IN ('callback', 'complaint')"))
            connection.execute(text("UPDATE figure_days SET \"group\" = '8' WHERE \"by\" = 'person' AND name IN ('callback_rate', 'complaint_rate')"))
    finally:
        migrate(engine)
    with sessions.begin() as session:
        close_days(session, handbook, now=at("2026-03-04 00:12"))

    assert replay_all(engine, handbook, now=at("2026-03-04 00:13")).differences == []


def test_tickets_of_before_get_what_their_clocks_say_is_due_first(
    sessions: sessionmaker, engine: Engine, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        for step, more in (
            ("promise", {"by": at("2026-03-02 12:00")}), ("hold", {"hold_reason": "customer"}),
            ("resolve", {"reason": "已修复"}),
        ):
            ticket = make_ticket(session, urgency=Urgency.MAJOR)
            steps = {"who": "staff", "actor_id": 8, "now": at("2026-03-02 09:20")}
            take_step(session, handbook, ticket, "claim", **steps)
            take_step(session, handbook, ticket, step, **steps, **more)
    try:
        command.downgrade(config_of(engine), "0009_kept_promises")
    finally:
        migrate(engine)

    assert replay_all(engine, handbook, now=at("2026-03-02 09:30")).differences == []


def config_of(engine: Engine) -> Config:
    """Return how alembic reaches the database."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def go_back(engine: Engine, ticket_id: int) -> None:
    """Bring the database to the revision before, with facts as they were stored then."""
    command.downgrade(config_of(engine), "0004_outcomes")
    with engine.begin() as connection:
        rows = connection.execute(
            text("SELECT id, name, at, deadline_class, team, type FROM ticket_outcomes ORDER BY place")
        ).all()
        connection.execute(text("UPDATE ticket_outcomes SET holder_id = 8, place = place + 100"))
        place = 0
        for id_, name, moment, *group in rows:
            connection.execute(text("UPDATE ticket_outcomes SET place = :place WHERE id = :id"), {"place": place, "id": id_})
            place += 1
            if name == "resolved":
                values = dict(zip(("class_", "team", "type"), group, strict=True))
                connection.execute(
                    text(
                        "INSERT INTO ticket_outcomes (ticket_id, place, name, at, value, deadline_class, team, type)"
                        " VALUES (:ticket, :place, 'reopened', :at, :value, :class_, :team, :type)"
                    ),
                    {"ticket": ticket_id, "place": place, "at": moment, "value": 1 / 24, **values},
                )
                place += 1
