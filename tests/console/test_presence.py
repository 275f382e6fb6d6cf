"""Chapters 2.1 and 4.3: who goes off duty or on a break says why, and the leader sees it."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from bot.desk import absence
from bot.desk.serving import Office
from bot.handbook.reception_tables import load_reception
from tests.console.conftest import LocalDesk


def shown(client: httpx.Client, person: httpx.Client) -> tuple[str, str | None]:
    """Return what the page of colleagues says of a person."""
    name = person.headers["X-Test-Name"]
    rows = client.get("/people").json()["data"]["people"]
    [row] = [each for each in rows if each["name"] == name]
    return row["presence"], row["presence_reason"]


@pytest.mark.parametrize(("presence", "reason"), [("break", "用餐"), ("off", "请假")])
def test_a_reason_of_the_table_is_needed_kept_and_shown_to_the_leader(
    local: LocalDesk, staff: httpx.Client, presence: str, reason: str
) -> None:
    leader = local.person("leader")
    staff.post("/presence", json={"presence": "duty"})
    known = load_reception().presences[presence].reasons
    for body in ({"presence": presence}, {"presence": presence, "reason": "随便"}):
        answer = staff.post("/presence", json=body)
        error = answer.json()["error"]
        assert (422, "missing_reason") == (answer.status_code, error["code"])
        assert list(known) == error["details"]["known"]
    assert ("duty", None) == shown(leader, staff)

    assert 200 == staff.post("/presence", json={"presence": presence, "reason": reason}).status_code
    assert (presence, reason) == shown(leader, staff)
    staff.post("/presence", json={"presence": "duty"})
    assert ("duty", None) == shown(leader, staff)


def own_id(client: httpx.Client) -> int:
    """Return the number of who is signed in."""
    return int(client.get("/me").json()["data"]["staff"]["id"])


def test_a_leader_sets_a_colleague_with_a_reason_and_it_is_audited(
    local: LocalDesk, staff: httpx.Client
) -> None:
    leader = local.person("leader")
    staff.post("/presence", json={"presence": "duty"})
    path = f"/people/{own_id(staff)}/presence"
    assert 422 == leader.post(path, json={"presence": "off"}).status_code
    assert 200 == leader.post(path, json={"presence": "off", "reason": "下班"}).status_code

    assert ("off", "下班") == shown(leader, staff)
    [entry] = [
        each for each in leader.get("/audit").json()["data"]["entries"]
        if each["action"] == "presence_set" and each["subject"].endswith(staff.headers["X-Test-Name"])
    ]  # fmt: skip
    assert (leader.headers["X-Test-Name"], "off", "下班") == (
        entry["staff"], entry["data"]["presence"], entry["data"]["reason"],
    )  # fmt: skip


@pytest.mark.parametrize("role", ["staff", "trainer", "inspector"])
def test_nobody_else_sets_a_colleague(local: LocalDesk, staff: httpx.Client, role: str) -> None:
    answer = local.person(role).post(
        f"/people/{own_id(staff)}/presence", json={"presence": "off", "reason": "下班"}
    )

    assert (403, "forbidden") == (answer.status_code, answer.json()["error"]["code"])


def test_who_does_not_serve_is_not_put_on_duty(local: LocalDesk) -> None:
    trainer = local.person("trainer")
    answer = local.person("leader").post(
        f"/people/{own_id(trainer)}/presence", json={"presence": "duty"}
    )

    assert (422, "presence") == (answer.status_code, answer.json()["error"]["details"]["field"])


def test_who_is_set_on_duty_by_another_is_not_taken_for_being_there(
    local: LocalDesk, staff: httpx.Client
) -> None:
    leader, id_ = local.person("leader"), own_id(staff)
    local.offset = timedelta(minutes=10)
    leader.post(f"/people/{id_}/presence", json={"presence": "duty"})

    [row] = [each for each in leader.get("/people").json()["data"]["people"] if each["id"] == id_]
    assert ("duty", False) == (row["presence"], row["connected"])


def test_a_reason_does_not_outlive_what_it_was_given_for(
    local: LocalDesk, staff: httpx.Client
) -> None:
    leader = local.person("leader")
    staff.post("/presence", json={"presence": "off", "reason": "下班"})
    staff.post(f"/conversations/{local.waiting()}/claim")
    assert ("duty", None) == shown(leader, staff)

    staff.post("/presence", json={"presence": "break", "reason": "培训"})
    local.offset = timedelta(minutes=10)
    with local.desk.sessions.begin() as session:
        office = Office(local.desk.handbook, load_reception(), gate=None)
        absence.drop_lost_presence(session, office, now=local.now())
    assert ("off", None) == shown(leader, staff)
