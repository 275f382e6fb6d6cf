"""Accounts (账号): open, change, close, reset, qualify."""

from __future__ import annotations

from datetime import date
from typing import Any

from sanic.response import HTTPResponse
from sqlalchemy.orm import Session

from bot.console.fields import day_of
from bot.console.people_api import audited
from bot.console.routing import Ask, Field, Section, ok
from bot.desk import staff as accounts
from bot.desk.qualifications import set_qualification
from bot.handbook.errors import DeskError, NotFound
from bot.storage.staff import Staff

section = Section("accounts")


@section.endpoint("GET", "/accounts", "All accounts", "staff_manage")
async def list_accounts(ask: Ask) -> dict[str, Any]:
    """List accounts, closed ones too."""

    def look(session: Session) -> dict[str, Any]:
        rows = session.query(Staff).order_by(Staff.id).all()
        return {"accounts": [_account(s) for s in rows]}

    return await ask.look(look)


def _account(staff: Staff) -> dict[str, Any]:
    return {
        "id": staff.id,
        "name": staff.name,
        "title": staff.title,
        "role": staff.role,
        "teams": staff.teams,
        "capacity": staff.capacity,
        "disabled_at": staff.disabled_at,
        "locked_until": staff.locked_until,
        "seen_at": staff.seen_at,
        "created_at": staff.created_at,
        "must_change_password": bool(staff.must_change),
    }


@section.endpoint(
    "POST",
    "/accounts",
    "Open an account; the answer holds its first password once",
    "staff_manage",
    body=[
        Field("name", required=True, most=64),
        Field("role", required=True, most=16),
        Field("title", most=64),
        Field("teams", "texts"),
        Field("password", most=200),
        Field("capacity", "whole"),
    ],
)
async def open_account(ask: Ask) -> HTTPResponse:
    """Open an account with a generated or given password that must be changed."""
    teams = _known_teams(ask, ask.body.get("teams", []))
    password = ask.body.get("password") or accounts.new_password(ask.body["name"])

    def work(session: Session) -> dict[str, Any]:
        staff = accounts.add_staff(
            session,
            ask.tables.access,
            name=ask.body["name"].strip(),
            password=password,
            role=ask.body["role"],
            title=ask.body.get("title", ""),
            teams=teams,
            now=ask.now,
            by=ask.caller,
            capacity=min(ask.body.get("capacity", ask.tables.reception.capacity), 50),
        )
        return _account(staff)

    account = await ask.work(work)
    return ok({"account": account, "password": password}, status=201)


def _known_teams(ask: Ask, teams: list[str]) -> list[str]:
    for team in teams:
        if team not in ask.desk.handbook.teams:
            raise NotFound("没有这个团队", team=team, known=list(ask.desk.handbook.teams))
    return teams


@section.endpoint(
    "POST",
    "/accounts/<id:int>",
    "Change role, teams, title or qualification; close or reopen an account",
    "staff_manage",
    body=[
        Field("role", most=16),
        Field("title", most=64),
        Field("teams", "texts"),
        Field("disabled", "flag"),
        Field("reset_password", "flag"),
        Field("skill", most=40),
        Field("until", most=10, about="YYYY-MM-DD"),
    ],
)
async def change_account(ask: Ask, id: int) -> dict[str, Any]:
    """Change an account; never close or demote one's own."""
    body = ask.body
    if body.get("role") and body["role"] not in ask.tables.access.roles:
        raise NotFound("没有这个角色", role=body["role"], known=list(ask.tables.access.roles))
    if id == ask.caller.id and (
        body.get("disabled") or body.get("role", ask.caller.role) != ask.caller.role
    ):
        raise DeskError("invalid", "不能停用自己或改变自己的角色", field="disabled")
    until = day_of(body.get("until"))
    if body.get("skill") and (body["skill"] not in ask.tables.reception.skills or until is None):
        raise NotFound(
            "没有这个资质，或缺少有效期",
            skill=body["skill"],
            known=list(ask.tables.reception.skills),
        )
    teams = None if "teams" not in body else _known_teams(ask, body["teams"])

    def work(session: Session) -> dict[str, Any]:
        staff = session.get(Staff, id) if 0 < id < 2**31 else None
        if staff is None:
            raise NotFound("没有这个账号", account=id)
        return _change(session, ask, staff, teams, until)

    return await ask.work(work)


def _change(
    session: Session, ask: Ask, staff: Staff, teams: list[str] | None, until: date | None
) -> dict[str, Any]:
    body, result = ask.body, {}
    if body.get("role") or body.get("title") or teams is not None:
        staff.role, staff.title = body.get("role", staff.role), body.get("title", staff.title)
        staff.teams = staff.teams if teams is None else sorted(teams)
        audited(session, ask, "staff_changed", staff, {"role": staff.role, "teams": staff.teams})
    if body.get("skill") and until is not None:
        set_qualification(
            session, staff, skill=body["skill"], expires_on=until, now=ask.now, by=ask.caller
        )
    if body.get("disabled") is True:
        accounts.disable_staff(session, staff, now=ask.now, by=ask.caller)
    elif body.get("disabled") is False:
        staff.disabled_at = None
        audited(session, ask, "staff_enabled", staff, {})
    if body.get("reset_password"):
        result["password"] = accounts.reset_password(session, staff, now=ask.now, by=ask.caller)
    return {"account": _account(staff), **result}
