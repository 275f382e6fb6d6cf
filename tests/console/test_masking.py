"""Chapter 4.4: no number of a customer leaves the desk in findings, reasons or the audit log."""

from __future__ import annotations

from datetime import timedelta

import httpx
from sqlalchemy import select

from bot.console.views import reading_json
from bot.desk.audit import record_audit
from bot.desk.clock import sweep
from bot.desk.tickets import find_ticket
from bot.handbook.requests import Urgency
from bot.storage.clock import Improvement
from bot.storage.conversations import Conversation
from bot.storage.notices import Delivery, Notice
from tests.console.conftest import LocalDesk
from tests.console.test_conversations import png

NUMBER = "138" + "0000" + "0099"
GAPPED = "138-0000-0099"
IDENTITY = "11010519491231" + "002X"
CARD = "622202" + "1234567890" + "003"


def test_findings_of_a_sent_reply_show_no_number_and_their_places_fit(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    body = {"text": f"您好，联系人号码{GAPPED}，请核对。", "override_reason": f"客户要求{NUMBER}"}
    answer = staff.post(f"/conversations/{held}/reply", json=body)
    assert 201 == answer.status_code, answer.text

    page = staff.get(f"/conversations/{held}")
    [message] = [m for m in page.json()["data"]["messages"] if m.get("override_reason")]
    [finding] = [f for f in message["findings"] if f["rule"] == "PRV-01"]
    assert NUMBER not in page.text and GAPPED not in page.text
    assert "138-****-0099" == finding["matched"]
    assert finding["matched"] == message["text"][finding["start"] : finding["end"]]


def test_a_number_in_a_reason_is_masked_in_the_log_and_its_export(
    local: LocalDesk, staff: httpx.Client
) -> None:
    leader = local.person("leader")
    id_ = local.waiting(f"我的号码是{NUMBER}")
    [message] = staff.get(f"/conversations/{id_}").json()["data"]["messages"]
    body = {"message": message["id"], "reason": f"回拨{NUMBER}"}
    staff.post(f"/conversations/{id_}/reveal", json=body)
    local.browser().post("/sign-in", json={"name": NUMBER, "password": "wrong-password"})

    with local.desk.sessions.begin() as session:
        [entry, *_] = leader.get("/audit?action=revealed").json()["data"]["entries"]
        assert "回拨138****0099" == entry["data"]["reason"]
        record_audit(session, action="probe", subject="x", now=local.now(),
                     data={"list": [{"deep": NUMBER}]})  # fmt: skip
    for answer in (leader.get("/audit"), leader.get("/audit/export")):
        assert NUMBER not in answer.text
    assert leader.get("/audit/verify").json()["data"]["intact"]


def test_a_number_in_the_reason_of_a_sum_is_masked(local: LocalDesk, staff: httpx.Client) -> None:
    leader = local.person("leader")
    number = local.ticket(local.waiting(), "bill_query")
    with local.desk.sessions.begin() as session:
        find_ticket(session, number).team = "billing"
    body = {"kind": "refund", "amount": 5000, "reason": f"退到{NUMBER}"}
    asked = staff.post(f"/tickets/{number}/approvals", json=body)

    assert 201 == asked.status_code and NUMBER not in asked.text
    assert NUMBER not in leader.get("/approvals").text


def test_a_number_in_the_name_of_a_file_is_masked_for_everybody(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    number = local.ticket(held, "bill_query")
    name = {"file": (f"身份证{IDENTITY} {NUMBER}.png", png(), "image/png")}
    sent = staff.post(f"/conversations/{held}/attachments", files=name)
    kept = staff.post(f"/tickets/{number}/attachments", files=name)

    shown = kept.json()["data"]["attachment"]
    assert "138xxxx0099" in shown["name"] and shown["name"].endswith(".png")
    fetched = httpx.get(f"{local.url}{shown['url']}")
    pages = [staff.get(f"/conversations/{held}"), staff.get(f"/tickets/{number}")]
    for text in (sent.text, kept.text, str(fetched.headers), *(page.text for page in pages)):
        assert NUMBER not in text and IDENTITY not in text


def test_a_number_in_a_transfer_note_is_masked_in_the_queue(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    other = local.person("staff", "care")
    body = {"team": "care", "note": f"请回拨{NUMBER}，证件{IDENTITY}，卡{CARD}"}
    assert 200 == staff.post(f"/conversations/{held}/transfer", json=body).status_code

    queue = other.get("/conversations", params={"state": "waiting"})
    page = other.get(f"/conversations/{held}")
    for text in (queue.text, page.text, local.person("leader").get("/audit").text):
        assert not [each for each in (NUMBER, IDENTITY, CARD) if each in text]
    assert "138****0099" in page.text and "138****0099" in queue.text


def test_a_number_in_what_was_done_about_a_mark_is_masked(local: LocalDesk) -> None:
    leader = local.person("leader")
    number = local.ticket(local.waiting(), "bill_query")
    with local.desk.sessions.begin() as session:
        values = {"cycle": 1, "team": "billing", "reason": "评价1分", "state": "open"}
        ticket = find_ticket(session, number)
        row = Improvement(ticket_id=ticket.id, due_at=local.now(), created_at=local.now(), **values)
        session.add(row)
        session.flush()
        id_ = row.id
    body = {"result": f"已致电{NUMBER}"}
    assert 200 == leader.post(f"/improvements/{id_}/finish", json=body).status_code

    [done] = leader.get("/improvements?done=true").json()["data"]["improvements"]
    assert "已致电138****0099" == done["result"]


def test_no_list_shows_the_door_number_or_phone_that_a_customer_wrote(local: LocalDesk) -> None:
    leader = local.person("leader")
    said = f"幸福小区3号楼2单元501断网了，电话{NUMBER}，证件{IDENTITY}"
    id_ = local.waiting(said)
    number = local.ticket(id_, summary=said, facts={"address": "城关区幸福小区3号楼2单元501"})
    lists = [
        leader.get(path, params=query)
        for path, query in (
            ("/tickets", {}), ("/tickets", {"sort": "due"}), ("/tickets", {"q": number}),
            ("/tickets", {"q": "断网"}), ("/board", {}), ("/notices", {}),
            ("/conversations", {"state": "waiting"}), ("/conversations", {"state": "bot"}),
        )
    ]  # fmt: skip
    assert all(200 == each.status_code for each in lists)
    # Where the customer stands is shown, in the table, the board and the queue.
    assert 6 <= sum("幸福小区***断网了" in each.text for each in lists)
    for each in lists:
        assert not [part for part in ("2单元", "501", NUMBER, IDENTITY) if part in each.text]
    page = leader.get(f"/tickets/{number}").json()["data"]
    assert "3号楼2单元501" in page["full_summary"] and NUMBER not in page["full_summary"]


def test_no_notice_or_card_that_leaves_the_desk_shows_what_a_customer_wrote(
    local: LocalDesk,
) -> None:
    said = f"幸福小区3号楼2单元501断网了，电话{NUMBER}，证件{IDENTITY}，我要去工信部投诉"
    local.ticket(local.waiting(said, urgency="urgent"), summary=said, urgency=Urgency.URGENT)
    local.offset = timedelta(hours=3)
    sweep(local.desk.sessions, local.desk.handbook, now=local.now())
    with local.desk.sessions() as session:
        notices = session.execute(select(Notice.text)).scalars().all()
        cards = session.execute(select(Delivery.payload).where(Delivery.sender != "customer")).scalars().all()  # fmt: skip
    assert notices and cards
    for text in (*notices, *map(str, cards)):
        assert not [part for part in ("2单元", "501断网", NUMBER, IDENTITY) if part in text]


def test_what_the_dialogue_remembers_for_itself_is_no_fact_for_staff(local: LocalDesk) -> None:
    intake = {"type": "fault_broadband", "facts": {"stuck": "address", "amount": "30元"}}
    conversation = Conversation(id="one", dialogue={"intake": intake})
    shown = reading_json(local.desk.handbook, conversation)

    assert shown is not None
    assert ["amount"] == [fact["name"] for fact in shown["facts"]]
