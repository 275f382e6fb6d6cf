"""Chapter 3.3: the ticket table, the steps and the complaint lane through the API."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from bot.handbook.reception_tables import load_reception
from bot.handbook.requests import Urgency
from tests.console.conftest import LocalDesk

PHONE = "139" + "0000" + "0021"


@pytest.fixture
def leader(local: LocalDesk) -> httpx.Client:
    return local.person("leader")


def ticket_of(local: LocalDesk, type: str = "fault_broadband", **values: object) -> str:
    return local.ticket(local.waiting(), type, **values)


def numbers(answer: httpx.Response) -> list[str]:
    assert 200 == answer.status_code, answer.text
    return [ticket["number"] for ticket in answer.json()["data"]["tickets"]]


def test_pages_follow_each_other_without_gap_or_repetition(
    local: LocalDesk, leader: httpx.Client
) -> None:
    made = [ticket_of(local, "fault_tv") for _ in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        answer = leader.get(
            "/tickets", params={"type": "fault_tv", "limit": 3, "cursor": cursor or ""}
        )
        seen += numbers(answer)
        cursor = answer.json()["data"]["cursor"]
        if cursor is None:
            break

    assert list(reversed(made)) == seen


def test_due_first_pages_follow_each_other_too(local: LocalDesk, leader: httpx.Client) -> None:
    urgent = ticket_of(local, "fault_landline", urgency=Urgency.URGENT)
    local.offset = timedelta(hours=-3)
    old = ticket_of(local, "fault_landline")
    local.offset = timedelta(0)
    newest = ticket_of(local, "fault_landline")
    query = {"type": "fault_landline", "sort": "due", "limit": 2}
    first = leader.get("/tickets", params=query)
    second = leader.get("/tickets", params={**query, "cursor": first.json()["data"]["cursor"]})

    assert [urgent, old, newest] == numbers(first) + numbers(second)


def test_a_promised_call_is_due_first_in_table_and_board_also_on_a_held_ticket(
    local: LocalDesk, leader: httpx.Client
) -> None:
    urgent, called = (
        ticket_of(local, "fault_enterprise", urgency=urgency)
        for urgency in (Urgency.URGENT, Urgency.GENERAL)
    )
    by = (local.now() + timedelta(minutes=30)).replace(microsecond=0)
    for step, body in (
        ("claim", {}),
        ("promise", {"by": by.isoformat(), "reason": "半小时内回电"}),
        ("hold", {"hold_reason": "customer"}),
    ):
        answer = leader.post(f"/tickets/{called}/{step}", json=body)
        assert 200 == answer.status_code, answer.text
    query = {"type": "fault_enterprise", "sort": "due"}
    answer = leader.get("/tickets", params=query)
    assert [called, urgent] == numbers(answer)
    [row, _] = answer.json()["data"]["tickets"]
    assert (False, by) == (row["paused"], datetime.fromisoformat(row["due_at"]))
    assert "callback" == row["due_clock"].partition(":")[0]
    columns = leader.get("/board", params={"type": "fault_enterprise"}).json()["data"]["columns"]
    [shown] = [t for c in columns if c["state"] == "on_hold" for t in c["tickets"]]
    assert (row["due_at"], row["due_clock"]) == (shown["due_at"], shown["due_clock"])

    local.offset = timedelta(minutes=31)
    [row, _] = leader.get("/tickets", params=query).json()["data"]["tickets"]
    assert row["overdue"]
    leader.post(f"/tickets/{called}/contact", json={"reason": "已致电客户"})
    [first, row] = leader.get("/tickets", params=query).json()["data"]["tickets"]
    assert (urgent, True, False) == (first["number"], row["paused"], row["overdue"])
    assert ("response", "resolution") == (first["due_clock"], row["due_clock"])


@pytest.mark.parametrize("wanted", ["number", "phone", "words", "address"])
def test_a_ticket_is_found_by_number_phone_and_words(
    local: LocalDesk, leader: httpx.Client, wanted: str
) -> None:
    id_ = local.waiting()
    body = {
        "type": "relocate",
        "summary": "想把宽带移到新房子那边",
        "key": wanted,
        "facts": {"phone_number": PHONE, "address": "七里河区银滩花园9栋"},
    }
    number = leader.post(f"/conversations/{id_}/tickets", json=body).json()["data"]["ticket"][
        "number"
    ]
    said = {"number": number.lower(), "phone": PHONE, "words": "移到新房子", "address": "银滩花园"}

    assert number in numbers(leader.get("/tickets", params={"q": said[wanted]}))


def test_a_ticket_goes_through_its_life_and_the_history_says_so(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = ticket_of(local)
    steps = [
        ("claim", {}),
        ("hold", {"hold_reason": "part"}),
        ("resume", {}),
        ("resolve", {"reason": "更换光猫后恢复"}),
        ("confirm", {"reason": "客户说已恢复"}),
        ("close", {}),
    ]
    for step, body in steps:
        answer = leader.post(f"/tickets/{number}/{step}", json=body)
        assert 200 == answer.status_code, answer.text

    history = [entry["step"] for entry in answer.json()["data"]["history"]]
    assert ["submit", "accept", *(step for step, _ in steps)] == [
        s for s in history if s != "survey"
    ]
    assert "closed" == answer.json()["data"]["state"]


def test_an_illegal_step_names_the_legal_ones(local: LocalDesk, leader: httpx.Client) -> None:
    answer = leader.post(f"/tickets/{ticket_of(local)}/close", json={})

    error = answer.json()["error"]
    assert (409, "illegal_step") == (answer.status_code, error["code"])
    assert "claim" in error["details"]["legal"]


def test_a_ticket_of_another_team_looks_like_none(local: LocalDesk) -> None:
    number = ticket_of(local)
    other = local.person("staff", "billing")

    assert 404 == other.get(f"/tickets/{number}").status_code
    assert 404 == other.post(f"/tickets/{number}/claim").status_code
    assert number not in numbers(other.get("/tickets"))


def test_a_colleague_does_not_take_a_claimed_ticket(local: LocalDesk) -> None:
    one, two = local.person("staff", "network"), local.person("staff", "network")
    number = ticket_of(local)
    one.post(f"/tickets/{number}/claim")
    answer = two.post(f"/tickets/{number}/claim")

    assert (409, "held_by_other") == (answer.status_code, answer.json()["error"]["code"])


def test_a_preview_says_what_would_happen_and_changes_nothing(
    local: LocalDesk, leader: httpx.Client
) -> None:
    good, done = ticket_of(local), ticket_of(local)
    leader.post(f"/tickets/{done}/withdraw", json={"reason": "客户自行恢复"})
    body = {"numbers": [good, done, "T20200101-000001"], "step": "claim"}
    preview = leader.post("/bulk", json=body).json()["data"]["results"]
    before = leader.get(f"/tickets/{good}").json()["data"]["state"]
    taken = leader.post("/bulk", json={**body, "preview": False}).json()["data"]["results"]

    assert [True, False, False] == [row["ok"] for row in preview]
    assert ["illegal_step", "not_found"] == [row["code"] for row in preview[1:]]
    assert ("accepted", "processing") == (
        before,
        leader.get(f"/tickets/{good}").json()["data"]["state"],
    )
    assert [row["ok"] for row in preview] == [row["ok"] for row in taken]


def test_a_duplicate_is_merged_into_the_other_ticket(
    local: LocalDesk, leader: httpx.Client
) -> None:
    id_ = local.waiting()
    first, second = local.ticket(id_), local.ticket(id_)
    leader.post(f"/tickets/{second}/merge", json={"into": first, "reason": "同一故障"})

    merged = leader.get(f"/tickets/{second}").json()["data"]
    assert "withdrawn" == merged["state"]
    assert [{"kind": "merged", "number": first}] == merged["links"]


@pytest.mark.parametrize("owes", ["sooner", "complaint", "callback", "open sum", "approved sum"])
def test_a_duplicate_that_owes_more_is_not_merged(
    local: LocalDesk, leader: httpx.Client, owes: str
) -> None:
    id_ = local.waiting()
    first = local.ticket(id_)
    values = {"sooner": {"urgency": Urgency.URGENT}, "complaint": {"type": "complaint_service"}}
    second = local.ticket(id_, **values.get(owes, {}))
    if owes == "callback":
        by = (local.now() + timedelta(hours=3)).isoformat()
        assert leader.post(f"/tickets/{second}/promise", json={"by": by}).status_code == 200
    if "sum" in owes:
        kind = next(iter(load_reception().complaints.authority.values()))
        amount = str(kind.limit + 1 if owes == "open sum" else 1)
        body = {"kind": kind.id, "amount": amount, "reason": "多扣"}
        assert leader.post(f"/tickets/{second}/approvals", json=body).status_code < 300
    answer = leader.post(f"/tickets/{second}/merge", json={"into": first, "reason": "同一故障"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "loses_promise")
    assert second in answer.json()["error"]["message"]
    assert leader.get(f"/tickets/{second}").json()["data"]["state"] == "accepted"


def test_the_other_way_round_the_stricter_ticket_keeps_its_deadline(
    local: LocalDesk, leader: httpx.Client
) -> None:
    id_ = local.waiting()
    local.offset = timedelta(hours=-5)
    older = local.ticket(id_)
    local.offset = timedelta(0)
    newer = local.ticket(id_)
    wrong = leader.post(f"/tickets/{older}/merge", json={"into": newer, "reason": "同一故障"})
    right = leader.post(f"/tickets/{newer}/merge", json={"into": older, "reason": "同一故障"})

    assert f"请把工单{newer}并入{older}" in wrong.json()["error"]["message"]
    assert right.status_code == 200
    assert leader.get(f"/tickets/{newer}").json()["data"]["state"] == "withdrawn"


def test_an_urgent_duplicate_is_merged_once_the_customer_was_answered(
    local: LocalDesk, leader: httpx.Client
) -> None:
    id_ = local.waiting()
    first, second = local.ticket(id_), local.ticket(id_, urgency=Urgency.URGENT)
    body = {"into": first, "reason": "同一故障"}
    before = leader.post(f"/tickets/{second}/merge", json=body)
    leader.post(f"/tickets/{second}/contact", json={"reason": "已电话说明"})
    after = leader.post(f"/tickets/{second}/merge", json=body)

    assert "请先答复客户" in before.json()["error"]["message"]
    assert after.status_code == 200


def test_a_second_matter_is_split_off_with_the_first_start_of_the_clock(
    local: LocalDesk, leader: httpx.Client
) -> None:
    local.offset = timedelta(hours=-5)
    number = ticket_of(local)
    local.offset = timedelta(0)
    body = {"type": "bill_dispute", "summary": "另外话费也扣错了"}
    answer = leader.post(f"/tickets/{number}/split", json=body)

    first = leader.get(f"/tickets/{number}").json()["data"]
    second = answer.json()["data"]
    assert 201 == answer.status_code
    assert first["resolve_by"] == second["resolve_by"]


def test_a_masked_fact_is_revealed_with_a_reason_that_is_kept(
    local: LocalDesk, leader: httpx.Client
) -> None:
    number = ticket_of(local, facts={"phone_number": PHONE})
    shown = leader.get(f"/tickets/{number}").json()["data"]["facts"][0]["value"]
    bare = leader.post(f"/tickets/{number}/reveal", json={"fact": "phone_number"})
    body = {"fact": "phone_number", "reason": "回电"}
    value = leader.post(f"/tickets/{number}/reveal", json=body).json()["data"]["value"]

    [entry, *_] = leader.get("/audit?action=revealed").json()["data"]["entries"]
    assert (422, PHONE) == (bare.status_code, value)
    assert PHONE not in shown and PHONE not in str(entry)
    assert "回电" == entry["data"]["reason"]


def test_a_sum_above_the_limit_waits_for_a_second_person(local: LocalDesk) -> None:
    asker, decider = local.person("leader"), local.person("leader")
    number = ticket_of(local, "bill_dispute")
    body = {"kind": "refund", "amount": 80.5, "reason": "多扣费用"}
    asked = asker.post(f"/tickets/{number}/approvals", json=body).json()["data"]["approvals"][0]
    own = asker.post(f"/approvals/{asked['id']}/approve")
    decided = decider.post(f"/approvals/{asked['id']}/approve", json={"note": "属实"})
    again = decider.post(f"/approvals/{asked['id']}/refuse")

    assert ("open", "80.50") == (asked["state"], asked["amount"])
    assert (403, 200, 403) == (own.status_code, decided.status_code, again.status_code)
    assert "approved" == decided.json()["data"]["approvals"][0]["state"]


def test_a_sum_within_the_limit_is_allowed_at_once(local: LocalDesk) -> None:
    staff = local.person("staff", "billing")
    number = ticket_of(local, "bill_dispute")
    body = {"kind": "refund", "amount": 50, "reason": "多扣费用"}
    answer = staff.post(f"/tickets/{number}/approvals", json=body)

    assert "approved" == answer.json()["data"]["approvals"][0]["state"]


def test_a_refund_is_promised_only_after_it_was_approved(local: LocalDesk) -> None:
    staff, leader = local.person("staff", "billing"), local.person("leader")
    id_ = local.waiting()
    number = local.ticket(id_, "bill_dispute")
    staff.post(f"/conversations/{id_}/claim")
    promise = {"text": "您好，这边给您退费80元。", "ticket": number}
    before = staff.post(f"/conversations/{id_}/reply", json=promise)
    body = {"kind": "refund", "amount": 80, "reason": "多扣费用"}
    asked = staff.post(f"/tickets/{number}/approvals", json=body).json()["data"]["approvals"][0]
    leader.post(f"/approvals/{asked['id']}/approve")
    after = staff.post(f"/conversations/{id_}/reply", json=promise)

    assert (422, 201) == (before.status_code, after.status_code), after.text


def test_filters_are_kept_under_a_name(local: LocalDesk, leader: httpx.Client) -> None:
    body = {"title": "今天要到期的", "filters": {"sort": "due", "state": "processing"}}
    view = leader.post("/views", json=body).json()["data"]["view"]
    other = local.person("leader")

    assert [body["filters"]] == [v["filters"] for v in leader.get("/views").json()["data"]["views"]]
    assert 404 == other.delete(f"/views/{view['id']}").status_code
    assert 200 == leader.delete(f"/views/{view['id']}").status_code


def test_a_ticket_that_staff_open_or_split_names_them_in_history_and_audit(
    local: LocalDesk, staff: httpx.Client
) -> None:
    body = {"type": "bill_query", "summary": "查三月账单", "key": "once"}
    path = f"/conversations/{local.waiting()}/tickets"
    numbers = [staff.post(path, json=body).json()["data"]["ticket"]["number"] for _ in range(2)]
    body = {"type": "bill_query", "summary": "另查四月"}
    second = staff.post(f"/tickets/{numbers[0]}/split", json=body).json()["data"]["number"]

    entries = local.person("leader").get("/audit?action=ticket_opened").json()["data"]["entries"]
    mine = [e["subject"] for e in entries if e["staff"] == staff.headers["X-Test-Name"]]
    assert [f"ticket:{second}", f"ticket:{numbers[0]}"] == mine
    for number in (numbers[0], second):
        history = staff.get(f"/tickets/{number}").json()["data"]["history"]
        accepted = next(e for e in history if e["step"] == "accept")
        assert ("staff", staff.headers["X-Test-Name"]) == (
            accepted["actor_kind"],
            accepted["actor_title"],
        )
