"""Chapter 8.3: which model serves (上线与回退): switch, rollback, canary, and the automatic return.

Every change is kept with who, why and the figures; the file that the supervisor follows is
written after the row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.conversations import HANDED_OVER
from bot.desk.engine_routes import in_share
from bot.desk.model_files import (
    NotPassed,
    archive_of,
    ended_notes,
    gate_path,
    name_of,
    other_signals,
    override_gate,
    point_to,
    pointer,
    read_json,
    why_not,
)
from bot.desk.notices import notify_staff
from bot.handbook.errors import NotFound, Refusal
from bot.handbook.privacy import mask
from bot.handbook.training import Signals, Training, left_band
from bot.storage.coach import ModelSwitch
from bot.storage.conversations import Message, Review
from bot.storage.notices import Notice
from bot.storage.staff import StaffEvent

MOST_HISTORY = 100
# The changes after which a model is in service; a canary and a leader's leave are none.
IN_SERVICE = ("switch", "rollback", "automatic")
WEEK = timedelta(days=7)
SYSTEM = "系统"


class NoReason(Refusal):
    """Ask for the reason of a change."""

    code = "missing_reason"


def switch_model(
    session: Session, home: Path, name: str, *, by: str, reason: str, now: datetime,
    kind: str = "switch", serving: str | None = None, staff_id: int | None = None,
) -> ModelSwitch:
    """Put a kept model into service; it must have passed, unless it served before."""
    if not reason.strip():
        raise NoReason("请写明原因")
    name = name_of(archive_of(home, name))
    served = session.execute(
        select(ModelSwitch.id)
        .where(
            ModelSwitch.kind.in_(IN_SERVICE),
            (ModelSwitch.model == name) | (ModelSwitch.previous == name),
        )
        .limit(1)
    ).scalar()
    previous = pointer(home).get("model") or serving
    if served is None and (why := why_not(home, name, serving=previous)):
        raise NotPassed(f"{why}；需班长写明理由放行后才能上线", model=name)
    gate = read_json(gate_path(home, name))
    figures = {key: gate[key] for key in ("passed", "measures", "override", "against") if key in gate}
    if differ := other_signals(home, name):
        figures["signals"] = differ
    row = _record(
        session, kind=kind, model=name, previous=previous, by=by, reason=reason, figures=figures,
        now=now, staff_id=staff_id,
    )
    watched = kind == "switch" and bool(previous) and previous != name
    canary = (pointer(home).get("canary") or {}).get("model")
    if canary not in {None, name}:
        _record(
            session, kind="canary_end", model=name, previous=canary, by=by, figures={}, now=now,
            reason="更换在用模型时灰度一并结束", staff_id=staff_id,
        )
    point_to(home, name, now=now, previous=previous, watched=watched)
    return row


def let_pass(
    session: Session, home: Path, name: str, *, by: str, reason: str, now: datetime,
    serving: str | None = None, staff_id: int | None = None,
) -> dict[str, Any]:
    """Let a model pass that the gate stopped, with a leader's reason; return the report."""
    if not reason.strip():
        raise NoReason("请写明放行理由")
    name = name_of(archive_of(home, name))
    report = override_gate(home, name, by=by, reason=reason, now=now)
    _record(
        session, kind="override", model=name, previous=pointer(home).get("model") or serving, by=by,
        reason=reason, figures={"reasons": report.get("reasons") or []}, now=now, staff_id=staff_id,
    )
    return report


def _record(
    session: Session, *, kind: str, model: str, previous: str | None, by: str, reason: str,
    figures: dict[str, Any], now: datetime, staff_id: int | None = None,
) -> ModelSwitch:
    reason = mask(reason)
    row = ModelSwitch(
        kind=kind, model=model, previous=previous, staff_name=by, reason=reason, figures=figures, at=now
    )
    session.add(row)
    session.flush()
    record_audit(
        session, action=f"model_{kind}", subject=f"model:{model}", now=now, staff_id=staff_id,
        staff_name=by, data={"previous": previous, "reason": reason},
    )
    return row


def roll_back(
    session: Session, home: Path, *, by: str, reason: str, now: datetime, to: str | None = None,
    kind: str = "rollback", staff_id: int | None = None,
) -> ModelSwitch:
    """Return to a kept model: the named one, or the one that served before."""
    target = to or pointer(home).get("previous")
    if not target:
        raise NotFound("没有可以退回的模型：在用的之前没有上线过别的（intake coach history）")
    return switch_model(
        session, home, target, by=by, reason=reason, now=now, kind=kind, staff_id=staff_id
    )


def set_canary(
    session: Session, home: Path, name: str | None, *, share: float, by: str, reason: str,
    now: datetime, serving: str | None = None, staff_id: int | None = None,
) -> ModelSwitch:
    """Let a kept model answer a share of the conversations beside the one in service, or end that."""
    present = pointer(home)
    main = present.get("model") or serving
    if not main:
        raise NotFound("还没有在用的模型，请先训练并上线一个（intake coach train、intake coach switch）")
    if name is not None and (why := why_not(home, name, serving=main)):
        raise NotPassed(f"{why}；需班长写明理由放行后才能灰度", model=name)
    if not 0 < share <= 0.5 and name is not None:
        raise Refusal("灰度比例应大于0、不超过50%")
    row = _record(
        session, kind="canary" if name else "canary_end", model=name or main, previous=main, by=by,
        reason=reason, figures={"share": share} if name else {}, now=now, staff_id=staff_id,
    )
    _point_canary(
        home, main, now=now,
        canary=name and {"model": name_of(archive_of(home, name)), "share": share, "since": now.isoformat()},
    )
    return row


def _point_canary(home: Path, main: str, *, now: datetime, canary: Any) -> None:
    """Begin or end a canary; since when the model in service is watched stays as it was."""
    present = pointer(home)
    since = datetime.fromisoformat(present["since"]) if present.get("since") else now
    point_to(
        home, main, now=since, previous=present.get("previous"),
        watched=bool(present.get("watched")), canary=canary or None,
    )


def switch_history(session: Session, *, most: int = MOST_HISTORY) -> list[dict[str, Any]]:
    """Return the changes of model, newest first."""
    rows = session.execute(select(ModelSwitch).order_by(ModelSwitch.id.desc()).limit(most)).scalars()
    return [
        {
            "id": row.id, "kind": row.kind, "model": row.model, "previous": row.previous,
            "by": row.staff_name, "reason": row.reason, "figures": row.figures, "at": row.at,
        }
        for row in rows
    ]


def live_signals(
    session: Session, *, since: datetime, until: datetime,
    belongs: Callable[[str], bool] = lambda conversation_id: True,
) -> Signals:
    """Count the customers' turns of a span, and those that went badly; of some conversations only."""
    counts: Counter[str] = Counter()
    turns = select(literal("turns"), Message.conversation_id, func.count()).where(
        Message.direction == "in", Message.author == "customer",
        Message.created_at >= since, Message.created_at < until,
    )
    found = select(Review.reason, Review.conversation_id, func.count()).where(
        Review.created_at >= since, Review.created_at < until
    )
    handed = select(literal("handed_over"), StaffEvent.conversation_id, func.count()).where(
        StaffEvent.kind == HANDED_OVER, StaffEvent.at >= since, StaffEvent.at < until
    )
    for query, keys in (
        (turns, (Message.conversation_id,)), (found, (Review.reason, Review.conversation_id)),
        (handed, (StaffEvent.conversation_id,)),
    ):
        for name, conversation_id, count in session.execute(query.group_by(*keys)):
            if belongs(conversation_id or ""):
                counts[name] += count
    return Signals(counts.pop("turns", 0), counts)


def _around(session: Session, *, since: datetime, now: datetime) -> tuple[Signals, Signals]:
    """Return the signals of the week before a switch, and those since."""
    return live_signals(session, since=since - WEEK, until=since), live_signals(session, since=since, until=now)


def _beside(
    session: Session, present: dict[str, Any], training: Training, *, now: datetime
) -> tuple[Signals, Signals]:
    """Return the signals of the model in service in the hours of a canary, and the canary's."""
    canary = present["canary"]
    began = datetime.fromisoformat(canary.get("since") or present["since"])
    since, share = max(began, now - training.watch), float(canary["share"])
    before = live_signals(
        session, since=since, until=now, belongs=lambda id_: not in_share(id_, share)
    )
    return before, live_signals(session, since=since, until=now, belongs=lambda id_: in_share(id_, share))


def watched_signals(
    session: Session, home: Path, training: Training, *, now: datetime
) -> list[dict[str, Any]]:
    """Return what is watched now, a fresh switch or a canary: each live signal beside its bound."""
    present, found = pointer(home), []
    if present.get("watched") and present.get("previous"):
        since = datetime.fromisoformat(present["since"])
        if now - since <= training.watch:
            found.append(("switch", present["model"], *_around(session, since=since, now=now)))
    if canary := present.get("canary"):
        found.append(("canary", canary["model"], *_beside(session, present, training, now=now)))
    return [
        {
            "kind": kind, "model": model, "before": before.turns, "after": after.turns,
            "signals": [
                {
                    "id": band.id, "title": band.title, "least_turns": band.least_turns,
                    "before": round(before.share(band.id), 4), "after": round(after.share(band.id), 4),
                    "most": round(before.share(band.id) + band.rise, 4),
                }
                for band in training.bands
            ],
        }
        for kind, model, before, after in found
    ]


def guard_switch(session: Session, home: Path, training: Training, *, now: datetime) -> list[str]:
    """After a switch, return to the model before when live signals left their band; say which."""
    present = pointer(home)
    if not present.get("watched") or not present.get("previous"):
        return []
    since = datetime.fromisoformat(present["since"])
    if now - since > training.watch:
        point_to(
            home, present["model"], now=since, previous=present["previous"], watched=False,
            canary=present.get("canary"),
        )
        return []
    before, after = _around(session, since=since, now=now)
    out = left_band(training.bands, before, after) if before.turns else []
    if out:
        row = roll_back(
            session, home, by=SYSTEM, reason="自动退回：" + "；".join(out), now=now, kind="automatic"
        )
        row.figures = {**row.figures, **_figures(before, after)}
        _tell_trainers(session, row, key=f"model:{row.id}")
    return out


def guard_canary(session: Session, home: Path, training: Training, *, now: datetime) -> list[str]:
    """End a canary whose live signals left their band beside those of the model in service."""
    present = pointer(home)
    canary = present.get("canary")
    if not canary:
        return []
    before, after = _beside(session, present, training, now=now)
    out = left_band(training.bands, before, after) if before.turns else []
    if out:
        row = _record(
            session, kind="canary_end", model=present["model"], previous=canary["model"], by=SYSTEM,
            reason="自动结束灰度：" + "；".join(out), figures=_figures(before, after), now=now,
        )
        _tell_trainers(session, row, key=f"model:{row.id}")
        _point_canary(home, present["model"], now=now, canary=None)
    return out


def _figures(before: Signals, after: Signals) -> dict[str, Any]:
    return {
        "before": {"turns": before.turns, **before.counts},
        "after": {"turns": after.turns, **after.counts},
    }


def take_in_ended(session: Session, home: Path, *, now: datetime) -> list[Path]:
    """Keep in the history what the supervisor ended by itself, once; return the words taken in."""
    notes = ended_notes(home)
    for path in notes:
        key, note = f"model:{path.stem}", read_json(path)
        if not note or session.execute(select(Notice.id).where(Notice.key == key)).first():
            continue
        row = _record(
            session, kind=note["kind"], model=note["model"], previous=note["previous"], by=SYSTEM,
            reason=note["reason"], now=now,
            figures={"signals": differ} if (differ := other_signals(home, note["model"])) else {},
        )
        _tell_trainers(session, row, key=key)
    return notes


def _tell_trainers(session: Session, row: ModelSwitch, *, key: str) -> None:
    what = {
        "canary_end": f"灰度中的模型{row.previous}已停用，会话回到在用的模型{row.model}。",
        "automatic": f"模型{row.previous}已停用，由模型{row.model}应答。",
    }[row.kind]
    signals = "该模型评审之后紧急征象有改动，请重新评审。" if row.figures.get("signals") else ""
    notify_staff(
        session, key=key, kind="model", level="major", role="trainer", now=row.at,
        by=("console", "mail"), text=f"{what}{signals}原因：{row.reason}",
    )
