"""Chapter 2.3: answers are suggested for the customer's matter, whatever they said last."""

from __future__ import annotations

import httpx
import pytest

from bot.desk.canned import reads_as_request
from bot.desk.messages import receive_message
from bot.storage.conversations import Conversation
from tests.console.conftest import LocalDesk


def say(local: LocalDesk, id_: str, *texts: str) -> None:
    with local.desk.sessions.begin() as session:
        conversation = session.get(Conversation, id_)
        for n, text in enumerate(texts):
            receive_message(session, conversation, text=text, external_id=f"{n}:{text}", now=local.now())


def suggested(client: httpx.Client, id_: str, **more: str) -> list[str]:
    answer = client.get("/suggestions", params={"conversation": id_, **more})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]["answers"]]


def test_what_was_said_last_takes_no_suggestion_away(local: LocalDesk, staff: httpx.Client) -> None:
    id_ = local.waiting("我要携号转网")
    before = suggested(staff, id_)
    say(local, id_, "好的", "13800000099", "你们到底管不管")

    assert "port_steps" == before[0]
    assert before == suggested(staff, id_)


def test_a_newer_question_counts_before_the_matter(local: LocalDesk, staff: httpx.Client) -> None:
    id_ = local.waiting("我要携号转网")
    say(local, id_, "违约金怎么算")

    assert "contract_penalty" == suggested(staff, id_)[0]


def test_who_asked_only_for_a_person_gets_answers_to_the_ticket(
    local: LocalDesk, staff: httpx.Client
) -> None:
    id_ = local.waiting("转人工")
    assert [] == suggested(staff, id_)
    number = local.ticket(id_, "port_out", summary="携号转网的条件")

    assert "port_conditions" == suggested(staff, id_, ticket=number)[0]


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("好的", False), ("不需要了谢谢", False), ("城关区幸福小区3号楼", False), ("怎么还没人", False),
        ("转人工，我要退费", True), ("宽带断了两天了", True), ("发票怎么开", True),
    ],
)
def test_a_request_is_told_from_an_answer(text: str, request_: bool) -> None:
    assert reads_as_request(text) is request_
