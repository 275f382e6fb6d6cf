"""Scripted customers, each through the real stack: replies, ticket, class, due times."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.stack import Stack

SCRIPTS = YAML(typ="safe").load(Path(__file__).with_name("customers.yml").read_text("utf-8"))
pytestmark = pytest.mark.rasa


@pytest.mark.parametrize("script", SCRIPTS, ids=[script["name"] for script in SCRIPTS])
def test_a_customer_is_served(live_stack: Stack, script: dict[str, Any]) -> None:
    customer, ticket = live_stack.customer(), None
    for turn in script["turns"]:
        answer = customer.say(turn["say"])
        ticket = answer.ticket or ticket
        for text in turn.get("has", []):
            assert text in answer.text, f"{turn['say']} → {answer.text}"
        for text in turn.get("lacks", []):
            assert text not in answer.text, f"{turn['say']} → {answer.text}"
    if script.get("no_ticket"):
        assert ticket is None
    if expected := script.get("ticket"):
        assert ticket is not None
        check_ticket(customer.http.get(f"/tickets/{ticket['number']}").json()["data"], expected)


def check_ticket(ticket: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare type, class and state, and both due times with the hours of the class."""
    assert ticket["type"] == expected["type"]
    assert ticket["deadline_class"] == expected["class"]
    assert ticket["state"] == expected.get("state", "accepted")
    respond, resolve = (datetime.fromisoformat(ticket[k]) for k in ("respond_by", "resolve_by"))
    assert respond.utcoffset().total_seconds() == 8 * 3600
    between = (resolve - respond).total_seconds() / 3600
    assert between == pytest.approx(expected["resolve_h"] - expected["respond_h"], abs=0.01)
