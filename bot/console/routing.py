"""The console's endpoints (接口): who may call, what a body holds, one table of errors.

Each endpoint states permission, fields and summary once; the check, the OpenAPI document and
the test that tries every endpoint with every role are made from that.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any, TypeVar

import structlog
from sanic import Blueprint
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse, json
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from bot.console.fields import Field
from bot.console.refusals import note_refusal
from bot.desk.messages import deliver_pending
from bot.desk.serving import Office
from bot.desk.staff import Caller, csrf_fits, find_caller, note_seen
from bot.handbook.access import Access, Forbidden, NotSignedIn, PasswordChangeNeeded
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import DeskError
from bot.handbook.reception import Reception
from bot.handbook.reception_tables import load_access, load_reception

log = structlog.get_logger()
T = TypeVar("T")
PREFIX = "/api/v1/staff"
COOKIE = "intake_staff"
CSRF_HEADER = "X-CSRF-Token"
# The page sets it on what it asks for after a key or a pointer was used.
INPUT_HEADER = "X-Intake-Input"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

STATUS = {
    "bad_request": 400,
    "unauthorized": 401,
    "sign_in_refused": 401,
    "forbidden": 403,
    "csrf": 403,
    "password_change_required": 403,
    "not_qualified": 403,
    "approval_refused": 403,
    "not_found": 404,
    "illegal_step": 409,
    "stale_holder": 409,
    "illegal_handoff": 409,
    "at_capacity": 409,
    "not_there": 409,
    "offered_to_other": 409,
    "name_taken": 409,
    "held_by_other": 409,
    "loses_promise": 409,
    "improvement_done": 409,
    "no_call_due": 409,
    "too_long": 413,
    "attachment_refused": 415,
    "missing_reason": 422,
    "language_blocked": 422,
    "weak_password": 422,
    "invalid": 422,
    "not_downgradable": 409,
    "gate_not_passed": 409,
    "another_runs": 409,
    "changed_meanwhile": 409,
    "incident_ended": 409,
    "account_locked": 423,
    "rate_limited": 429,
    "unavailable": 503,
}


@dataclass(frozen=True)
class Endpoint:
    """Hold what is known of one endpoint: for the check, the document and the tests."""

    method: str
    path: str
    summary: str
    permission: str | None
    body: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    upload: bool = False
    signed_in: bool = True
    # Where in the answer lists of what has a due time stand: `columns.tickets`; "" is itself.
    due_in: str | None = None


@dataclass(frozen=True)
class Tables:
    """Hold the console's tables, read once at the start."""

    access: Access
    reception: Reception


@lru_cache(maxsize=1)
def console_tables() -> Tables:
    """Read the tables of roles and reception."""
    return Tables(load_access(), load_reception())


@dataclass
class Ask:
    """Hold one request: who asks, with what, and the way to the database."""

    request: Request
    desk: Any
    tables: Tables
    caller: Caller
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """Return the present instant."""
        return self.desk.now()

    @property
    def office(self) -> Office:
        """Return what serving a conversation needs."""
        return Office(self.desk.handbook, self.tables.reception, self.desk.gate)

    @property
    def secret(self) -> str:
        """Return the installation's key."""
        return str(self.desk.settings.secret)

    async def work(self, job: Callable[[Session], T]) -> T:
        """Run database work that commits, before what no person waits for."""
        return await self.desk.turns.in_thread(job, urgent=True)

    async def look(self, job: Callable[[Session], T]) -> T:
        """Run database work that only reads and never waits for a writer."""
        return await look(self.desk, job)

    async def deliver(self, *conversation_ids: str | None) -> None:
        """Deliver after commit what was written, and wake customers' pages and consoles."""
        wanted = [id_ for id_ in dict.fromkeys(conversation_ids) if id_]

        def job(session: Session) -> None:
            for id_ in wanted:
                deliver_pending(session, id_, now=self.now)

        if wanted:
            await self.work(job)
        for id_ in wanted:
            self.desk.hub.publish(f"conversation:{id_}", {})
        self.desk.hub.publish("staff", {})


async def look(desk: Any, job: Callable[[Session], T]) -> T:
    """Run reading work outside the event loop."""
    found: T = await desk.turns.look(job)
    return found


Handler = Callable[..., Awaitable[Any]]


class Section:
    """Collect the endpoints of one subject on a blueprint."""

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(f"console_{name}", url_prefix=PREFIX)
        self.endpoints: list[Endpoint] = []

    def endpoint(
        self,
        method: str,
        path: str,
        summary: str,
        permission: str | None = None,
        *,
        body: Sequence[Field] = (),
        query: Sequence[Field] = (),
        upload: bool = False,
        signed_in: bool = True,
        due_in: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register a handler `async (ask, **path) -> data or HTTPResponse`."""
        known = Endpoint(
            method, path, summary, permission, tuple(body), tuple(query), upload, signed_in, due_in
        )

        def register(handler: Handler) -> Handler:
            self.endpoints.append(known)

            @wraps(handler)
            async def serve(request: Request, **path_values: Any) -> HTTPResponse:
                return await served(request, known, handler, path_values)

            serve.__name__ = f"{handler.__name__}_{method.lower()}"
            self.blueprint.add_route(serve, path, methods=[method])
            return handler

        return register


async def served(
    request: Request, endpoint: Endpoint, handler: Handler, path_values: dict[str, Any]
) -> HTTPResponse:
    """Check the caller, read the fields, run the handler, and answer in the envelope."""
    desk, tables = request.app.ctx.desk, console_tables()
    ask = Ask(request, desk, tables, NOBODY)
    try:
        if endpoint.signed_in:
            ask.caller = await _identified(ask, endpoint)
        ask.body = _fields(endpoint.body, _json(request)) if endpoint.body else {}
        ask.query = _fields(endpoint.query, {name: request.args.get(name) for name in request.args})
        data = await handler(ask, **path_values)
    except DeskError as error:
        await note_refusal(
            request,
            error,
            ask.caller,
            subject=f"{endpoint.method} {endpoint.path}",
            has_cookie=COOKIE in request.cookies,
        )
        return refused(error)
    except IntegrityError as error:
        log.warning("console.conflict", path=request.path, constraint=str(error.orig)[:200])
        return refused(DeskError("changed_meanwhile", "有人同时做了同样的操作，请刷新后再试"))
    except OperationalError:
        log.exception("console.database", path=request.path)
        return refused(DeskError("unavailable", "数据库繁忙，请稍后重试"))
    return data if isinstance(data, HTTPResponse) else ok(data)


NOBODY = Caller(0, "", "", "", frozenset(), False, frozenset())


async def _identified(ask: Ask, endpoint: Endpoint) -> Caller:
    token = ask.request.cookies.get(COOKIE)
    if not token:
        raise NotSignedIn("请先登录")
    caller, unseen = await ask.look(
        lambda session: find_caller(session, ask.tables.access, token, now=ask.now)
    )
    ask.caller = caller
    if endpoint.method not in SAFE and not csrf_fits(
        caller, ask.request.headers.get(CSRF_HEADER, "")
    ):
        raise DeskError("csrf", f"缺少或无效的 {CSRF_HEADER}，请刷新页面后重试", header=CSRF_HEADER)
    if caller.must_change and endpoint.path not in OPEN_BEFORE_CHANGE:
        raise PasswordChangeNeeded("首次登录请先修改密码")
    if endpoint.permission is not None:
        caller.require(endpoint.permission)
    # An open page reads by itself whenever something changes: that is nobody's presence of mind.
    renews = endpoint.method not in SAFE or INPUT_HEADER in ask.request.headers
    if unseen.person or (renews and unseen.sign_in):
        await ask.work(lambda session: note_seen(session, caller, now=ask.now, renews=renews))
    return caller


OPEN_BEFORE_CHANGE = frozenset({"/me", "/password", "/sign-out", "/tables"})


def _json(request: Request) -> dict[str, Any]:
    if not request.body:
        return {}
    try:
        body = request.json
    except SanicException:
        raise DeskError("bad_request", "请求体不是合法的 JSON") from None
    if not isinstance(body, dict):
        raise DeskError("bad_request", "请求体应为 JSON 对象")
    return body


def _fields(specs: Sequence[Field], given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for spec in specs:
        value = given.get(spec.name)
        if value is None or (value == "" and not spec.required):
            if spec.required:
                raise spec.wrong("必填")
            continue
        values[spec.name] = spec.read(value)
    return values


def ok(data: Any, *, status: int = 200) -> HTTPResponse:
    """Answer with data in the envelope."""
    return json({"ok": True, "data": data}, status=status, dumps=dumps)


def refused(error: DeskError) -> HTTPResponse:
    """Answer with an error in the envelope, under the status of its code."""
    body = {
        "ok": False,
        "error": {"code": error.code, "message": error.message, "details": error.data},
    }
    headers = {"Retry-After": "60"} if error.code in {"rate_limited", "account_locked"} else None
    return json(body, status=STATUS.get(error.code, 400), headers=headers, dumps=dumps)


def dumps(data: Any) -> str:
    """Write JSON with instants as ISO 8601 in Shanghai."""
    return jsonlib.dumps(data, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


__all__ = [
    "Ask",
    "Endpoint",
    "Field",
    "Forbidden",
    "Section",
    "console_tables",
    "dumps",
    "look",
    "ok",
    "refused",
]
