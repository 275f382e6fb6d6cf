"""`intake staff`: open, change, close and reset accounts (客服账号) from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from sqlalchemy.orm import Session

from bot.desk import staff as accounts
from bot.desk.figures import day_of
from bot.desk.qualifications import set_qualification
from bot.handbook.errors import DeskError, NotFound
from bot.handbook.reception_tables import load_access, load_reception
from bot.handbook.tables import load_handbook
from bot.settings import load_settings
from bot.storage.engine import migrate, open_engine, session_factory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    add = verbs.add_parser("add", help="open an account; prints its first password")
    add.add_argument("name")
    add.add_argument("--role", default="staff", help="staff, leader, trainer, inspector or admin")
    add.add_argument("--title", default="", help="name shown to customers and colleagues")
    add.add_argument(
        "--team", action="append", default=[], help="may be given several times; none: every team"
    )
    add.add_argument("--password", help="instead of a generated one")
    add.add_argument("--capacity", type=int, help="conversations held at once")
    for verb, help_text in (
        ("disable", "close an account"),
        ("reset", "set a new password; prints it"),
    ):
        verbs.add_parser(verb, help=help_text).add_argument("name")
    verbs.add_parser("list", help="show all accounts")
    qualify = verbs.add_parser("qualify", help="record a certificate or its renewal")
    qualify.add_argument("name")
    qualify.add_argument("skill")
    qualify.add_argument("until", type=day_of, help="YYYY-MM-DD")


@contextmanager
def opened() -> Iterator[Session]:
    """Open the installation's database in one transaction."""
    engine = open_engine(load_settings().database_url)
    migrate(engine)
    with session_factory(engine).begin() as session:
        yield session
    engine.dispose()


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    now = datetime.now(timezone.utc)
    with opened() as session:
        _DOES[arguments.what](session, arguments, now)
    return 0


def _add(session: Session, arguments: argparse.Namespace, now: datetime) -> None:
    teams = load_handbook().teams
    for team in arguments.team:
        if team not in teams:
            raise NotFound(f"no team {team}; teams: {', '.join(teams)}", team=team)
    if arguments.capacity is not None and arguments.capacity < 1:
        raise DeskError("bad_request", f"--capacity: expected 1 or more, got {arguments.capacity}")
    password = arguments.password or accounts.new_password(arguments.name)
    staff = accounts.add_staff(
        session,
        load_access(),
        name=arguments.name,
        password=password,
        role=arguments.role,
        title=arguments.title,
        teams=arguments.team,
        now=now,
        capacity=arguments.capacity or load_reception().capacity,
    )
    print(f"{staff.name} ({staff.role}) opened")
    shown = f"password: {password}  (" if arguments.password is None else "(the password is "
    print(f"{shown}to be changed at the first sign-in)")


def _disable(session: Session, arguments: argparse.Namespace, now: datetime) -> None:
    accounts.disable_staff(session, accounts.find_staff(session, arguments.name), now=now)
    print(f"{arguments.name} closed")


def _reset(session: Session, arguments: argparse.Namespace, now: datetime) -> None:
    password = accounts.reset_password(
        session, accounts.find_staff(session, arguments.name), now=now
    )
    print(f"password: {password}  (to be changed at the next sign-in)")


def _list(session: Session, arguments: argparse.Namespace, now: datetime) -> None:
    for staff in session.query(accounts.Staff).order_by(accounts.Staff.id):
        state = "closed" if staff.disabled_at else "open"
        print(
            f"{staff.name}\t{staff.role}\t{','.join(staff.teams) or 'all'}\t{state}\t{staff.title}"
        )


def _qualify(session: Session, arguments: argparse.Namespace, now: datetime) -> None:
    skills = load_reception().skills
    if arguments.skill not in skills:
        raise NotFound(
            f"no skill {arguments.skill}; skills: {', '.join(skills)}", skill=arguments.skill
        )
    staff = accounts.find_staff(session, arguments.name)
    set_qualification(session, staff, skill=arguments.skill, expires_on=arguments.until, now=now)
    print(f"{arguments.name}: {arguments.skill} until {arguments.until}")


_DOES = {"add": _add, "disable": _disable, "reset": _reset, "list": _list, "qualify": _qualify}
