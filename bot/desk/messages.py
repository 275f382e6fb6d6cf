"""Chapter 1.3: the message ledger (消息台账).

An inbound message is stored before anything acts on it; the same external id again finds the
first. An outbound message is a row with a language verdict and the epoch it was made under;
it is delivered after commit, and dropped when somebody else holds the conversation by then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from bot.handbook.errors import Refusal
from bot.handbook.language.finding import SecondOpinion
from bot.storage.conversations import Conversation, Message, Review, Verdict
from bot.storage.engine import insertion
from bot.storage.language import RulesInForce

_CHECKED = select(Verdict.id).join(RulesInForce, RulesInForce.version == Verdict.rules_version)
# What every turn asks is put together once: that costs more than the asking.
_OF_CONVERSATION = select(Message).where(Message.conversation_id == bindparam("of"))
_OF_ID = select(Message).where(Message.id == bindparam("wanted"))
_RECEIVED_AS = _OF_CONVERSATION.where(Message.external_id == bindparam("as"))
# Messengers tell when a bubble was written; on the way one may overtake another.
_UNHANDLED = _OF_CONVERSATION.where(
    Message.direction == "in", Message.state == "received"
).order_by(Message.created_at, Message.id)
_PENDING = _OF_CONVERSATION.where(
    Message.direction == "out", Message.state == "pending"
).order_by(Message.id)
_SAID = (
    _OF_CONVERSATION.where(Message.direction == "out", Message.state == "sent")
    .order_by(Message.id.desc())
    .limit(bindparam("most"))
)
_REPLIES = _OF_CONVERSATION.where(
    Message.id > bindparam("to"), Message.reply_to == bindparam("to"), Message.state == "sent"
).order_by(Message.id)
_EPOCH = select(Conversation.epoch).where(Conversation.id == bindparam("of")).with_for_update(read=True)
_HANDLED = (
    update(Message)
    .where(Message.id.in_(bindparam("them", expanding=True)), Message.state == "received")
    .values(state="handled")
    .execution_options(synchronize_session=False)
)
_SENT = (
    update(Message)
    .where(
        Message.id == bindparam("message"), Message.state == "pending",
        Message.epoch == bindparam("current"), Message.verdict_id.in_(_CHECKED),
    )
    .values(state="sent", sent_at=bindparam("at"))
    .execution_options(synchronize_session=False)
)


class LanguageChecker(Protocol):
    """What the gate needs of `bot.handbook.language.checker.Checker`."""

    version: str
    rules: Sequence[Any]

    def check(
        self,
        text: str,
        *,
        speaker: str = ...,
        turn: str | None = ...,
        context: str | None = ...,
        facts: Mapping[str, Any] | None = ...,
        now: datetime | None = ...,
    ) -> Any:
        """Check one text."""


@dataclass(frozen=True)
class Gate:
    """Hold the checker and the texts that stand in for a blocked bot reply.

    `safe_choice` stands in where the reply carries buttons: the question is still open. The second
    opinion is heard on what staff write in the console, never on the bot's way to the customer.
    """

    checker: LanguageChecker
    safe_text: str
    safe_choice: str = ""
    second: SecondOpinion | None = None

    def check_reply(self, text: str, **circumstances: Any) -> Any:
        """Check a reply of staff; the second opinion may warn where the rules are silent.

        Of what no rule could name it says what it is like.
        """
        result = self.checker.check(text, speaker="staff", **circumstances)
        return result.hinted(self.second, text)

    def stand_in(self, payload: Mapping[str, Any] | None) -> str:
        """Return the text to send instead of a blocked one."""
        asks = bool(payload and payload.get("buttons"))
        return self.safe_choice if asks and self.safe_choice else self.safe_text


class LanguageBlocked(Refusal):
    """Refuse a staff reply that breaks the service language; nothing is sent."""

    code = "language_blocked"


def receive_message(
    session: Session,
    conversation: Conversation,
    *,
    text: str,
    external_id: str,
    now: datetime,
    kind: str = "text",
    payload: dict[str, Any] | None = None,
) -> tuple[Message, bool]:
    """Store a customer's message; return it and whether it is new."""
    known = {"of": conversation.id, "as": external_id}
    found = session.execute(_RECEIVED_AS, known).scalar_one_or_none()
    if found is not None:
        return found, False
    message = Message(
        conversation_id=conversation.id, direction="in", author="customer", kind=kind, text=text,
        payload=payload, external_id=external_id, epoch=conversation.epoch, state="received",
        created_at=now,
    )
    try:
        with insertion(session):
            session.add(message)
            session.flush()
    except IntegrityError:
        return session.execute(_RECEIVED_AS, known).scalar_one(), False
    conversation.last_customer_at = now
    return message, True


def find_message(session: Session, message_id: int) -> Message:
    """Return a stored message."""
    return session.execute(_OF_ID, {"wanted": message_id}).scalar_one()


def unhandled_messages(session: Session, conversation_id: str) -> list[Message]:
    """Return the customer's messages that no turn has taken yet, in order."""
    return list(session.execute(_UNHANDLED, {"of": conversation_id}).scalars())


def settle(session: Session, message_ids: Sequence[int]) -> int:
    """Mark inbound messages as handled; return how many were not so before."""
    settled = session.execute(_HANDLED, {"them": list(message_ids)})
    for message_id in message_ids:
        known = session.identity_map.get(identity_key(Message, message_id))
        if known is not None:
            session.expire(known, ["state"])
    return int(settled.rowcount)


def say(
    session: Session,
    gate: Gate,
    conversation: Conversation,
    *,
    text: str,
    author: str,
    now: datetime,
    epoch: int | None = None,
    reply_to: int | None = None,
    payload: dict[str, Any] | None = None,
    turn: str | None = None,
    context: str | None = None,
    facts: Mapping[str, Any] | None = None,
    staff_id: int | None = None,
    external_id: str | None = None,
    override_reason: str | None = None,
    checked: Any = None,
) -> Message:
    """Write an outbound message with its verdict; delivery is `deliver` after commit.

    A blocked bot or system text is replaced by the safe text; a blocked staff text raises
    `LanguageBlocked` unless every blocking finding may be overridden and a reason is given.
    `checked` is the result of the language check where the caller has it already.
    """
    speaker = "staff" if author == "staff" else "bot"
    result = checked or gate.checker.check(
        text, speaker=speaker, turn=turn, context=context, facts=facts, now=now
    )
    answer = result.as_json()
    findings, verdict = answer["findings"], answer["verdict"]
    row = Verdict(
        verdict=verdict, speaker=speaker, rules_version=str(result.rules_version),
        findings=findings, created_at=now,
    )
    if verdict == "block" and speaker == "staff":
        _override(row, result, findings, override_reason, staff_id)
    elif verdict == "block":
        row.replaced_text, text = text, gate.stand_in(payload)
        _note_blocked(session, conversation, row, now)
    session.add(row)
    session.flush()
    message = Message(
        conversation_id=conversation.id, direction="out", author=author, staff_id=staff_id,
        text=text, payload=payload, external_id=external_id,
        epoch=conversation.epoch if epoch is None else epoch,
        state="pending", verdict_id=row.id, reply_to=reply_to, created_at=now,
    )
    session.add(message)
    session.flush()
    return message


# One character, a digit or a mark is no reason that anybody can read later.
_REASON = re.compile(r"[\u4e00-\u9fffA-Za-z]{2}")


def _override(
    row: Verdict, result: Any, findings: list[dict[str, Any]], reason: str | None, staff_id: int | None
) -> None:
    fixed = [f.rule for f in result.findings if f.level == "block" and not f.overridable]
    if fixed or not reason:
        raise LanguageBlocked(
            "回复不符合服务用语规范，未发送", findings=findings, overridable=not fixed
        )
    if not _REASON.search(reason):
        raise LanguageBlocked(
            "未发送：请写明为什么仍要发送，至少两个字", findings=findings, overridable=True
        )
    row.overridden_by, row.override_reason = staff_id, reason


def _note_blocked(session: Session, conversation: Conversation, row: Verdict, now: datetime) -> None:
    rules = ",".join(sorted({f["rule"] for f in row.findings if f["level"] == "block"}))
    session.add(
        Review(
            conversation_id=conversation.id, reason="bot_reply_blocked", text=rules,
            reading={"rules": rules}, created_at=now,
        )
    )


def deliver(session: Session, message: Message, *, now: datetime) -> bool:
    """Mark a pending message as sent if its epoch is current, else as dropped.

    The conversation is locked until the commit: without that, PostgreSQL would compare with the
    epoch of its snapshot while a takeover commits, and the message would follow the takeover.
    A verdict of other rules than those in force sends nothing: the message waits to be checked
    again when rules are adopted (`bot.desk.rules_in_force`).
    """
    epoch = session.execute(_EPOCH, {"of": message.conversation_id}).scalar_one()
    sent = session.execute(_SENT, {"message": message.id, "current": epoch, "at": now})
    if sent.rowcount == 1:
        set_committed_value(message, "state", "sent")
        set_committed_value(message, "sent_at", now)
        return True
    session.execute(
        update(Message)
        .where(Message.id == message.id, Message.state == "pending", Message.epoch != epoch)
        .values(state="dropped")
        .execution_options(synchronize_session=False)
    )
    session.refresh(message)
    return False


def deliver_pending(session: Session, conversation_id: str, *, now: datetime) -> list[Message]:
    """Deliver what waits in one conversation, oldest first; return what was sent."""
    waiting = session.execute(_PENDING, {"of": conversation_id}).scalars()
    return [message for message in waiting if deliver(session, message, now=now)]


def shown_messages(
    session: Session, conversation_id: str, *, after: int = 0, most: int = 200
) -> list[Message]:
    """Return what the customer sees after a cursor: own messages and sent ones.

    A message that is being delivered holds back what has a higher id, so that a reader who goes
    on from the last id it saw never passes over one.
    """
    first_pending = session.execute(
        select(func.min(Message.id)).where(
            Message.conversation_id == conversation_id,
            Message.id > after,
            Message.direction == "out",
            Message.state == "pending",
        )
    ).scalar_one()
    before = [] if first_pending is None else [Message.id < first_pending]
    return list(
        session.execute(
            select(Message)
            .where(
                Message.conversation_id == conversation_id,
                Message.id > after,
                (Message.direction == "in") | (Message.state == "sent"),
                *before,
            )
            .order_by(Message.id)
            .limit(most)
        ).scalars()
    )


def replies_to(session: Session, conversation_id: str, message_id: int) -> list[Message]:
    """Return the sent answers to one inbound message of a conversation."""
    return list(session.execute(_REPLIES, {"of": conversation_id, "to": message_id}).scalars())


def last_said(session: Session, conversation_id: str) -> Message | None:
    """Return the newest message that the customer was sent."""
    found = said_lately(session, conversation_id, most=1)
    return found[0] if found else None


def said_lately(session: Session, conversation_id: str, *, most: int) -> list[Message]:
    """Return the last messages that the customer was sent, the newest first."""
    return list(session.execute(_SAID, {"of": conversation_id, "most": most}).scalars())


def note_for_review(
    session: Session, *, conversation_id: str, message_id: int | None, reason: str, text: str,
    reading: dict[str, Any] | None, now: datetime,
) -> None:
    """Keep a turn that is worth a look; `text` must be masked by the caller."""
    session.add(
        Review(
            conversation_id=conversation_id, message_id=message_id, reason=reason, text=text,
            reading=reading, created_at=now,
        )
    )
