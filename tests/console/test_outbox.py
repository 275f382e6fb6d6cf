"""Chapter 3.4 at the console: dead letters are seen and sent again."""

from __future__ import annotations

import itertools
import time

import httpx
import pytest

from bot.desk.messages import deliver, say
from bot.desk.notices import notify_staff, put_delivery, tell_customer
from bot.desk.outbox import DEAD, bury
from bot.desk.tickets import find_ticket
from bot.storage.conversations import Conversation
from bot.storage.notices import Delivery
from tests.console.conftest import LocalDesk

KEYS = itertools.count(1)
PHONE = "139" + "0000" + "0021"


@pytest.fixture
def leader(local: LocalDesk) -> httpx.Client:
    return local.person("leader")


def dead_letter(local: LocalDesk) -> str:
    """Leave a delivery that was given up; return its id."""
    payload = {"kind": "deadline", "role": "leader", "team": "billing", "text": f"来电{PHONE}"}
    with local.desk.sessions.begin() as session:
        return given_up(
            put_delivery(
                session, key=f"dead-{next(KEYS)}", sender="webhook", target="leader:billing:",
                payload=payload, now=local.now(),
            )
        )


def dead_answer(local: LocalDesk) -> tuple[str, str]:
    """Leave a text to a customer that was given up; return its id and the ticket."""
    number = local.ticket(local.waiting())
    with local.desk.sessions.begin() as session:
        ticket = find_ticket(session, number)
        row = tell_customer(
            session, local.desk.handbook, ticket, "utter_told_dispatched", key="x", now=local.now()
        )
        return given_up(row), number


def given_up(row: Delivery) -> str:
    """Mark a delivery as the outbox does, before its loop comes by; return its id."""
    row.state, row.attempts, row.last_error = DEAD, 12, "webhook_refused: HTTP 410"
    return str(row.delivery_id)


def letters(client: httpx.Client) -> dict[str, dict]:
    return {each["id"]: each for each in client.get("/outbox").json()["data"]["letters"]}


def test_a_dead_letter_says_to_whom_what_and_why_without_the_number(
    local: LocalDesk, leader: httpx.Client
) -> None:
    id_ = dead_letter(local)
    letter = letters(leader)[id_]

    assert (letter["sender_title"], letter["error"]) == ("消息推送", "webhook_refused: HTTP 410")
    assert letter["target"].endswith("班长")
    assert PHONE not in letter["text"]
    counts = {c["state"]: c["count"] for c in leader.get("/outbox").json()["data"]["counts"]}
    assert counts["dead"] >= 1


def test_sending_again_keeps_the_id_and_is_audited(local: LocalDesk, leader: httpx.Client) -> None:
    id_ = dead_letter(local)
    answer = leader.post(f"/outbox/{id_}/again")
    twice = leader.post(f"/outbox/{id_}/again")

    assert answer.json()["data"] == {"id": id_, "state": "pending"}
    assert twice.status_code == 404
    assert id_ not in letters(leader)
    audit = leader.get("/audit", params={"action": "delivery_sent_again"}).json()["data"]["entries"]
    assert audit[0]["subject"] == f"delivery:{id_}"


def test_a_letter_to_a_customer_shows_the_words_meant_for_them(
    local: LocalDesk, leader: httpx.Client
) -> None:
    id_, number = dead_answer(local)
    letter = letters(leader)[id_]

    assert (letter["target"], number in letter["text"]) == ("客户（网页）", True)


def test_words_that_no_channel_could_hand_over_are_shown_with_the_reason(
    local: LocalDesk, leader: httpx.Client
) -> None:
    words, reason = "您的工单正在处理。", "channel_removed: 微信公众号已停用"
    with local.desk.sessions.begin() as session:
        conversation = session.get(Conversation, local.waiting())
        message = say(session, local.desk.gate, conversation, text=words, author="bot", now=local.now())
        deliver(session, message, now=local.now())
        id_ = bury(session, message, reason=reason, now=local.now()).delivery_id
    letter = letters(leader)[id_]

    assert (letter["target"], letter["text"], letter["error"]) == ("客户（网页）", words, reason)


def test_another_teams_letters_are_not_shown(local: LocalDesk, leader: httpx.Client) -> None:
    id_, _ = dead_answer(local)
    other = local.person("leader", "billing")

    assert id_ in letters(leader)
    assert id_ not in letters(other)
    assert other.post(f"/outbox/{id_}/again").status_code == 404


@pytest.mark.parametrize(
    ("role", "heard"),
    [
        ("staff", {"team"}),
        ("leader", {"leader"}),
        ("duty_manager", {"leader", "duty_manager"}),
        ("inspector", set()),
    ],
)
def test_a_warning_is_heard_by_whom_the_ladder_names(
    local: LocalDesk, role: str, heard: set[str]
) -> None:
    client = local.person(role, "care")
    with local.desk.sessions.begin() as session:
        for told in ("team", "leader", "duty_manager"):
            notify_staff(
                session, key=f"heard-{role}-{told}", kind="deadline", level="warning", role=told,
                team="care", text=f"{role}-{told}", now=local.now(),
            )
    texts = [each["text"] for each in client.get("/notices").json()["data"]["notices"]]

    assert {text.partition("-")[2] for text in texts if text.startswith(f"{role}-")} == heard


def test_the_leader_is_told_of_a_new_dead_letter(local: LocalDesk, leader: httpx.Client) -> None:
    dead_letter(local)
    told: list[str] = []
    end = time.monotonic() + 20
    while not told and time.monotonic() < end:
        notices = leader.get("/notices").json()["data"]["notices"]
        told = [each["text"] for each in notices if each["kind"] == "dead_letter"]
        time.sleep(0.1)

    assert told and "发件箱" in told[0] and PHONE not in told[0]
