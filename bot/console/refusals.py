"""Refusals (拒绝记录): each is in the audit log, bounded so that a flood cannot fill it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sanic.request import Request
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.staff import Caller
from bot.handbook.errors import DeskError
from bot.http.limits import client_address

RECORDED = frozenset(
    {
        "forbidden",
        "csrf",
        "password_change_required",
        "rate_limited",
        "not_qualified",
        "approval_refused",
    }
)
EACH = timedelta(minutes=1)
# Of callers who are not signed in, all together, in a minute: addresses cost an attacker little.
MOST_OF_STRANGERS = 60
MOST_KEYS = 10_000
Key = tuple[str, ...]


@dataclass
class Noted:
    """Hold when which refusal was last written down, and how many were left out since."""

    last: OrderedDict[Key, tuple[datetime, int]] = field(default_factory=OrderedDict)
    strangers: list[datetime] = field(default_factory=list)

    def due(self, key: Key, *, now: datetime, stranger: bool) -> int | None:
        """Return how many alike were left out before, or None when this one is left out too."""
        at, left_out = self.last.get(key, (None, 0))
        self.strangers[:] = [each for each in self.strangers if now - each < EACH]
        too_soon = at is not None and timedelta(0) <= now - at < EACH
        if too_soon or (stranger and len(self.strangers) >= MOST_OF_STRANGERS):
            self._keep(key, (at or now, left_out + 1))
            return None
        if stranger:
            self.strangers.append(now)
        self._keep(key, (now, 0))
        return left_out

    def _keep(self, key: Key, state: tuple[datetime, int]) -> None:
        self.last[key] = state
        self.last.move_to_end(key)
        while len(self.last) > MOST_KEYS:
            self.last.popitem(last=False)


async def note_refusal(
    request: Request, error: DeskError, caller: Caller, *, subject: str, has_cookie: bool
) -> None:
    """Write a refusal down once for each caller, kind, endpoint and minute."""
    stale = error.code == "unauthorized" and has_cookie
    if error.code not in RECORDED and not stale:
        return
    desk, address = request.app.ctx.desk, client_address(request)[:64]
    noted: Noted = request.app.ctx.__dict__.setdefault("noted_refusals", Noted())
    known = caller.id > 0
    key = (str(caller.id), error.code, subject) if known else (address, error.code)
    left_out = noted.due(key, now=desk.now(), stranger=not known)
    if left_out is None:
        return
    data: dict[str, Any] = {"code": error.code, "permission": error.data.get("permission")}
    if not known:
        data["address"] = address
    if left_out:
        data["left_out"] = left_out

    def job(session: Session) -> None:
        record_audit(
            session,
            action="refused",
            subject=subject,
            now=desk.now(),
            staff_id=caller.id or None,
            staff_name=caller.name,
            data=data,
        )

    await desk.turns.in_thread(job, urgent=True)
