"""What the closed loop says to customers passes the service-language check with real facts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from bot.desk.ticket_cards import text_values, ticket_facts
from bot.dialogue.texts import load_texts
from bot.handbook.deadlines import shown_time
from bot.handbook.language.checker import load_checker
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.tickets import Ticket

TEXTS = [
    ("utter_told_dispatched", "processing"), ("utter_told_transferred", "accepted"),
    ("utter_told_held", "on_hold"), ("utter_told_resumed", "processing"),
    ("utter_told_delayed", "processing"), ("utter_told_resolved", "resolved"),
    ("utter_told_resolved_plain", "resolved"), ("utter_survey_second", "resolved"),
    ("utter_survey_last", "resolved"), ("utter_survey_ask_score", "confirmed"),
    ("utter_survey_ask_solved", "resolved"), ("utter_told_closed_unconfirmed", "closed_unconfirmed"),
    ("utter_incident_joined", "accepted"), ("utter_incident_joined_late", "accepted"),
    ("utter_incident_announced", "accepted"),
    ("utter_incident_resolved", "resolved"), ("utter_incident_left", "processing"),
    ("utter_told_response_delayed", "accepted"),
    ("utter_told_call_delayed", "processing"), ("utter_told_answer_delayed", "processing"),
    ("utter_told_reclassed", "accepted"), ("utter_told_reclassed_answered", "processing"),
    ("utter_told_rejected", "rejected"),
    ("utter_told_rejected_plain", "rejected"), ("utter_told_reopened", "processing"),
    ("utter_told_withdrawn", "withdrawn"),
    ("utter_told_merged", "processing"), ("utter_told_merged_plain", "resolved"),
    ("utter_incident_held", "accepted"), ("utter_incident_resumed", "accepted"),
    ("utter_incident_redated", "accepted"), ("utter_incident_delayed", "on_hold"),
]


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("type", ["fault_broadband", "complaint_service", "bill_query"])
@pytest.mark.parametrize(("name", "state"), TEXTS)
def test_a_text_passes(
    sqlite_session: Session, handbook: Handbook, make_ticket: Callable[..., Ticket], name: str, state: str,
    type: str, urgency: Urgency, now: object,
) -> None:
    ticket = make_ticket(sqlite_session, type=type, urgency=urgency)
    ticket.state = state
    new_time = ticket.resolution_due_at + timedelta(hours=24)
    values = text_values(ticket, handbook, now=now) | {
        "hold_title": "等待备件", "until": shown_time(ticket.resolution_due_at, now=now),
        "new_time": shown_time(new_time, now=now), "result": "已更换光猫，上网正常", "score": 2,
        "area": "城关区幸福小区", "symptom": "固网故障", "other": "T20260301-000007",
        "due": shown_time(now + timedelta(hours=3), now=now), "was": shown_time(now, now=now),
    }
    facts = ticket_facts(ticket, now=now)
    if name.endswith("_delayed") and name.startswith("utter_told"):
        facts |= {"respond_by": new_time.isoformat()}

    text = load_texts().render(name, **values)
    found = load_checker(verify=False).check(text, speaker="bot", context=type, facts=facts, now=now)

    assert [(f.rule, f.matched) for f in found.findings if f.level == "block"] == []
