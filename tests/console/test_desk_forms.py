"""What staff fill in: a number that is one, a colleague of another team, a reply about two tickets."""

from __future__ import annotations

import httpx
import pytest

from bot.storage.conversations import Conversation
from tests.console.conftest import LocalDesk


@pytest.mark.parametrize(
    ("said", "kept"),
    [("139 0000 1234", "13900001234"), ("0755-26001114", "075526001114"), ("1390000234", None), ("没有", None)],
)
def test_a_ticket_takes_no_number_that_is_none(
    local: LocalDesk, staff: httpx.Client, held: str, said: str, kept: str | None
) -> None:
    body = {"type": "bill_query", "summary": "查上月话费", "facts": {"phone_number": said}}
    answer = staff.post(f"/conversations/{held}/tickets", json=body)

    assert answer.status_code == (201 if kept else 422)
    if kept is None:
        assert answer.json()["error"]["message"] == "电话请填11位手机号，或带区号的固定电话"
        return
    number = answer.json()["data"]["ticket"]["number"]
    assert staff.post(f"/tickets/{number}/reveal", json={"fact": "phone_number", "reason": "回电核实"}).json()["data"]["value"] == kept


def test_a_reply_may_name_another_ticket_of_the_same_customer(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    first, second = (local.ticket(held, kind) for kind in ("bill_dispute", "bill_query"))
    words = f"您好，您的工单{second}也在处理中，有进展我会告诉您。"

    assert staff.post(f"/conversations/{held}/reply", json={"text": words, "ticket": first}).status_code == 201
    stranger = words.replace(second, "T20200101-000001")
    assert staff.post(f"/conversations/{held}/reply", json={"text": stranger, "ticket": first}).status_code == 422


def test_a_colleague_of_another_team_takes_the_conversation_to_their_team(
    local: LocalDesk, staff: httpx.Client, held: str
) -> None:
    colleague = local.person("staff", "enterprise")
    person = colleague.get("/me").json()["data"]["staff"]["id"]
    colleague.post("/presence", json={"presence": "duty"})
    answer = staff.post(f"/conversations/{held}/transfer", json={"person": person})

    assert answer.status_code == 200, answer.text
    with local.desk.sessions() as session:
        conversation = session.get(Conversation, held)
        assert (conversation.team, conversation.holder_id) == ("enterprise", person)
