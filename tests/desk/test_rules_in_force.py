"""Rules in force: nothing is sent on a verdict of other rules, on both databases, by any way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.coach.language import reported
from bot.desk.messages import Gate, deliver, say
from bot.desk.rules_in_force import (
    adopt_rules,
    check_waiting,
    note_refused,
    note_rewritten,
    rule_uses,
)
from bot.desk.serving import reply_facts
from bot.handbook.language.checker import load_checker
from bot.storage.conversations import Conversation, Message, Review, Verdict
from bot.storage.language import RulesInForce
from bot.storage.staff import Approval, Staff
from bot.storage.tickets import Ticket

Maker = Callable[..., Conversation]
GOOD = "您好，已为您登记，今天18:00前由专员联系您。"


@pytest.fixture
def gate() -> Gate:
    return Gate(load_checker(verify=False), "已为您转交专人处理，请稍候。")


def waiting(session: Session, gate: Gate, conversation: Conversation, now: datetime) -> Message:
    """Write a reply, after which other rules come into force."""
    message = say(session, gate, conversation, text=GOOD, author="bot", now=now)
    session.execute(update(RulesInForce).values(version="newer"))
    return message


def newer(gate: Gate, text: str | None = None, version: str = "newer") -> Gate:
    """Make a gate of other rules, which block one text."""

    def check(said: str, **case: object) -> object:
        real = gate.checker.check("验证码发我。" if said == text else said, **case)
        return SimpleNamespace(
            as_json=real.as_json, findings=real.findings, overridable=real.overridable,
            rules_version=version,
        )

    checker = SimpleNamespace(check=check, version=version, rules=gate.checker.rules)
    return Gate(checker, gate.safe_text)


def test_the_database_refuses_a_verdict_of_other_rules(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = waiting(session, gate, make_conversation(session), now)

    with pytest.raises(IntegrityError, match="sent_under_rules_in_force"):
        session.execute(update(Message).where(Message.id == message.id).values(state="sent"))


def test_the_database_refuses_to_store_a_message_sent_under_other_rules(
    session: Session, make_conversation: Maker, now: datetime
) -> None:
    verdict = Verdict(
        verdict="pass", speaker="bot", rules_version="older", findings=[], created_at=now
    )
    conversation = make_conversation(session)
    session.add(verdict)
    session.flush()
    session.add(
        Message(
            conversation_id=conversation.id, direction="out", author="bot", text=GOOD,
            state="sent", verdict_id=verdict.id, created_at=now,
        )
    )

    with pytest.raises(IntegrityError, match="sent_under_rules_in_force"):
        session.flush()


def test_without_rules_in_force_nothing_is_sent(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = say(session, gate, make_conversation(session), text=GOOD, author="bot", now=now)
    session.delete(session.get(RulesInForce, 1))
    session.flush()

    assert deliver(session, message, now=now) is False
    assert message.state == "pending"


def test_what_was_sent_before_may_still_be_touched(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = say(session, gate, make_conversation(session), text=GOOD, author="bot", now=now)
    assert deliver(session, message, now=now)
    session.execute(update(RulesInForce).values(version="newer"))
    message.payload = {"seen": True}
    session.flush()

    assert message.state == "sent"


def test_what_waits_is_checked_again_when_rules_are_adopted(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = waiting(session, gate, make_conversation(session), now)
    assert deliver(session, message, now=now) is False

    assert adopt_rules(session, newer(gate), now=now) == 1
    assert message.verdict.rules_version != gate.checker.version
    assert deliver(session, message, now=now) is True


@pytest.mark.parametrize(("author", "state"), [("bot", "pending"), ("staff", "dropped")])
def test_what_new_rules_block_is_kept_back(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime, author: str, state: str
) -> None:
    message = say(session, gate, make_conversation(session), text=GOOD, author=author, now=now)
    adopt_rules(session, newer(gate, GOOD), now=now)

    assert (message.state, message.text == GOOD) == (state, author == "staff")
    assert session.execute(select(Review.reason)).scalar_one() == f"{author}_reply_blocked"


def test_what_another_process_wrote_is_checked_by_the_one_whose_rules_are_in_force(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    message = waiting(session, gate, conversation, now)

    assert check_waiting(session, gate, now=now) == []
    assert check_waiting(session, newer(gate), now=now) == [conversation.id]
    assert check_waiting(session, newer(gate), now=now) == []
    assert deliver(session, message, now=now) is True


def test_an_approved_sum_is_still_known_when_it_is_checked_again(
    session: Session, gate: Gate, make_ticket: Callable[..., Ticket], now: datetime
) -> None:
    ticket = make_ticket(session, type="bill_dispute")
    conversation = session.get(Conversation, ticket.conversation_id)
    person = Staff(
        name="li", title="李敏", role="staff", teams=[], password_hash="-", capacity=1, created_at=now
    )
    session.add(person)
    session.flush()
    session.add(
        Approval(
            ticket_id=ticket.id, kind="refund", cents=8000, reason="多扣", state="approved",
            asked_by=person.id, asked_at=now,
        )
    )
    context, facts = reply_facts(session, ticket, conversation, now=now)
    words = "您好，经核实，这边给您退费80元。"
    message = say(
        session, gate, conversation, text=words, author="staff", now=now, context=context, facts=facts
    )
    session.execute(update(RulesInForce).values(version="newer"))
    adopt_rules(session, newer(gate), now=now)

    assert (message.state, message.verdict.rules_version) == ("pending", "newer")


def test_adopting_the_same_rules_again_changes_nothing(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    message = say(session, gate, make_conversation(session), text=GOOD, author="bot", now=now)
    verdict = message.verdict_id

    assert adopt_rules(session, gate, now=now) == 0
    assert message.verdict_id == verdict


def test_uses_of_rules_are_counted(
    session: Session, gate: Gate, make_conversation: Maker, now: datetime
) -> None:
    conversation = make_conversation(session)
    say(session, gate, conversation, text="尽快回复您。", author="staff", now=now)
    say(session, gate, conversation, text="没办法。", author="staff", now=now, staff_id=1,
        override_reason="引用")  # fmt: skip
    blocked = gate.checker.check("没办法。").as_json()["findings"]
    note_refused(session, blocked, checker=gate.checker, staff_id=1, now=now)
    note_rewritten(session, ["FBD-09", "nobody"], checker=gate.checker, staff_id=1, now=now)
    uses = {each.rule: each for each in rule_uses(session)}

    refused = uses["FBD-09"]
    assert (refused.fired, refused.refused, refused.overridden, refused.rewritten) == (2, 1, 1, 1)
    assert (uses["VAG-01"].fired, uses["VAG-01"].dismissed) == (1, 1)
    assert "nobody" not in uses
    assert any("FBD-09" in line and "50%" in line for line in reported(list(uses.values())))
