"""Calendars that change: open tickets keep their hours; the same version with other hours is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import sessionmaker

from bot import check
from bot.desk.clock import sweep
from bot.desk.kept_calendars import ChangedCalendar, check_kept, keep_calendars, with_kept
from bot.desk.replays import replay_all
from bot.desk.tickets import find_ticket, open_ticket, take_step
from bot.handbook.hours import calendar_of, read_content
from bot.handbook.requests import Urgency
from bot.handbook.tables import TABLES, Handbook, load_handbook
from bot.storage.clock import KeptCalendar
from bot.storage.conversations import Conversation
from tests.moments import at, wall

EVE = at("2026-12-31 16:00")
NEW_YEAR = "- year: 2027\n  off: [2027-01-01, 2027-01-02, 2027-01-03]\n  working: [2027-01-09]\n"


def tables_of(folder: Path, *changes: tuple[str, str], more: str = "") -> Handbook:
    """Load tables whose general class runs by office hours, after these changes of the hours."""
    shutil.copytree(TABLES, folder, dirs_exist_ok=True)
    path = folder / "hours.yml"
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text + more, "utf-8")
    handbook = load_handbook(folder)
    general = replace(handbook.classes["general"], hours="office")
    return replace(handbook, classes={**handbook.classes, "general": general})


RAISED = ("title: 工作时间\n  version: 1", "title: 工作时间\n  version: 2")


def opened(sessions: sessionmaker, handbook: Handbook, conversation: Conversation, key: str) -> tuple[str, str]:
    """Open a ticket on New Year's Eve; return its number and when it is due."""
    with sessions.begin() as session:
        ticket, _ = open_ticket(
            session, handbook, conversation=conversation, type="fault_broadband", urgency=Urgency.GENERAL,
            summary="家里宽带断了", facts={"address": "城关区幸福小区3号楼"}, signals=[], key=key, now=EVE,
        )
        return ticket.number, wall(ticket.resolution_due_at)


def started(sessions: sessionmaker, handbook: Handbook) -> Handbook:
    """Return the tables as a process that starts now uses them."""
    with sessions.begin() as session:
        return keep_calendars(session, handbook, now=EVE)


@pytest.fixture
def conversation(sessions: sessionmaker, make_conversation: Callable[..., Conversation]) -> Conversation:
    with sessions.begin() as session:
        return make_conversation(session)


def test_next_years_holidays_under_a_higher_version_leave_open_tickets_as_they_were(
    engine: Engine, sessions: sessionmaker, tmp_path: Path, conversation: Conversation
) -> None:
    before = started(sessions, tables_of(tmp_path / "old"))
    number, due = opened(sessions, before, conversation, "a")

    after = started(sessions, tables_of(tmp_path / "new", RAISED, more=NEW_YEAR))
    _, due_later = opened(sessions, after, conversation, "b")
    with sessions.begin() as session:
        take_step(session, after, find_ticket(session, number), "claim", who="staff", actor_id=7, now=EVE)
    assert sweep(sessions, after, now=at("2027-01-05 09:00")).failed == 0

    with sessions() as session:
        kept = find_ticket(session, number)
        assert wall(kept.resolution_due_at) == due < due_later
    done = replay_all(engine, after, now=at("2027-01-05 09:00"))
    assert (done.tickets, done.differences) == (2, [])


@pytest.mark.parametrize(
    ("change", "more", "named"),
    [
        (("2026-10-07]", "2026-10-07, 2026-12-31]"), "", " on 2026-12-31 "),
        (("title: 工作时间", "title: 上班时间"), NEW_YEAR, " on 2027-01-01, 2027-01-02, 2027-01-03, 2027-01-09 "),
        (('fri: ["08:30-12:00", "14:00-18:00"]', 'fri: ["08:30-12:00"]'), "", " under version 1,"),
    ],
    ids=["a day", "a year", "a week"],
)
def test_a_change_without_a_higher_version_is_refused_and_says_the_way_out(
    engine: Engine, sessions: sessionmaker, tmp_path: Path, change: tuple[str, str], more: str, named: str
) -> None:
    started(sessions, tables_of(tmp_path / "old"))
    changed = tables_of(tmp_path / "new", change, more=more)

    with pytest.raises(ChangedCalendar) as error:
        started(sessions, changed)
    with pytest.raises(ChangedCalendar):
        check_kept(engine, changed)

    said = str(error.value)
    assert said.startswith("data/handbook/hours.yml: calendar office changed") and named in said
    assert "set `version: 2` on this calendar" in said and "take the change back" in said


def test_a_title_may_change_and_a_calendar_no_class_runs_by_may_too(sessions: sessionmaker, tmp_path: Path) -> None:
    started(sessions, load_handbook())

    with sessions() as session:
        assert session.execute(select(KeptCalendar.key)).scalars().all() == ["always@1"]
    started(sessions, tables_of(tmp_path / "holidays", more=NEW_YEAR))
    started(sessions, tables_of(tmp_path / "title", ("title: 工作时间", "title: 上班时间"), more=NEW_YEAR))


def test_who_goes_back_to_an_older_table_opens_tickets_by_that_one(
    sessions: sessionmaker, tmp_path: Path, conversation: Conversation
) -> None:
    older = tables_of(tmp_path / "old")
    _, due = opened(sessions, started(sessions, older), conversation, "a")
    started(sessions, tables_of(tmp_path / "new", RAISED, more=NEW_YEAR))

    again = started(sessions, older)

    assert opened(sessions, again, conversation, "b")[1] == due
    assert "office@2" in again.clock.calendars


def test_a_kept_calendar_has_the_hours_it_had(handbook: Handbook) -> None:
    office = calendar_of(handbook.clock.calendars, "office")

    back = read_content(office.id, office.version, office.content())

    assert back.key == office.key
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(365)]
    assert [back.periods_on(day) for day in days] == [office.periods_on(day) for day in days]


def test_intake_check_compares_with_the_database_and_makes_none(
    sessions: sessionmaker, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTAKE_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("INTAKE_DATABASE_URL", raising=False)
    assert (check._calendars(), (tmp_path / "nothing").exists()) == ("no database yet to compare with", False)

    started(sessions, tables_of(tmp_path / "old"))
    monkeypatch.setenv("INTAKE_DATABASE_URL", database_url)
    assert check._calendars() == "2 versions in the database agree"

    monkeypatch.setattr(check, "load_handbook", lambda: tables_of(tmp_path / "new", more=NEW_YEAR))
    with pytest.raises(ChangedCalendar, match="calendar office changed"):
        check._calendars()


def test_tables_without_a_start_find_what_the_database_keeps(sessions: sessionmaker, tmp_path: Path) -> None:
    started(sessions, tables_of(tmp_path / "old"))

    with sessions() as session:
        known = with_kept(session, tables_of(tmp_path / "new", RAISED, more=NEW_YEAR))

    assert {"office@1", "office@2"} <= known.clock.calendars.keys()
    assert calendar_of(known.clock.calendars, "office").version == 2
