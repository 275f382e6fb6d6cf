"""Chapters 5.1 and 6 at the console: every figure with its tickets, downloads, the comparison."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import httpx
import pytest
from openpyxl import load_workbook

from bot.console import figures_api
from bot.desk import figure_days
from bot.desk.audit import record_audit
from bot.desk.figure_days import CORRECTED, close_day
from bot.desk.nightly import compare_nightly
from bot.desk.tickets import find_ticket, take_step
from bot.handbook.deadlines import SHANGHAI
from tests.console.conftest import LocalDesk


@pytest.fixture(scope="module")
def leader(local: LocalDesk) -> httpx.Client:
    """Sign a leader in whose two complaints were marked 5 and 1."""
    client = local.person("leader")
    for kind, score in (("complaint_service", 5), ("complaint_service", 1)):
        number = local.ticket(local.waiting(), kind)
        client.post(f"/tickets/{number}/claim", json={})
        client.post(f"/tickets/{number}/resolve", json={"reason": "已致歉并补偿", "cause": "delay"})
        with local.desk.sessions.begin() as session:
            take_step(
                session, local.desk.handbook, find_ticket(session, number), "rate", who="customer",
                now=local.now(), data={"score": score}, recorded=True,
            )
        client.headers[f"X-Ticket-{score}"] = number
    return client


def figure(client: httpx.Client, name: str, by: str = "all", group: str = "") -> dict:
    found = client.get("/figures").json()["data"]["figures"]
    [one] = [f for f in found if (f["name"], f["by"], f["group"]) == (name, by, group)]
    return one


def behind(client: httpx.Client, **query: str) -> list[str]:
    data = client.get("/figures/tickets", params=query).json()["data"]
    return [ticket["number"] for ticket in data["tickets"]]


def test_a_figure_has_numerator_denominator_and_interval(leader: httpx.Client) -> None:
    rate = figure(leader, "satisfaction_rate", "type", "complaint_service")

    assert (rate["numerator"], rate["denominator"], rate["value"]) == (1, 2, 0.5)
    assert rate["low"] < 0.5 < rate["high"]


def test_the_tickets_behind_a_figure_are_listed_by_part(leader: httpx.Client) -> None:
    good, bad = leader.headers["X-Ticket-5"], leader.headers["X-Ticket-1"]
    query = {"name": "satisfaction_rate", "by": "type", "group": "complaint_service"}

    parts = {p: behind(leader, **query, part=p) for p in ("all", "numerator", "rest")}
    assert parts == {"all": [good, bad], "numerator": [good], "rest": [bad]}


@pytest.mark.parametrize("query", [{}, {"name": "response_rate", "cause": "late"}, {"name": "x"}])
def test_a_list_of_nothing_or_of_two_things_is_refused(leader: httpx.Client, query: dict) -> None:
    assert leader.get("/figures/tickets", params=query).status_code == 422


def test_a_person_is_named_and_the_bot_stands_apart(leader: httpx.Client) -> None:
    data = leader.get("/figures").json()["data"]
    people = {f["group"] for f in data["figures"] if f["by"] == "person" and f["group"]}

    assert people == set(data["people"])
    assert set(data["bot_answers"]) == {"count", "median_s", "p95_s"}


def test_the_downloads_hold_the_same_lines(leader: httpx.Client) -> None:
    text = leader.get("/figures/export").content.decode("utf-8-sig")
    book = leader.get("/figures/export", params={"format": "xlsx"}).content

    lines = list(csv.reader(io.StringIO(text)))
    sheet = load_workbook(io.BytesIO(book)).active
    assert lines[0][:3] == ["指标", "口径", "分组"]
    assert [row[0].value for row in sheet.rows] == [line[0] for line in lines]
    groups = {line[3] for line in lines if line[2] != "全部"}
    assert {"服务投诉", "一般问题"} <= groups, groups
    assert not any(group.isascii() for group in groups)
    audit = leader.get("/audit", params={"action": "figures_exported"}).json()["data"]["entries"]
    assert {entry["data"]["format"] for entry in audit} == {"csv", "xlsx"}


def test_the_stored_days_are_those_of_the_night(local: LocalDesk, leader: httpx.Client) -> None:
    today = local.now().astimezone(SHANGHAI).date()
    with local.desk.sessions.begin() as session:
        close_day(session, local.desk.handbook, today, now=local.now().replace(year=today.year + 1))
    data = leader.get("/figures/days", params={"name": "satisfaction_rate"}).json()["data"]

    assert data["days"] == [
        {"day": today.isoformat(), "numerator": 1, "denominator": 2, "value": 0.5}
    ]


def test_the_nightly_comparison_is_shown(local: LocalDesk, leader: httpx.Client) -> None:
    compare_nightly(local.desk.sessions, local.desk.handbook, now=local.now())

    assert leader.get("/figures").json()["data"]["compared"]["differences"] == 0


def test_a_long_list_comes_page_by_page_and_is_complete(
    leader: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_api, "PAGE", 1)
    query = {"name": "satisfaction_rate", "by": "type", "group": "complaint_service"}
    skip, seen = 0, []
    while skip is not None:
        data = leader.get("/figures/tickets", params={**query, "skip": skip}).json()["data"]
        assert data["count"] == 2
        seen += [ticket["number"] for ticket in data["tickets"]]
        skip = data["next"]

    assert seen == [leader.headers["X-Ticket-5"], leader.headers["X-Ticket-1"]]


@pytest.mark.parametrize("part", ["all", "rest"])
def test_the_downloaded_lists_hold_all_tickets(
    leader: httpx.Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(figures_api, "PAGE", 1)
    query = {"name": "satisfaction_rate", "by": "type", "group": "complaint_service", "part": part}
    text = leader.get("/figures/tickets/export", params=query).content.decode("utf-8-sig")
    book = leader.get("/figures/tickets/export", params={**query, "format": "xlsx"}).content

    wanted = [leader.headers["X-Ticket-5"], leader.headers["X-Ticket-1"]][part == "rest" :]
    lines = list(csv.reader(io.StringIO(text)))
    sheet = load_workbook(io.BytesIO(book)).active
    assert lines[0] == list(figures_api.TICKET_HEAD)
    assert [line[0] for line in lines[1:]] == wanted
    assert [[cell.value or "" for cell in row] for row in sheet.rows] == lines
    entry = leader.get("/audit", params={"action": "figures_exported"}).json()["data"]["entries"][0]
    assert (entry["data"]["tickets"], entry["data"]["part"]) == (len(wanted), part)


@pytest.mark.parametrize(("hours", "where"), [(20, "at_risk"), (30, "late")])
def test_what_is_at_risk_or_late_is_listed(local: LocalDesk, hours: int, where: str) -> None:
    number = local.ticket(local.waiting(), "fault_broadband")
    local.offset = timedelta(hours=hours)
    client = local.person("leader")

    lists = {risk: behind(client, risk=risk) for risk in ("at_risk", "late")}
    assert [risk for risk, numbers in lists.items() if number in numbers] == [where]
    counted = client.get("/figures").json()["data"]["at_risk"]
    assert counted[where] >= len(lists[where])


def test_a_day_that_cannot_be_stored_is_named(leader: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert leader.get("/figures").json()["data"]["left_open"] is None

    monkeypatch.setattr(figure_days, "_next_day", lambda *_given, **_more: date(2026, 3, 2))
    monkeypatch.setattr(figure_days, "_unswept", lambda *_given: 3)
    assert leader.get("/figures").json()["data"]["left_open"] == {"day": "2026-03-02", "unswept": 3}


def test_a_promise_or_appeal_is_listed_as_late_whatever_became_of_the_ticket(local: LocalDesk) -> None:
    promised, appealed = (local.ticket(local.waiting(), "fault_broadband") for _ in range(2))
    steps = [
        (promised, "resolve", {"reason": "已修复"}),
        (promised, "promise", {"by": local.now() + timedelta(hours=1)}),
        (appealed, "withdraw", {"reason": "误登记"}),
        (appealed, "appeal", {"who": "system", "recorded": True, "data": {"complaint_h": 1}}),
    ]
    with local.desk.sessions.begin() as session:
        for number, step, more in steps:
            values = {"who": "staff", "actor_id": 1, **more}
            take_step(session, local.desk.handbook, find_ticket(session, number), step, now=local.now(), **values)
    local.offset = timedelta(hours=2)

    assert {promised, appealed} <= set(behind(local.person("leader"), risk="late"))


def test_a_correction_of_a_stored_day_is_shown(local: LocalDesk, leader: httpx.Client) -> None:
    change = {"name": "response_rate", "by": "all", "group": "", "was": [1, 1, 1.0], "now": [1, 2, 0.5]}
    other = {**change, "by": "team", "group": "nobody"}
    with local.desk.sessions.begin() as session:
        record_audit(
            session, action=CORRECTED, subject="day:2026-03-02", now=local.now(),
            data={"day": "2026-03-02", "tickets": [], "changes": [change, other]},
        )

    [shown] = leader.get("/figures").json()["data"]["corrections"]
    assert (shown["day"], shown["changes"]) == ("2026-03-02", [{**change, "title": "响应率"}])
