"""Chapter 2.2: what a person who has just come sees of customers, tickets and notices."""

from __future__ import annotations

import time
from datetime import datetime

import httpx
import pytest

from bot.desk.messages import receive_message
from bot.desk.notices import notify_staff
from bot.storage.conversations import Conversation
from bot.storage.tickets import Ticket
from tests.console.conftest import LocalDesk

GOOD = "您好，已为您查到账单明细，请问还有什么可以帮您？"


def listed(client: httpx.Client, id_: str) -> dict:
    shown = client.get("/conversations").json()["data"]["conversations"]
    return next(item for item in shown if item["id"] == id_)


def test_who_serves_a_customer_sees_and_works_the_tickets_of_other_teams(local: LocalDesk) -> None:
    billing, network = local.person("staff", "billing"), local.person("staff", "network")
    id_ = local.waiting("账单不对", team="billing")
    number = local.ticket(id_, "bill_dispute", summary="账单不对")
    before = network.get(f"/tickets/{number}").status_code
    epoch = billing.post(f"/conversations/{id_}/claim", json={}).json()["data"]["conversation"][
        "epoch"
    ]
    billing.post(f"/conversations/{id_}/transfer", json={"team": "network", "epoch": epoch})
    waiting = network.get(f"/tickets/{number}").status_code
    network.post(f"/conversations/{id_}/claim", json={})
    held = network.get(f"/tickets/{number}").status_code
    noted = network.post(f"/tickets/{number}/note", json={"reason": "客户来问"}).status_code
    network.post(f"/conversations/{id_}/hand-back", json={})
    after = network.get(f"/tickets/{number}").status_code

    assert (404, 404, 200, 200, 404) == (before, waiting, held, noted, after)


def test_what_nobody_has_answered_since_taking_over_is_not_called_answered(
    local: LocalDesk,
) -> None:
    staff = local.person("staff", "billing")
    id_ = local.waiting("账单不对")
    staff.post(f"/conversations/{id_}/claim", json={})
    taken = listed(staff, id_)["needs_answer"]
    staff.post(f"/conversations/{id_}/reply", json={"text": GOOD})
    answered = listed(staff, id_)["needs_answer"]
    with local.desk.sessions.begin() as session:
        conversation = session.get(Conversation, id_)
        receive_message(session, conversation, text="还有", external_id="m9", now=local.now())

    assert (True, False, True) == (taken, answered, listed(staff, id_)["needs_answer"])


@pytest.mark.parametrize("registered", [True, False])
def test_the_queue_says_what_somebody_waits_for(local: LocalDesk, *, registered: bool) -> None:
    staff, id_ = local.person("staff", "billing"), local.waiting("转人工")
    if registered:
        local.ticket(id_, "bill_dispute", summary="话费多扣，电话13912345678")
    else:
        with local.desk.sessions.begin() as session:
            story = {"intake": {"story": ["话费多扣", "电话13912345678"]}}
            session.get(Conversation, id_).dialogue = story

    assert "话费多扣，电话139****5678" == listed(staff, id_)["matter"]


def test_a_call_to_the_leader_leads_to_the_conversation(local: LocalDesk) -> None:
    leader, id_ = local.person("leader"), local.waiting("我要向工信部申诉")
    with local.desk.sessions.begin() as session:
        receive_message(
            session, session.get(Conversation, id_), text="我要打12300", external_id="m8", now=local.now()
        )  # fmt: skip
    until, found = time.monotonic() + 40, []
    while not found and time.monotonic() < until:
        time.sleep(0.2)
        notices = leader.get("/notices").json()["data"]["notices"]
        found = [notice for notice in notices if notice["conversation"] == id_]

    # By the name under which the console shows it.
    assert id_[-6:] in found[0]["text"]


def test_a_breach_leads_to_its_ticket(local: LocalDesk) -> None:
    leader, number = local.person("leader"), local.ticket(local.waiting())
    with local.desk.sessions.begin() as session:
        ticket = session.query(Ticket).filter_by(number=number).one()
        notify_staff(
            session, key="leads", kind="breach", level="urgent", role="leader",
            ticket=ticket, text="工单将超时", now=local.now(),
        )  # fmt: skip
    notices = leader.get("/notices").json()["data"]["notices"]

    assert number in {notice["ticket"] for notice in notices}


def test_the_board_is_narrowed_like_the_table(local: LocalDesk) -> None:
    leader = local.person("leader")
    fault = local.ticket(local.waiting(team="network"), "fault_broadband")
    bill = local.ticket(local.waiting(), "bill_dispute")
    shown = {}
    for team in ("network", "billing"):
        [column, *_] = leader.get("/board", params={"team": team}).json()["data"]["columns"]
        shown[team] = {ticket["number"] for ticket in column["tickets"]} & {fault, bill}
        assert column["count"] is None

    assert {"network": {fault}, "billing": {bill}} == shown
    assert leader.get("/board").json()["data"]["columns"][0]["count"] >= 2


def test_words_of_another_case_are_shown_and_never_put_into_a_reply(local: LocalDesk) -> None:
    staff = local.person("staff", "billing")
    said = "亲，这个问题我不知道，肯定给您弄好。"
    findings = staff.post("/lint", json={"text": said}).json()["data"]["findings"]
    ways = {f["rule"]: ("例如：" in f["suggestion"], "rewrite" in f) for f in findings}

    assert {"RSP-03": (True, False), "PRM-01": (True, False), "FBD-01": (False, True)} == {
        rule: ways[rule] for rule in ("RSP-03", "PRM-01", "FBD-01")
    }


def test_a_promised_call_is_what_is_due_first(local: LocalDesk) -> None:
    staff, id_ = local.person("staff", "billing"), local.waiting("账单不对")
    number = local.ticket(id_, "bill_dispute")
    staff.post(f"/conversations/{id_}/claim", json={})
    before = datetime.fromisoformat(listed(staff, id_)["due_at"])
    staff.post(f"/conversations/{id_}/reply", json={"text": "您好，正在核实，2小时内给您回电。"})
    clocks = staff.get(f"/tickets/{number}").json()["data"]["clocks"]
    [call] = [each for each in clocks if each["clock"].startswith("callback")]
    after = listed(staff, id_)["due_at"]

    assert call["due_at"] == after
    assert datetime.fromisoformat(after) < before
