"""Chapter 2.2: people take, answer, pass on and give back conversations through the API."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest

from bot.desk.messages import receive_message
from bot.desk.rules_in_force import rule_uses
from bot.handbook.language.finding import Finding, Level
from bot.storage.conversations import Conversation, Message
from bot.storage.language import LanguageMark
from bot.storage.tickets import Ticket
from tests.console.conftest import LocalDesk

GOOD = "您好，已为您查到账单明细，请问还有什么可以帮您？"
BAD = "这事儿不归我管，你自己看着办吧。"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def customer_says(local: LocalDesk, id_: str, text: str, external_id: str) -> None:
    with local.desk.sessions.begin() as session:
        receive_message(
            session,
            session.get(Conversation, id_),
            text=text,
            external_id=external_id,
            now=local.now(),
        )


def said(local: LocalDesk, id_: str) -> list[tuple[str, str]]:
    with local.desk.sessions() as session:
        rows = session.query(Message).filter_by(conversation_id=id_).order_by(Message.id)
        return [(row.author, row.state) for row in rows]


def test_the_queue_shows_urgent_before_long_waiting(local: LocalDesk) -> None:
    staff = local.person("staff", "security")
    local.offset = timedelta(minutes=-10)
    patient = local.waiting("想查一下", team="security")
    local.offset = timedelta(0)
    urgent = local.waiting("有人盗刷我的号码", urgency="urgent", team="security")

    shown = staff.get("/conversations", params={"state": "waiting"}).json()["data"]["conversations"]

    assert [urgent, patient] == [item["id"] for item in shown]
    assert [(1, "urgent"), (2, "general")] == [(i["position"], i["urgency"]) for i in shown]
    assert shown[1]["waited_s"] >= 600


def test_of_two_people_one_wins_and_the_other_is_told_who(local: LocalDesk) -> None:
    people = [local.person("staff", "billing") for _ in range(6)]
    id_ = local.waiting()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda client: client.post(f"/conversations/{id_}/claim"), people))

    statuses = sorted(answer.status_code for answer in answers)
    lost = next(answer for answer in answers if answer.status_code == 409).json()["error"]
    assert [200, 409, 409, 409, 409, 409] == statuses
    assert lost["code"] == "stale_holder" and lost["details"]["holder"]


def test_a_good_reply_reaches_the_customer_once(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    body = {"text": GOOD, "client_message_id": "r1"}
    first = staff.post(f"/conversations/{held}/reply", json=body)
    again = staff.post(f"/conversations/{held}/reply", json=body)

    assert (201, "sent") == (first.status_code, first.json()["data"]["message"]["state"])
    assert first.json()["data"]["message"]["id"] == again.json()["data"]["message"]["id"]
    assert [("customer", "handled"), ("system", "sent"), ("staff", "sent")] == said(local, held)


def test_a_blocked_reply_is_refused_with_its_findings_and_nothing_is_sent(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    before = said(local, held)
    answer = staff.post(f"/conversations/{held}/reply", json={"text": BAD})

    details = answer.json()["error"]["details"]
    assert (422, "language_blocked") == code_of(answer)
    assert details["findings"][0]["matched"] in BAD
    assert before == said(local, held)


def test_what_held_a_reply_back_and_what_mended_it_is_kept(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    answer = staff.post(f"/conversations/{held}/reply", json={"text": BAD})
    rule = answer.json()["error"]["details"]["findings"][0]["rule"]
    body = {"text": GOOD, "rewritten": [rule], "client_message_id": "r2"}
    for _ in range(2):
        staff.post(f"/conversations/{held}/reply", json=body)

    with local.desk.sessions() as session:
        marks = {(mark.rule, mark.what) for mark in session.query(LanguageMark)}
        assert session.query(LanguageMark).filter_by(what="rewritten").count() == 1
    assert {(rule, "refused"), (rule, "rewritten")} <= marks


def test_the_first_reply_is_the_first_response_on_the_open_tickets(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    number = local.ticket(held)
    staff.post(f"/conversations/{held}/reply", json={"text": GOOD})

    with local.desk.sessions() as session:
        assert session.query(Ticket).filter_by(number=number).one().first_response_at is not None


def test_nobody_answers_in_a_conversation_held_by_another(local: LocalDesk, held: str) -> None:
    other = local.person("staff", "billing")
    answer = other.post(f"/conversations/{held}/reply", json={"text": GOOD})

    assert (409, "stale_holder") == code_of(answer)


def test_a_person_of_another_team_does_not_see_the_conversation(
    local: LocalDesk, held: str
) -> None:
    other = local.person("staff", "field")

    assert (404, "not_found") == code_of(other.get(f"/conversations/{held}"))
    assert (404, "not_found") == code_of(other.post(f"/conversations/{held}/claim"))


@pytest.mark.parametrize(
    ("role", "teams", "seen"),
    [
        ("staff", [], False),
        ("staff", ["billing"], False),
        ("leader", ["care"], True),
        ("trainer", [], True),
    ],
)
@pytest.mark.parametrize("state", ["bot", "ended"])
def test_what_only_the_bot_served_is_for_who_may_watch(
    local: LocalDesk, role: str, teams: list[str], seen: bool, state: str
) -> None:
    id_ = f"alone-{role}-{len(teams)}-{state}"
    with local.desk.sessions.begin() as session:
        local.open(session, id_, "怎么查话费")
        session.get(Conversation, id_).state = state
    person = local.person(role, *teams)
    listed = person.get("/conversations", params={"state": state}).json()["data"]["conversations"]

    assert (id_ in [item["id"] for item in listed]) is seen
    assert (200 if seen else 404) == person.get(f"/conversations/{id_}").status_code


def test_handing_back_lets_the_bot_open_with_one_sentence(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    number = local.ticket(held)
    answer = staff.post(f"/conversations/{held}/hand-back")

    page = local.person("leader").get(f"/conversations/{held}").json()["data"]
    assert (200, "bot") == (answer.status_code, answer.json()["data"]["conversation"]["state"])
    assert ("bot", "sent") == (page["messages"][-1]["author"], page["messages"][-1]["state"])
    assert number in page["messages"][-1]["text"]


def test_what_the_customer_told_the_person_is_known_to_the_bot_afterwards(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    with local.desk.sessions.begin() as session:
        intake = {"type": "fault_broadband", "key": "k", "facts": {}, "words": ["宽带断了"]}
        session.get(Conversation, held).dialogue = {"intake": intake}
    customer_says(local, held, "我住城关区幸福小区3号楼", "m2")
    staff.post(f"/conversations/{held}/hand-back")

    with local.desk.sessions() as session:
        known = session.get(Conversation, held).dialogue["intake"]
    assert "幸福小区" in known["facts"]["address"]
    assert ["宽带断了", "我住城关区幸福小区3号楼"] == known["words"]


def test_a_transferred_conversation_goes_to_the_front_of_the_other_team(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    local.offset = timedelta(minutes=-20)
    local.waiting(team="enterprise")
    local.offset = timedelta(0)
    answer = staff.post(
        f"/conversations/{held}/transfer", json={"team": "enterprise", "note": "专线问题"}
    )

    queue = local.person("staff", "enterprise").get("/conversations?state=waiting").json()["data"]
    assert 200 == answer.status_code
    assert held == queue["conversations"][0]["id"]


def test_a_conversation_is_passed_to_one_person(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    colleague = local.person("staff", "billing")
    person = colleague.get("/me").json()["data"]["staff"]["id"]
    colleague.post("/presence", json={"presence": "duty"})
    staff.post(f"/conversations/{held}/transfer", json={"person": person})

    assert 201 == colleague.post(f"/conversations/{held}/reply", json={"text": GOOD}).status_code
    assert 409 == staff.post(f"/conversations/{held}/reply", json={"text": GOOD}).status_code


@pytest.mark.parametrize("step", ["hand-back", "end", "transfer"])
def test_a_decision_made_under_an_old_epoch_is_refused(
    local: LocalDesk, staff: httpx.Client, held: str, step: str
) -> None:
    answer = staff.post(f"/conversations/{held}/{step}", json={"epoch": 0, "team": "care"})

    assert (409, "stale_holder") == code_of(answer)


def test_a_note_is_seen_by_staff_and_never_by_the_customer(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    staff.post(f"/conversations/{held}/note", json={"text": "客户情绪激动，注意安抚"})

    page = staff.get(f"/conversations/{held}").json()["data"]
    from bot.desk.messages import shown_messages

    with local.desk.sessions() as session:
        customer = [message.kind for message in shown_messages(session, held)]
    assert "note" in [message["kind"] for message in page["messages"]]
    assert "note" not in customer


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\xff\xff")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_a_picture_is_sent_and_fetched_by_its_address(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    files = {"file": ("../../光猫 照片.exe", png(), "application/x-msdownload")}
    sent = staff.post(f"/conversations/{held}/attachments", files=files).json()["data"]["message"]

    fetched = httpx.get(local.url + sent["attachment"]["url"])
    assert ("光猫 照片.png", "image/png") == (
        sent["attachment"]["name"],
        sent["attachment"]["media_type"],
    )
    assert (png(), "nosniff") == (fetched.content, fetched.headers["x-content-type-options"])


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 415),
        (b"MZ\x90\x00" * 100, 415),
        (b"<svg onload=alert(1)>", 415),
        (b"%PDF-1.7\n" + b"0" * 10_500_000, 415),
    ],
    ids=["empty", "program", "drawing with a script", "too large"],
)
def test_other_files_are_refused(
    local: LocalDesk, staff: httpx.Client, held: str, content: bytes, status: int
) -> None:
    answer = staff.post(
        f"/conversations/{held}/attachments", files={"file": ("a.png", content, "image/png")}
    )

    assert status == answer.status_code


def test_a_number_is_masked_and_its_reveal_is_recorded(
    local: LocalDesk, staff: httpx.Client
) -> None:
    number = "138" + "0000" + "0099"
    id_ = local.waiting(f"我的号码是{number}")
    [message] = staff.get(f"/conversations/{id_}").json()["data"]["messages"]
    body = {"message": message["id"], "reason": "核对号码"}
    revealed = staff.post(f"/conversations/{id_}/reveal", json=body).json()["data"]["text"]

    entries = local.person("leader").get("/audit?action=revealed").json()["data"]["entries"]
    assert number not in message["text"] and message["masked"]
    assert number in revealed
    assert f"message:{message['id']}" == entries[0]["subject"]


def test_more_conversations_than_the_capacity_are_refused(local: LocalDesk) -> None:
    client = local.person("staff", "billing", capacity=1)
    first, second = local.waiting(), local.waiting()
    client.post(f"/conversations/{first}/claim")

    assert (409, "at_capacity") == code_of(client.post(f"/conversations/{second}/claim"))


def test_the_check_in_the_composer_tells_what_sending_would(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    answer = staff.post("/lint", json={"text": BAD, "conversation": held}).json()["data"]

    finding = answer["findings"][0]
    assert "block" == answer["verdict"]
    assert BAD[finding["start"] : finding["end"]] == finding["matched"]


def test_what_the_second_opinion_hears_is_shown_and_kept_as_dismissed(
    local: LocalDesk, staff: httpx.Client, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "您好，账单在首页第二栏可以查到。"
    heard = Finding(
        "OPN-dismissive", Level.WARN, 3, 14, words[3:14], "读起来像轻视", "", "企业内部标准",
        "dismissive", True,
    )
    opinion = SimpleNamespace(finding=lambda text: heard if text == words else None)
    monkeypatch.setattr(local.desk, "gate", replace(local.desk.gate, second=opinion))
    shown = staff.post("/lint", json={"text": words, "conversation": held}).json()["data"]
    plain = staff.post("/lint", json={"text": "您好，已为您登记。"}).json()["data"]
    bot = staff.post("/lint", json={"text": words, "speaker": "bot"}).json()["data"]
    sent = staff.post(f"/conversations/{held}/reply", json={"text": words})

    assert ["OPN-dismissive"] == [each["rule"] for each in shown["findings"]]
    assert ("warn", True) == (shown["verdict"], shown["findings"][0]["overridable"])
    assert plain["findings"] == bot["findings"] == []
    assert 201 == sent.status_code, "a second opinion never keeps a reply back"
    with local.desk.sessions() as session:
        [use] = [each for each in rule_uses(session) if each.rule == "OPN-dismissive"]
    assert (1, 1) == (use.fired, use.dismissed)


def test_canned_replies_are_found_by_initials_and_filled_from_the_ticket(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    local.person("leader")
    number = local.ticket(held, type="bill_query")
    query = {"q": "gzgd", "ticket": number}
    replies = staff.get("/canned", params=query).json()["data"]["replies"]

    assert "告知工单" == replies[0]["title"]
    assert number in replies[0]["text"] and not replies[0]["missing"]
