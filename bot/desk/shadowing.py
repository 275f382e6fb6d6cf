"""Chapter 8.3: the standing shadow (影子): a candidate that reads new turns and answers none.

`coach/shadow.json` says which model reads what share, until somebody ends it; the supervisor keeps
the reading process alive, and that process notes its figures beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.coach_runs import coach_folder
from bot.desk.model_files import archive_of, name_of, read_json, write_json
from bot.handbook.errors import NotFound, Refusal

MOST_HOURS = 24 * 366


def shadow_path(home: Path) -> Path:
    """Return where it is written which model reads along."""
    return coach_folder(home) / "shadow.json"


def _figures_path(home: Path) -> Path:
    return coach_folder(home) / "shadow_figures.json"


def set_shadow(
    session: Session, home: Path, name: str, *, share: float, hours: float, by: str, now: datetime,
    serving: str | None, staff_id: int | None = None,
) -> dict[str, Any]:
    """Let a kept model read a share of the conversations along, from so many hours back."""
    name = name_of(archive_of(home, name))
    if not serving:
        raise NotFound("还没有在用的模型，请先训练并上线一个（intake coach train、intake coach switch）")
    if name == serving:
        raise Refusal("该模型正在应答，无需影子")
    if not 0 < share <= 1:
        raise Refusal("影子比例应大于0、不超过100%")
    since = now - timedelta(hours=min(hours, MOST_HOURS))
    record_audit(
        session, action="model_shadow", subject=f"model:{name}", now=now, staff_id=staff_id,
        staff_name=by, data={"share": share},
    )
    write_json(
        shadow_path(home),
        {"model": name, "share": share, "since": since.isoformat(), "by": by, "at": now.isoformat()},
    )
    return shadow(home)


def end_shadow(
    session: Session, home: Path, *, by: str, now: datetime, staff_id: int | None = None
) -> dict[str, Any]:
    """End the shadow; return what it found."""
    found = shadow(home)
    if not found:
        raise NotFound("没有影子在旁读")
    data = {key: found[key] for key in ("turns", "differences")}
    record_audit(
        session, action="model_shadow_end", subject=f"model:{found['model']}", now=now,
        staff_id=staff_id, staff_name=by, data=data,
    )
    shadow_path(home).unlink(missing_ok=True)
    return found


def shadow(home: Path) -> dict[str, Any]:
    """Return the shadow that is set, with its figures so far; empty when there is none."""
    wanted = read_json(shadow_path(home))
    if not wanted:
        return {}
    figures = read_json(_figures_path(home))
    if figures.get("of") != wanted["at"]:
        figures = {"state": "starting", "turns": 0, "differences": 0}
    return {**wanted, **figures}


def note_shadow(home: Path, of: str, **values: Any) -> None:
    """Change the figures of the shadow that was set at `of`; those of an earlier one go."""
    kept = read_json(_figures_path(home))
    if kept.get("of") != of:
        kept = {"of": of, "turns": 0, "differences": 0}
    write_json(_figures_path(home), {**kept, **values})
