"""Chapter 4.5 at the console: leaders open, widen, split and end incidents, and all is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from bot.desk.clock import sweep
from tests.console.conftest import LocalDesk

PLACE = "城关区幸福小区"


@pytest.fixture
def leader(local: LocalDesk) -> httpx.Client:
    return local.person("leader")


def report(local: LocalDesk, client: httpx.Client, address: str) -> dict:
    """Let staff open a ticket for a customer who reports a fault; return the answer."""
    body = {"type": "fault_broadband", "summary": "断网", "facts": {"address": address}}
    answer = client.post(f"/conversations/{local.waiting(team='network')}/tickets", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def opened(client: httpx.Client, address: str, **more: object) -> dict:
    answer = client.post("/incidents", json={"type": "fault_broadband", "address": address, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def actions(client: httpx.Client, action: str) -> list[dict]:
    return client.get("/audit", params={"action": action}).json()["data"]["entries"]


def test_tickets_opened_by_staff_count_and_join(local: LocalDesk, leader: httpx.Client) -> None:
    made = [report(local, leader, f"{PLACE}{n}号楼") for n in range(1, 7)]

    assert [each["incident"] for each in made[:4]] == [None] * 4
    assert [each["incident"]["area"] for each in made[4:]] == [PLACE] * 2
    rows = leader.get("/incidents").json()["data"]["incidents"]
    [row] = [each for each in rows if each["where"] == PLACE]
    assert (row["tickets"], row["opened_by"]) == (6, "系统")
    assert row["ticket"]["deadline_class"] == "urgent"


def test_a_leader_opens_one_before_the_threshold(local: LocalDesk, leader: httpx.Client) -> None:
    number = report(local, leader, "安宁区望江花园2栋")["ticket"]["number"]
    where = {"type": "fault_broadband", "address": "安宁区望江花园"}
    asked = leader.get("/incidents/preview", params=where).json()["data"]
    page = opened(leader, "安宁区望江花园")
    again = opened(leader, "安宁区望江花园")

    assert asked == {"where": "安宁区望江花园", "reports": 1}
    assert [each["number"] for each in page["members"]] == [number]
    assert again["id"] == page["id"]
    assert actions(leader, "incident_opened")[0]["subject"] == f"incident:{page['id']}"


def test_what_names_no_area_is_refused_with_an_example(leader: httpx.Client) -> None:
    answer = leader.post("/incidents", json={"type": "fault_broadband", "address": "3号楼"})
    other = leader.post("/incidents", json={"type": "bill_query", "address": PLACE})

    assert "城关区幸福小区" in answer.json()["error"]["message"]
    assert "fault_broadband" in other.json()["error"]["details"]["known"]


def test_widening_takes_the_neighbour_in_and_splitting_lets_one_go(
    local: LocalDesk, leader: httpx.Client
) -> None:
    page = opened(leader, "西固区翠湖小区")
    number = report(local, leader, "西固区紫荆花园5栋")["ticket"]["number"]
    beside = leader.get(f"/incidents/{page['id']}").json()["data"]["neighbours"]
    names = [each["name"] for each in beside]
    wider = leader.post(f"/incidents/{page['id']}/widen", json={"names": ["紫荆花园"]}).json()["data"]
    body = {"numbers": [number], "reason": "单户故障"}
    less = leader.post(f"/incidents/{page['id']}/split", json=body).json()["data"]
    twice = leader.post(f"/incidents/{page['id']}/split", json=body)

    assert "紫荆花园" in names
    assert (wider["joined"], [each["number"] for each in wider["members"]]) == (1, [number])
    assert (less["left"], less["members"], twice.status_code) == (1, [], 404)
    assert actions(leader, "incident_split")[0]["data"]["reason"] == "单户故障"


def test_tickets_split_off_become_an_incident_of_their_own(
    local: LocalDesk, leader: httpx.Client
) -> None:
    page = opened(leader, "西固区月牙小区")
    number = report(local, leader, "西固区星河花园5栋")["ticket"]["number"]
    leader.post(f"/incidents/{page['id']}/widen", json={"names": ["星河花园"]})
    body = {"numbers": [number], "reason": "另一处故障", "own": True}
    data = leader.post(f"/incidents/{page['id']}/split", json=body).json()["data"]
    own = leader.get(f"/incidents/{data['own']['id']}").json()["data"]

    assert (data["left"], data["members"], own["where"]) == (1, [], "西固区星河花园")
    assert [each["number"] for each in own["members"]] == [number]
    assert actions(leader, "incident_opened")[0]["data"]["from"] == page["id"]


def test_ending_a_false_alarm_gives_the_tickets_back(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = report(local, leader, "七里河区金色家园1栋")["ticket"]["number"]
    page = opened(leader, "七里河区金色家园")
    ended = leader.post(f"/incidents/{page['id']}/end", json={"reason": "误报"})
    sweep(local.desk.sessions, local.desk.handbook, now=local.now())
    late = leader.post(f"/incidents/{page['id']}/widen", json={"names": ["幸福小区"]})
    over = leader.get("/incidents", params={"ended": True}).json()["data"]["incidents"]

    assert ended.json()["data"]["state"] in {"ending", "ended"}
    assert leader.get(f"/tickets/{number}").json()["data"]["incident_id"] is None
    assert (late.status_code, late.json()["error"]["code"]) == (409, "incident_ended")
    assert page["id"] in [each["id"] for each in over]


def test_another_teams_leader_neither_sees_nor_opens_it(
    local: LocalDesk, leader: httpx.Client
) -> None:
    page = opened(leader, "城关区东方公寓")
    other = local.person("leader", "billing")
    body = {"type": "fault_broadband", "address": "城关区东方公寓"}

    assert page["id"] not in [e["id"] for e in other.get("/incidents").json()["data"]["incidents"]]
    assert other.get(f"/incidents/{page['id']}").status_code == 404
    assert other.post("/incidents", json=body).status_code == 403


def test_an_incident_shows_when_it_is_expected_to_end_as_its_customers_were_told(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = report(local, leader, "城关区团结新村1栋")["ticket"]["number"]
    page = opened(leader, "城关区团结新村")
    told = leader.get(f"/tickets/{number}").json()["data"]["resolve_by"]
    before = (page["expected_at"][:19], page["delayed"])
    local.offset += datetime.fromisoformat(told) - local.now() + timedelta(minutes=1)
    for _ in range(3):
        sweep(local.desk.sessions, local.desk.handbook, now=local.now())
    leader = local.person("leader")  # the other has been signed out meanwhile
    late = leader.get(f"/incidents/{page['id']}").json()["data"]
    told_again = leader.get(f"/tickets/{number}").json()["data"]["resolve_by"]
    ended = leader.post(f"/incidents/{page['id']}/end", json={"reason": "误报"}).json()["data"]

    assert (told[:19], False) == before
    assert (told_again[:19], True) == (late["expected_at"][:19], late["delayed"])
    assert told_again > told
    assert ended["expected_at"] is None
