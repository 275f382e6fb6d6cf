"""Quality figures (质量指标): a span of days, the tickets behind each figure, CSV and XLSX."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sanic.response import HTTPResponse, raw
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.fields import day_of
from bot.console.routing import Ask, Field, Section
from bot.desk import figures as reckoning
from bot.desk.audit import record_audit
from bot.desk.nightly import comparison_json, last_comparison
from bot.desk.staff import staff_titles
from bot.desk.ticket_search import tickets_by_number
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import DeskError
from bot.handbook.figures import GROUPS, TITLES, figures
from bot.handbook.outcomes import CAUSES

section = Section("figures")
DAYS = (Field("from", most=10, about="YYYY-MM-DD"), Field("to", most=10))
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PARTS = {"all": None, "numerator": True, "rest": False}


def span_of(ask: Ask) -> tuple[date, date, datetime, datetime]:
    """Return the first and last day that were asked for, and when they begin and end."""
    today = ask.now.astimezone(SHANGHAI).date()
    last = day_of(ask.query.get("to")) or today
    first = day_of(ask.query.get("from")) or last - timedelta(days=29)
    if first > last or (last - first).days > 366:
        raise DeskError("invalid", "from 应不晚于 to，跨度不超过366天", field="from")
    return first, last, reckoning.day_bounds(first)[0], reckoning.day_bounds(last)[1]


@section.endpoint(
    "GET", "/figures", "Quality figures of a span of days", "figures_read", query=DAYS
)
async def show_figures(ask: Ask) -> dict[str, Any]:
    """Return the figures, people's and the bot's apart; each can be recomputed from the log."""
    first, last, start, end = span_of(ask)

    def look(session: Session) -> dict[str, Any]:
        found = reckoning.figures_between(
            session, ask.desk.handbook, start=start, end=end, now=ask.now,
            teams=ask.caller.team_limit,
        )
        people = [int(f["group"]) for f in found["figures"] if f["by"] == "person" and f["group"]]
        return {
            **found,
            "first": first,
            "last": last,
            "people": {str(k): v for k, v in staff_titles(session, people).items()},
            "titles": {
                name: {"title": title, "meaning": meaning} for name, (title, meaning) in TITLES.items()
            },
            "compared": comparison_json(last_comparison(session)),
        }

    return await ask.look(look)


@section.endpoint(
    "GET", "/figures/days", "One share day by day, as it was stored at night", "figures_read",
    query=[*DAYS, Field("name", options=tuple(n for n in TITLES if n.endswith("_rate")))],
)
async def days(ask: Ask) -> dict[str, Any]:
    """Return the stored days of a share."""
    first, last, *_ = span_of(ask)
    name = ask.query.get("name", "resolution_rate")
    stored = await ask.look(
        lambda session: reckoning.daily_shares(
            session, name=name, first=first, last=last, teams=ask.caller.team_limit
        )
    )
    return {"name": name, "days": stored}


@section.endpoint(
    "GET", "/figures/tickets", "The tickets behind one figure, or behind a cause of breaches",
    "figures_read",
    query=[
        *DAYS, Field("name", options=tuple(TITLES)), Field("by", options=GROUPS),
        Field("group", most=64), Field("part", options=tuple(PARTS)),
        Field("cause", options=tuple(CAUSES)),
    ],
)
async def behind(ask: Ask) -> dict[str, Any]:
    """List tickets: all that are counted, those in the numerator, or the rest."""
    _, _, start, end = span_of(ask)
    query = ask.query
    if ("name" in query) == ("cause" in query):
        raise DeskError("invalid", "name 与 cause 应填且只填一个", field="name")

    def look(session: Session) -> dict[str, Any]:
        limits: dict[str, Any] = {"start": start, "end": end, "teams": ask.caller.team_limit}
        if "cause" in query:
            numbers = reckoning.breaches_behind(session, cause=query["cause"], **limits)
        else:
            numbers = reckoning.tickets_behind(
                session, ask.desk.handbook, name=query["name"], by=query.get("by", "all"),
                group=query.get("group", ""), numerator=PARTS[query.get("part", "all")], **limits,
            )
        found = {t.number: t for t in tickets_by_number(session, numbers[:200])}
        titles = staff_titles(session, [t.holder_id for t in found.values()])
        rows = [
            views.ticket_row(found[number], ask.desk.handbook, titles, now=ask.now)
            for number in numbers if number in found
        ]
        return {"count": len(numbers), "tickets": rows}

    return await ask.look(look)


@section.endpoint(
    "GET", "/figures/export", "The figures as CSV or XLSX", "figures_read",
    query=[*DAYS, Field("format", options=tuple(MEDIA))],
)
async def export(ask: Ask) -> HTTPResponse:
    """Export the figures; the export is in the audit log."""
    first, last, start, end = span_of(ask)
    kind = ask.query.get("format", "csv")

    def work(session: Session) -> bytes:
        record_audit(
            session, action="figures_exported", subject=f"figures:{first}:{last}", now=ask.now,
            staff_id=ask.caller.id, staff_name=ask.caller.name, data={"format": kind},
        )
        facts = reckoning.outcomes_between(session, start, end, teams=ask.caller.team_limit)
        found = figures(facts, durable_days=ask.desk.handbook.clock.closure.durable_days)
        write = reckoning.export_csv if kind == "csv" else reckoning.export_xlsx
        return write(found)

    name = f"figures-{first}-{last}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return raw(await ask.work(work), content_type=MEDIA[kind], headers=headers)
