"""Scripted customers, each through the real stack: replies, ticket, class, due times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML
from sqlalchemy import select

from bot.desk.intakes import CALLBACK_KEY, CALLBACK_TYPE
from bot.handbook.tables import load_handbook
from bot.storage.engine import open_engine
from bot.storage.tickets import Ticket
from tests.stack import Customer, Stack

SCRIPTS = YAML(typ="safe").load(Path(__file__).with_name("customers.yml").read_text("utf-8"))
HANDBOOK = load_handbook()
pytestmark = pytest.mark.rasa


# Their answers mean little by themselves: only the question before makes sense of them.
FORGOTTEN = [
    script for script in SCRIPTS
    if script["name"] in {"asks something in between", "a scam with money going out", "wishes for a time"}
]


@pytest.mark.parametrize("script", SCRIPTS, ids=[script["name"] for script in SCRIPTS])
def test_a_customer_is_served(live_stack: Stack, script: dict[str, Any]) -> None:
    customer = live_stack.customer()
    serve(customer, script)
    types = opened(live_stack, customer)
    number = script.get("tickets", int("ticket" in script))
    assert len(types) == (number if on_duty() else script.get("tickets_off_duty", number)), types


@pytest.mark.parametrize("script", FORGOTTEN, ids=[script["name"] for script in FORGOTTEN])
def test_an_engine_that_forgot_goes_on_from_the_record(live_stack: Stack, script: dict[str, Any]) -> None:
    customer = live_stack.customer()
    rasa = live_stack.parts["rasa"].environ["INTAKE_RASA_URL"]

    def forget() -> None:
        path = f"/conversations/{customer.conversation_id}/tracker/events"
        httpx.post(f"{rasa}{path}", json=[{"event": "restart"}]).raise_for_status()

    serve(customer, script, before=forget)


def opened(stack: Stack, customer: Customer) -> list[str]:
    """Return the types of all tickets of a conversation, but for the call in the morning."""
    engine = open_engine(stack.database_url)
    query = select(Ticket.type).where(
        Ticket.conversation_id == customer.conversation_id,
        Ticket.idempotency_key.not_like(f"%{CALLBACK_KEY}%"),
    )
    with engine.connect() as connection:
        types = list(connection.scalars(query))
    engine.dispose()
    return types


def on_duty() -> bool:
    """Say whether a wish for a person is met now, or by a call in the morning."""
    return HANDBOOK.teams["care"].is_on_duty(datetime.now(timezone.utc))


def is_call(script: dict[str, Any], card: dict[str, Any]) -> bool:
    """Tell whether a card is what a wish for a person opens off duty: the call in the morning."""
    return not on_duty() and card["type"] in {CALLBACK_TYPE} - {script.get("ticket", {}).get("type")}


def serve(
    customer: Customer, script: dict[str, Any], *, before: Callable[[], None] = lambda: None
) -> None:
    """Let a customer go through a script; compare texts, ticket and due times."""
    tickets: list[dict[str, Any]] = []
    for turn in script["turns"]:
        before()
        answer = customer.say(turn["say"])
        if answer.ticket and not is_call(script, answer.ticket):
            tickets.append(answer.ticket)
        for text in turn.get("has", []):
            assert text in answer.text, f"{turn['say']} → {answer.text}"
        for text in turn.get("lacks", []):
            assert text not in answer.text, f"{turn['say']} → {answer.text}"
    expected = script.get("ticket")
    if script.get("no_ticket"):
        assert not tickets
    if expected:
        assert tickets, "no ticket was opened"
        number = tickets[-1]["number"]
        check_ticket(customer.http.get(f"/tickets/{number}").json()["data"], expected)


def check_ticket(ticket: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare type, class and state, and both due times with the hours of the class."""
    assert ticket["type"] == expected["type"]
    assert ticket["deadline_class"] == expected["class"]
    assert ticket["state"] == expected.get("state", "accepted")
    respond, resolve = (datetime.fromisoformat(ticket[k]) for k in ("respond_by", "resolve_by"))
    assert respond.utcoffset().total_seconds() == 8 * 3600
    between = (resolve - respond).total_seconds() / 3600
    assert between == pytest.approx(expected["resolve_h"] - expected["respond_h"], abs=0.01)
