"""Chapter 3.5 at the console: call-backs due to a person, and improvements from low marks."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from bot.desk.surveys import PERSON
from bot.storage.clock import Survey
from tests.console.conftest import LocalDesk


@pytest.fixture
def leader(local: LocalDesk) -> httpx.Client:
    return local.person("leader")


def unanswered(local: LocalDesk, client: httpx.Client) -> str:
    """Resolve a complaint whose customer does not answer; return its number."""
    number = local.ticket(local.waiting(), "complaint_service")
    client.post(f"/tickets/{number}/claim", json={})
    client.post(f"/tickets/{number}/resolve", json={"reason": "已致歉", "cause": "delay"})
    with local.desk.sessions.begin() as session:
        survey = session.query(Survey).order_by(Survey.id.desc()).first()
        survey.state, survey.next_at = PERSON, local.now() + timedelta(hours=24)
    return number


def due(client: httpx.Client) -> list[str]:
    return [each["ticket"]["number"] for each in client.get("/calls").json()["data"]["calls"]]


def state(client: httpx.Client, number: str) -> str:
    return str(client.get(f"/tickets/{number}").json()["data"]["state"])


@pytest.mark.parametrize(
    ("said", "outcome", "after"),
    [
        ({"solved": True, "score": 5, "words": "很快"}, "closed", "closed"),
        ({"solved": False, "words": "还是断线"}, "reopened", "processing"),
        ({"solved": True}, "ask_score", "confirmed"),
    ],
)
def test_the_answer_on_the_phone_does_what_the_customers_own_would(
    local: LocalDesk, leader: httpx.Client, said: dict, outcome: str, after: str
) -> None:
    number = unanswered(local, leader)
    assert number in due(leader)
    answer = leader.post(f"/calls/{number}", json=said)

    assert answer.json()["data"] == {"outcome": outcome}
    assert state(leader, number) == after
    assert number not in due(leader)


def test_nobody_reached_is_noted_and_the_call_stays_due(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = unanswered(local, leader)
    answer = leader.post(f"/calls/{number}", json={"reached": False, "words": "占线"})
    history = leader.get(f"/tickets/{number}").json()["data"]["history"]

    assert answer.json()["data"] == {"outcome": "not_reached"}
    assert history[-1]["reason"] == "电话回访未接通。占线"
    assert number in due(leader)


@pytest.mark.parametrize(
    ("body", "status"), [({}, 422), ({"solved": True, "score": 6}, 422)]
)
def test_a_result_without_sense_is_refused(
    local: LocalDesk, leader: httpx.Client, body: dict, status: int
) -> None:
    assert leader.post(f"/calls/{unanswered(local, leader)}", json=body).status_code == status


def test_a_call_nobody_waits_for_is_refused(local: LocalDesk, leader: httpx.Client) -> None:
    number = local.ticket(local.waiting())
    answer = leader.post(f"/calls/{number}", json={"solved": True})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_call_due")


def test_a_low_mark_is_finished_once_with_a_measure(local: LocalDesk, leader: httpx.Client) -> None:
    number = unanswered(local, leader)
    leader.post(f"/calls/{number}", json={"solved": True, "score": 1, "words": "太慢"})
    items = leader.get("/improvements").json()["data"]["improvements"]
    [item] = [each for each in items if each["ticket"]["number"] == number]
    first = leader.post(f"/improvements/{item['id']}/finish", json={"result": "已培训"})
    second = leader.post(f"/improvements/{item['id']}/finish", json={"result": "再次"})
    done = leader.get("/improvements", params={"done": True}).json()["data"]["improvements"]

    assert (item["reason"], item["late"]) == ("评价1分：太慢", False)
    assert (first.status_code, second.status_code) == (200, 409)
    assert (done[0]["ticket"]["number"], done[0]["result"]) == (number, "已培训")


def test_another_teams_items_are_not_found(local: LocalDesk, leader: httpx.Client) -> None:
    number = unanswered(local, leader)
    leader.post(f"/calls/{number}", json={"solved": True, "score": 1})
    items = leader.get("/improvements").json()["data"]["improvements"]
    [item] = [each for each in items if each["ticket"]["number"] == number]
    other = local.person("leader", "billing")

    assert item["id"] not in [e["id"] for e in other.get("/improvements").json()["data"]["improvements"]]
    answer = other.post(f"/improvements/{item['id']}/finish", json={"result": "x"})
    assert answer.status_code == 404


def done(local: LocalDesk, client: httpx.Client) -> str:
    """Resolve a fault whose customer is being asked; return its number."""
    number = local.ticket(local.waiting())
    client.post(f"/tickets/{number}/claim", json={})
    client.post(f"/tickets/{number}/resolve", json={"reason": "更换光猫后恢复"})
    return number


def test_staff_give_no_mark_of_their_own(local: LocalDesk, leader: httpx.Client) -> None:
    number = done(local, leader)
    answer = leader.post(f"/tickets/{number}/rate", json={"score": 5})
    page = leader.get(f"/tickets/{number}").json()["data"]

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "illegal_step")
    assert page["satisfaction"] is None
    assert "rate" not in page["legal_steps"]


def test_a_confirmation_without_the_customers_words_is_refused(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = done(local, leader)
    answer = leader.post(f"/tickets/{number}/confirm", json={})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "missing_reason")
    assert state(leader, number) == "resolved"


def test_a_confirmation_by_phone_counts_like_the_customers_own(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = done(local, leader)
    body = {"reason": "客户说能用了，嫌慢，很满意师傅", "score": 2}
    page = leader.post(f"/tickets/{number}/confirm", json=body).json()["data"]
    items = leader.get("/improvements").json()["data"]["improvements"]

    assert (page["state"], page["satisfaction"]) == ("closed", 2)
    assert number in [each["ticket"]["number"] for each in items]


def test_the_words_of_a_person_are_read_for_no_mark(local: LocalDesk, leader: httpx.Client) -> None:
    number = done(local, leader)
    page = leader.post(f"/tickets/{number}/confirm", json={"reason": "客户很满意"}).json()["data"]

    assert (page["state"], page["satisfaction"]) == ("confirmed", None)


def test_a_call_is_recorded_before_it_is_due(local: LocalDesk, leader: httpx.Client) -> None:
    number = done(local, leader)
    answer = leader.post(f"/calls/{number}", json={"solved": True, "score": 4})

    assert answer.json()["data"] == {"outcome": "closed"}
