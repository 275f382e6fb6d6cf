"""Quality figures (质量指标): a span of days, the tickets behind each figure, CSV and XLSX."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from sanic.response import HTTPResponse, raw
from sqlalchemy.orm import Session

from bot.console import views
from bot.console.fields import day_of
from bot.console.routing import Ask, Field, Section
from bot.desk import figure_days
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
BEHIND = (
    *DAYS, Field("name", options=tuple(TITLES)), Field("by", options=GROUPS),
    Field("group", most=64), Field("part", options=tuple(PARTS)), Field("cause", options=tuple(CAUSES)),
    Field("risk", options=("at_risk", "late"), about="now, whatever the days"),
)
PAGE = 200
TICKET_HEAD = ("工单号", "诉求", "时限等级", "状态", "团队", "处理人", "受理时间")


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
            "left_open": figure_days.day_left_open(session, now=ask.now),
            "corrections": figure_days.corrections(session, teams=ask.caller.team_limit),
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
        lambda session: figure_days.daily_shares(
            session, name=name, first=first, last=last, teams=ask.caller.team_limit
        )
    )
    return {"name": name, "days": stored}


@section.endpoint(
    "GET", "/figures/tickets", "The tickets behind one figure, a cause of breaches, or what is at risk",
    "figures_read",
    query=[*BEHIND, Field("skip", "whole", about="how many tickets came on earlier pages")],
)
async def behind(ask: Ask) -> dict[str, Any]:
    """List tickets page by page: all that are counted, those in the numerator, or the rest."""
    find = _finder(ask)
    skip = ask.query.get("skip", 0)

    def look(session: Session) -> dict[str, Any]:
        numbers = find(session)
        more = skip + PAGE < len(numbers)
        return {
            "count": len(numbers),
            "tickets": _rows(session, ask, numbers[skip : skip + PAGE]),
            "next": skip + PAGE if more else None,
        }

    return await ask.look(look)


@section.endpoint(
    "GET", "/figures/tickets/export", "All tickets behind one figure or cause as CSV or XLSX",
    "figures_read", query=[*BEHIND, Field("format", options=tuple(MEDIA))],
)
async def export_behind(ask: Ask) -> HTTPResponse:
    """Export every ticket of the list; the export is in the audit log."""
    first, last, *_ = span_of(ask)
    find = _finder(ask)
    kind = ask.query.get("format", "csv")

    def work(session: Session) -> bytes:
        numbers = find(session)
        what = {name: ask.query[name] for name in ("name", "by", "group", "part", "cause", "risk") if name in ask.query}
        _note_export(session, ask, first, last, {"format": kind, "tickets": len(numbers), **what})
        lines = [
            _ticket_line(row)
            for begin in range(0, len(numbers), PAGE)
            for row in _rows(session, ask, numbers[begin : begin + PAGE])
        ]
        if kind == "csv":
            return reckoning.csv_of(TICKET_HEAD, lines)
        return reckoning.xlsx_of(TICKET_HEAD, lines, title="工单")

    return _download(await ask.work(work), f"figure-tickets-{first}-{last}.{kind}", kind)


def _finder(ask: Ask) -> Callable[[Session], list[str]]:
    """Return what finds the numbers of all tickets that the query asks for."""
    _, _, start, end = span_of(ask)
    query = ask.query
    if sum(each in query for each in ("name", "cause", "risk")) != 1:
        raise DeskError("invalid", "name、cause 与 risk 应填且只填一个", field="name")
    limits: dict[str, Any] = {"start": start, "end": end, "teams": ask.caller.team_limit}
    if "risk" in query:
        return lambda session: reckoning.tickets_at_risk(
            session, late=query["risk"] == "late", now=ask.now, teams=ask.caller.team_limit
        )
    if "cause" in query:
        return lambda session: reckoning.breaches_behind(session, cause=query["cause"], **limits)
    return lambda session: reckoning.tickets_behind(
        session, ask.desk.handbook, name=query["name"], by=query.get("by", "all"),
        group=query.get("group", ""), numerator=PARTS[query.get("part", "all")], **limits,
    )


def _rows(session: Session, ask: Ask, numbers: list[str]) -> list[dict[str, Any]]:
    tickets = tickets_by_number(session, numbers)
    titles = staff_titles(session, [t.holder_id for t in tickets])
    return [views.ticket_row(t, ask.desk.handbook, titles, now=ask.now) for t in tickets]


def _ticket_line(row: dict[str, Any]) -> tuple[str, ...]:
    accepted = row["accepted_at"].astimezone(SHANGHAI)
    holder = row["holder"]["title"] if row["holder"] else ""
    return (
        row["number"], row["type_title"], row["deadline_class_title"], row["state_title"], row["team_title"],
        holder, f"{accepted:%Y-%m-%d %H:%M}",
    )


def _note_export(session: Session, ask: Ask, first: date, last: date, data: dict[str, Any]) -> None:
    record_audit(
        session, action="figures_exported", subject=f"figures:{first}:{last}", now=ask.now,
        staff_id=ask.caller.id, staff_name=ask.caller.name, data=data,
    )


def _download(content: bytes, name: str, kind: str) -> HTTPResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return raw(content, content_type=MEDIA[kind], headers=headers)


@section.endpoint(
    "GET", "/figures/export", "The figures as CSV or XLSX", "figures_read",
    query=[*DAYS, Field("format", options=tuple(MEDIA))],
)
async def export(ask: Ask) -> HTTPResponse:
    """Export the figures; the export is in the audit log."""
    first, last, start, end = span_of(ask)
    kind = ask.query.get("format", "csv")

    def work(session: Session) -> bytes:
        _note_export(session, ask, first, last, {"format": kind})
        facts = reckoning.outcomes_between(session, start, end, teams=ask.caller.team_limit)
        found = figures(facts, durable_days=ask.desk.handbook.clock.closure.durable_days)
        write = reckoning.export_csv if kind == "csv" else reckoning.export_xlsx
        return write(reckoning.with_titles(session, ask.desk.handbook, found))

    return _download(await ask.work(work), f"figures-{first}-{last}.{kind}", kind)
