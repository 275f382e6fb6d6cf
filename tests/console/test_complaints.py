"""Chapters 2.2 and 5.5: the complaint lane through the API: procedure, cause, appeals."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import httpx
import pytest

from bot.desk.complaints import note_appeal
from bot.desk.tickets import find_ticket
from bot.handbook.reception_tables import load_reception
from tests.console.conftest import LocalDesk


@pytest.fixture
def leader(local: LocalDesk) -> httpx.Client:
    return local.person("leader")


def test_a_complaint_has_a_procedure_that_is_ticked_off(local: LocalDesk) -> None:
    staff = local.person("staff", "care")
    number = local.ticket(local.waiting(team="care"), "complaint_service")
    listened = staff.post(f"/tickets/{number}/duties/listen", json={"done": True})
    bare = staff.post(f"/tickets/{number}/duties/record", json={"done": True})
    caused = staff.post(f"/tickets/{number}/duties/record", json={"done": True, "cause": "delay"})

    assert (200, 422, 200) == (listened.status_code, bare.status_code, caused.status_code)
    assert "delay" == caused.json()["data"]["complaint"]["cause"]


def complaint_of(local: LocalDesk) -> str:
    return local.ticket(local.waiting(team="care"), "complaint_service")


@pytest.mark.parametrize("given", [{}, {"cause": "weather"}])
def test_a_complaint_is_not_resolved_without_a_cause_of_the_table(
    local: LocalDesk, leader: httpx.Client, given: dict[str, str]
) -> None:
    number = complaint_of(local)
    answer = leader.post(f"/tickets/{number}/resolve", json={"reason": "已致歉", **given})

    error = answer.json()["error"]
    assert (422, "missing_reason") == (answer.status_code, error["code"])
    assert "cause" == error["details"]["needs"] and "投诉原因" in error["message"]
    page = leader.get(f"/tickets/{number}").json()["data"]
    assert ("accepted", None) == (page["state"], page["complaint"]["cause"])


def test_a_cause_named_on_resolving_is_recorded(local: LocalDesk, leader: httpx.Client) -> None:
    number = complaint_of(local)
    body = {"reason": "已致歉并补偿", "cause": "delay"}
    page = leader.post(f"/tickets/{number}/resolve", json=body).json()["data"]

    [record] = [duty for duty in page["complaint"]["procedure"] if duty["id"] == "record"]
    assert ("resolved", "delay") == (page["state"], page["complaint"]["cause"])
    assert (True, "已致歉并补偿") == (record["done"], record["note"])
    [entry] = [each for each in page["history"] if each["step"] == "resolve"]
    assert "delay" == entry["data"]["cause"]
    assert "record" not in entry["data"]["procedure_missing"]


def test_a_cause_recorded_before_is_enough_until_it_is_taken_back(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = complaint_of(local)
    path, done = f"/tickets/{number}/duties/record", {"done": True, "cause": "quality"}
    leader.post(path, json=done)
    leader.post(path, json={"done": False})
    refused = leader.post(f"/tickets/{number}/resolve", json={"reason": "已处理"})
    leader.post(path, json=done)
    taken = leader.post(f"/tickets/{number}/resolve", json={"reason": "已处理"})

    assert (422, 200) == (refused.status_code, taken.status_code)
    assert "quality" == taken.json()["data"]["complaint"]["cause"]


def test_only_a_complaint_asks_for_a_cause(local: LocalDesk, leader: httpx.Client) -> None:
    needs = {}
    for number in (complaint_of(local), local.ticket(local.waiting())):
        page = leader.get(f"/tickets/{number}").json()["data"]
        needs[page["type"]] = next(s["needs"] for s in page["steps"] if s["id"] == "resolve")

    assert {"complaint_service": ["reason", "cause"], "fault_broadband": ["reason"]} == needs


def test_of_many_the_complaints_without_a_cause_stay_open(
    local: LocalDesk, leader: httpx.Client
) -> None:
    bare, caused, fault = complaint_of(local), complaint_of(local), local.ticket(local.waiting())
    leader.post(f"/tickets/{caused}/duties/record", json={"done": True, "cause": "charge"})
    body = {"numbers": [bare, caused, fault], "step": "resolve", "reason": "已处理"}
    for preview in (True, False):
        rows = leader.post("/bulk", json={**body, "preview": preview}).json()["data"]["results"]
        assert [False, True, True] == [row["ok"] for row in rows]
        assert "投诉原因" in rows[0]["message"]
    named = {**body, "numbers": [bare], "cause": "delay", "preview": False}

    assert leader.post("/bulk", json=named).json()["data"]["results"][0]["ok"]


@pytest.mark.parametrize("kind", ["complaint_service", "fault_broadband"])
def test_words_of_an_appeal_call_the_leader_and_start_fifteen_days(
    local: LocalDesk, leader: httpx.Client, kind: str
) -> None:
    number = local.ticket(local.waiting(), kind, summary="再不处理我就打12300投诉到工信部")
    until = time.monotonic() + 40
    page: dict = {}
    while not (page.get("complaint") or {}).get("appealed_at") and time.monotonic() < until:
        time.sleep(0.2)
        page = leader.get(f"/tickets/{number}").json()["data"]

    [entry] = [each for each in page["history"] if each["step"] == "appeal"]
    [clock] = [each for each in page["clocks"] if each["clock"] == f"complaint:{entry['seq']}"]
    days = datetime.fromisoformat(clock["due_at"]) - datetime.fromisoformat(clock["started_at"])
    texts = [n["text"] for n in leader.get("/notices").json()["data"]["notices"]]
    assert timedelta(days=15) == days
    assert any(number in text for text in texts)
    # The set procedure is for complaints only.
    assert bool(page["complaint"]["procedure"]) is (kind == "complaint_service")


@pytest.mark.parametrize("appealed", [True, False])
def test_an_appeal_is_not_merged_away_into_a_ticket_without_an_earlier_one(
    local: LocalDesk, leader: httpx.Client, appealed: bool
) -> None:
    id_ = local.waiting(team="care")
    first, second = (local.ticket(id_, "complaint_service") for _ in range(2))
    leader.post(f"/tickets/{first}/answer", json={"reason": "已答复"})
    for number in (first, second) if appealed else (second,):
        heard(local, number)
    answer = leader.post(f"/tickets/{second}/merge", json={"into": first, "reason": "同一件事"})

    assert (200 if appealed else 409) == answer.status_code
    assert appealed or "申诉答复" in answer.json()["error"]["message"]


def heard(local: LocalDesk, number: str) -> None:
    """Let the customer name the regulator on a ticket."""
    with local.desk.sessions.begin() as session:
        tables = (local.desk.handbook, load_reception().complaints)
        note_appeal(
            session, *tables, find_ticket(session, number), "已向工信部申诉", now=local.now()
        )
