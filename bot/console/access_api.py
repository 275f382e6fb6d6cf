"""Sign-in (登录): cookie and CSRF token, password change, sign-out, who am I."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sanic.response import HTTPResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.console.routing import COOKIE, CSRF_HEADER, Ask, Field, Section, ok
from bot.desk import staff as accounts
from bot.desk.sign_in_tries import (
    check_not_locked,
    forget_failures,
    note_failure,
    reserve_try,
)
from bot.desk.staff import Caller
from bot.handbook.access import AccountLocked, SignInRefused
from bot.handbook.errors import Refusal
from bot.storage.staff import Staff

section = Section("access")
MOST_ADDRESSES = 10_000


class TooManySignIns(Refusal):
    """Slow down a caller who tries many names."""

    code = "rate_limited"


@section.endpoint(
    "POST",
    "/sign-in",
    "Sign in; sets the session cookie and returns the CSRF token",
    signed_in=False,
    body=[Field("name", required=True, most=64), Field("password", required=True, most=200)],
)
async def sign_in(ask: Ask) -> HTTPResponse:
    """Check name and password; count failures, lock after too many."""
    limits, now, address = ask.tables.access.sign_in, ask.now, address_of(ask)
    name = ask.body["name"]
    await _check_password(ask, name, ask.body["password"], at="sign_in")

    def work(session: Session) -> tuple[str, Caller]:
        staff = accounts.find_staff(session, name)
        return accounts.open_sign_in(session, ask.tables.access, staff, address=address, now=now)

    token, caller = await ask.work(work)
    answer = ok({**me_json(caller, ask), "csrf_token": caller.csrf, "csrf_header": CSRF_HEADER})
    _set_cookie(ask, answer, token, max_age=int(limits.absolute_for / timedelta(seconds=1)))
    answer.headers[CSRF_HEADER] = caller.csrf
    return answer


async def _check_password(ask: Ask, name: str, password: str, *, at: str) -> None:
    """Raise unless the password is the account's; every try counts for address and account."""
    limits, address = ask.tables.access.sign_in, address_of(ask)
    tries = _tries(ask, address)
    # One after the other: what is counted is what was tried, and a team that begins its shift
    # together waits its turn instead of being refused.
    async with tries.turn:
        if tries.in_last_minute() >= limits.per_minute:
            raise TooManySignIns(
                "登录失败太频繁，请稍等一分钟再试", limit_per_minute=limits.per_minute
            )
        # Counted first: who hangs up before the answer has tried all the same.
        tries.failed.append(at_s := asyncio.get_running_loop().time())
        refusal = await _refusal(ask, name, password)
        if refusal is None:
            tries.failed.remove(at_s)
            return
    await ask.work(
        lambda session: note_failure(session, name, limits, address=address, now=ask.now, at=at)
    )
    raise refusal


async def _refusal(ask: Ask, name: str, password: str) -> Exception | None:
    limits, now = ask.tables.access.sign_in, ask.now
    free = await ask.work(lambda session: reserve_try(session, name, limits, now=now))
    found = await ask.look(
        lambda session: session.execute(
            select(Staff).where(Staff.name == name)
        ).scalar_one_or_none()
    )
    try:
        check_not_locked(found, now=now)
    except AccountLocked as error:
        return error
    # Outside the event loop: a hash takes tens of milliseconds of work.
    fits = free and await asyncio.get_running_loop().run_in_executor(
        None, accounts.password_fits, found.password_hash if found else None, password
    )
    if not fits or found is None or found.disabled_at is not None:
        return SignInRefused("账号或密码不正确")
    return None


@dataclass
class Tries:
    """Hold when tries from one address failed, in this process; who tries has the turn.

    Only failures count: at the start of a shift a whole team signs in from one address.
    """

    failed: list[float] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def in_last_minute(self) -> int:
        """Return how many failed in the last minute, and forget older ones."""
        clock = asyncio.get_running_loop().time()
        self.failed[:] = [at for at in self.failed if clock - at < 60]
        return len(self.failed)


def _tries(ask: Ask, address: str) -> Tries:
    known: dict[str, Tries] = ask.request.app.ctx.__dict__.setdefault("failed_sign_ins", {})
    if len(known) > MOST_ADDRESSES:
        for each in [a for a, t in known.items() if not t.turn.locked() and not t.in_last_minute()]:
            del known[each]
    return known.setdefault(address, Tries())


def address_of(ask: Ask) -> str:
    """Return the caller's address; the proxy's word counts when the proxy is on this machine."""
    request = ask.request
    if request.ip in {"127.0.0.1", "::1"} and request.headers.get("X-Real-IP"):
        return str(request.headers["X-Real-IP"])[:64]
    return str(request.ip)[:64]


def _set_cookie(ask: Ask, answer: HTTPResponse, token: str, *, max_age: int) -> None:
    forwarded = ask.request.headers.get("X-Forwarded-Proto", "")
    answer.cookies[COOKIE] = token
    cookie = answer.cookies[COOKIE]
    cookie["httponly"], cookie["path"], cookie["samesite"] = True, "/", "Strict"
    cookie["max-age"] = max_age
    if ask.request.scheme == "https" or forwarded == "https":
        cookie["secure"] = True


def me_json(caller: Caller, ask: Ask) -> dict[str, Any]:
    """Return the account as its owner sees it."""
    role = ask.tables.access.roles[caller.role]
    return {
        "staff": {
            "id": caller.id,
            "name": caller.name,
            "title": caller.title,
            "role": caller.role,
            "role_title": role.title,
            "teams": sorted(caller.teams),
            "may": sorted(caller.may),
            "sees_all": caller.sees_all,
        },
        "must_change_password": caller.must_change,
    }


@section.endpoint("GET", "/me", "Who is signed in, with the CSRF token and the presence")
async def me(ask: Ask) -> dict[str, Any]:
    """Return the account, for a page that was loaded again."""
    staff = await ask.look(lambda session: session.get(Staff, ask.caller.id))
    return {
        **me_json(ask.caller, ask),
        "csrf_token": ask.caller.csrf,
        "csrf_header": CSRF_HEADER,
        "presence": staff.presence,
        "presence_reason": staff.presence_reason,
        "presence_since": staff.presence_since,
        "capacity": staff.capacity,
    }


@section.endpoint(
    "POST", "/sign-out", "Sign out here, or everywhere", body=[Field("everywhere", "flag")]
)
async def sign_out(ask: Ask) -> HTTPResponse:
    """End this sign-in, or all of the person's."""
    everywhere = ask.body.get("everywhere", False)
    ended = await ask.work(
        lambda session: accounts.sign_out(session, ask.caller, now=ask.now, everywhere=everywhere)
    )
    answer = ok({"ended": ended})
    _set_cookie(ask, answer, "", max_age=0)
    return answer


@section.endpoint(
    "POST",
    "/password",
    "Set a password of one's own; other sign-ins end",
    body=[Field("old", required=True, most=200), Field("new", required=True, most=200)],
)
async def change_password(ask: Ask) -> dict[str, Any]:
    """Change the password; a wrong old one counts like a failed sign-in."""
    name = ask.caller.name
    await _check_password(ask, name, ask.body["old"], at="password")
    await ask.work(lambda session: forget_failures(session, name))
    await ask.work(
        lambda session: accounts.change_password(
            session,
            ask.tables.access,
            ask.caller,
            old=ask.body["old"],
            new=ask.body["new"],
            now=ask.now,
        )
    )
    return {"changed": True}
