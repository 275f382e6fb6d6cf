"""The outbox and what nobody foresaw: one row's trouble is a failed attempt of that row alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import IncompleteRead
from typing import Any

import pytest
from sqlalchemy.orm import sessionmaker

from bot.desk.messages import Gate
from bot.desk.notices import put_delivery, tell_customer
from bot.desk.outbox import Outgoing, dead_letters, deliver_due
from bot.desk.senders import CustomerSender
from bot.dialogue.texts import load_texts
from bot.handbook.errors import DeskError
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.storage.tickets import Ticket
from tests.moments import at

NOW = at("2026-03-02 10:00")
NOTICE = {"kind": "deadline", "level": "warning", "text": "x"}


@dataclass
class Breaking:
    """A sender that raises for one target what nobody foresaw, and sends the rest."""

    error: Exception
    sent: list[str] = field(default_factory=list)
    tries: int = 0

    def send(self, outgoing: Outgoing, *, now: Any) -> None:
        """Send, unless the target is the broken one."""
        if outgoing.target == "broken":
            self.tries += 1
            raise self.error
        self.sent.append(outgoing.target)


@pytest.mark.parametrize("error", [IncompleteRead(b""), KeyError("url"), ValueError("bad"), RuntimeError("odd"), DeskError("text_missing", "none")])
def test_whatever_a_sender_raises_is_a_failed_attempt_of_its_row_alone(sessions: sessionmaker, handbook: Handbook, error: Exception) -> None:
    with sessions.begin() as session:
        for key, target in (("a", "broken"), ("b", "x"), ("c", "y")):
            put_delivery(session, key=key, sender="webhook", target=target, payload=NOTICE, now=NOW)
    sender = Breaking(error)

    done = deliver_due(sessions, handbook, {"webhook": sender}, now=NOW)
    assert (sender.sent, done.sent, done.failed) == (["x", "y"], 2, 1)
    for hour in range(1, 30):
        deliver_due(sessions, handbook, {"webhook": sender}, now=NOW + timedelta(hours=hour))

    with sessions() as session:
        [dead] = dead_letters(session)
        assert (sender.tries, dead.target) == (handbook.clock.escalation.retry.most, "broken")
        assert type(error).__name__ in dead.last_error


def test_who_cannot_be_woken_holds_no_delivery_up(
    sessions: sessionmaker, handbook: Handbook, make_ticket: Callable[..., Ticket]
) -> None:
    with sessions.begin() as session:
        for _ in range(2):
            tell_customer(session, handbook, make_ticket(session), "utter_survey_second", key="s", now=NOW)

    def broken(_conversation: str) -> None:
        raise RuntimeError("no stream")

    sender = CustomerSender(sessions, Gate(load_checker(verify=False), "请稍候。"), load_texts(), broken)

    assert deliver_due(sessions, handbook, {"customer": sender}, now=NOW).sent == 2
