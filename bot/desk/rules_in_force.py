"""Chapter 2.3: the rules in force (现行用语规则): adopted at start, and what waits is checked again.

The database refuses to mark a message as sent on a verdict of other rules. A process that still
holds other tables can therefore send nothing; what it wrote is checked again by one that holds
those in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from bot.desk.apart import apart
from bot.desk.audit import record_audit
from bot.desk.messages import Gate, LanguageChecker, note_for_review
from bot.desk.serving import reply_facts, ticket_in_hand
from bot.storage.conversations import Conversation, Message, Verdict
from bot.storage.language import LanguageMark, RulesInForce

REFUSED, REWRITTEN = "refused", "rewritten"


def adopt_rules(session: Session, gate: Gate, *, now: datetime) -> int:
    """Put the rules of this process into force; return how many waiting texts were checked again."""
    version = gate.checker.version
    row = session.get(RulesInForce, 1)
    before = None if row is None else row.version
    if row is None:
        session.add(RulesInForce(id=1, version=version, since=now))
    elif row.version != version:
        row.version, row.since = version, now
    session.flush()
    again = len(check_waiting(session, gate, now=now))
    if before != version:
        record_audit(
            session, action="rules_adopted", subject=f"language:{version}", now=now,
            staff_name="system", data={"before": before, "checked_again": again},
        )  # fmt: skip
    return again


def check_waiting(session: Session, gate: Gate, *, now: datetime) -> list[str]:
    """Check again what waits with a verdict of other rules; return its conversations.

    A process whose own rules are not in force leaves it to those whose are.
    """
    version = gate.checker.version
    waiting = session.execute(
        select(Message)
        .join(RulesInForce, RulesInForce.version == version)
        .outerjoin(Verdict, Verdict.id == Message.verdict_id)
        .where(
            Message.direction == "out", Message.state == "pending",
            or_(Verdict.id.is_(None), Verdict.rules_version != version),
        )
        .order_by(Message.id)
    ).scalars()
    checked = []
    for message in waiting.all():
        with apart(session, "check_waiting", message=message.id):
            checked.append(_checked_again(session, gate, message, now=now))
    return checked


def _checked_again(session: Session, gate: Gate, message: Message, *, now: datetime) -> str:
    """Give a waiting message a verdict of the rules in force, or keep it back."""
    before = message.verdict
    speaker = "staff" if message.author == "staff" else "bot"
    conversation = session.get(Conversation, message.conversation_id)
    ticket = ticket_in_hand(session, conversation)
    context, facts = reply_facts(session, ticket, conversation, now=now)
    result = gate.checker.check(
        message.text, speaker=speaker, context=context, facts=facts, now=now
    )
    answer = result.as_json()
    row = Verdict(
        verdict=answer["verdict"], speaker=speaker, rules_version=result.rules_version,
        findings=answer["findings"], created_at=now,
    )
    if before is not None and result.overridable:
        row.overridden_by, row.override_reason = before.overridden_by, before.override_reason
    if answer["verdict"] == "block" and not row.override_reason:
        _hold_back(session, gate, message, row, now=now)
    message.verdict = row
    session.flush()
    return str(message.conversation_id)


def _hold_back(
    session: Session, gate: Gate, message: Message, row: Verdict, *, now: datetime
) -> None:
    """Put the safe text for the bot's; a person's text is dropped and shown to the coach."""
    rules = ",".join(sorted({f["rule"] for f in row.findings if f["level"] == "block"}))
    if message.author == "staff":
        message.state = "dropped"
    else:
        row.replaced_text, message.text = message.text, gate.safe_text
    note_for_review(
        session, conversation_id=message.conversation_id, message_id=message.id,
        reason=f"{'staff' if message.author == 'staff' else 'bot'}_reply_blocked", text=rules,
        reading={"rules": rules}, now=now,
    )


def note_refused(
    session: Session, findings: list[dict[str, Any]], *, checker: LanguageChecker,
    staff_id: int | None, now: datetime,
) -> None:
    """Keep which rules held a person's reply back."""
    rules = {each["rule"] for each in findings if each["level"] == "block"}
    _mark(session, REFUSED, rules, checker=checker, staff_id=staff_id, now=now)


def note_rewritten(
    session: Session, rules: list[str], *, checker: LanguageChecker, staff_id: int | None,
    now: datetime,
) -> None:
    """Keep for which rules a person took the proposed words; unknown names are left out."""
    known = {rule.id for rule in checker.rules}.intersection(rules)
    _mark(session, REWRITTEN, known, checker=checker, staff_id=staff_id, now=now)


def _mark(
    session: Session, what: str, rules: set[str], *, checker: LanguageChecker,
    staff_id: int | None, now: datetime,
) -> None:
    for rule in sorted(rules):
        session.add(
            LanguageMark(
                rule=rule, what=what, rules_version=checker.version, staff_id=staff_id, at=now
            )
        )
    session.flush()


@dataclass
class RuleUse:
    """How often one rule fired in staff and bot texts, and what people made of it."""

    rule: str
    fired: int = 0
    refused: int = 0
    overridden: int = 0
    dismissed: int = 0
    rewritten: int = 0

    @property
    def ignored(self) -> float:
        """Return the share of its findings that people sent nevertheless."""
        return (self.overridden + self.dismissed) / self.fired if self.fired else 0.0


def rule_uses(session: Session, *, since: datetime | None = None) -> list[RuleUse]:
    """Count per rule what was found, overridden, dismissed and rewritten; the most ignored first.

    A finding is overridden when a person sent the reply with a reason in spite of a block, and
    dismissed when a person sent it with the warning standing.
    """
    uses: dict[str, RuleUse] = {}
    query = select(Verdict).where(Verdict.verdict != "pass")
    for verdict in session.execute(_from(query, Verdict.created_at, since)).scalars():
        for rule, level in {(each["rule"], each["level"]) for each in verdict.findings}:
            use = uses.setdefault(rule, RuleUse(rule))
            use.fired += 1
            if verdict.speaker == "staff" and level == "block":
                use.overridden += verdict.override_reason is not None
            elif verdict.speaker == "staff" and level == "warn":
                use.dismissed += 1
    counts = select(LanguageMark.rule, LanguageMark.what, func.count()).group_by(
        LanguageMark.rule, LanguageMark.what
    )
    for rule, what, count in session.execute(_from(counts, LanguageMark.at, since)):
        use = uses.setdefault(rule, RuleUse(rule))
        if what == REWRITTEN:
            use.rewritten += count
        else:
            use.refused += count
            use.fired += count
    return sorted(uses.values(), key=lambda each: (-each.ignored, -each.fired, each.rule))


def _from(query: Select, column: Any, since: datetime | None) -> Select:
    return query if since is None else query.where(column >= since)
