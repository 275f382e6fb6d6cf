"""Chapters 1.3 and 3.4: one customer on several channels (多渠道同一客户).

A phone that the customer has proved by a one-time code joins conversations: tickets are seen from
each of them, an intake goes on where the customer is now, and notices go where they are read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.desk.conversations import open_conversation
from bot.desk.messages import deliver
from bot.desk.tickets import hash_phone
from bot.handbook.channels import CodeRule
from bot.handbook.errors import Refusal
from bot.handbook.handoff import ConversationState
from bot.storage.channels import ChannelAccount, ChannelDelivery, PhoneCode
from bot.storage.conversations import Conversation, Customer, Message
from bot.storage.locks import lock_name
from bot.storage.tickets import Ticket

OPEN, USED, SPENT = "open", "used", "spent"
KEPT, UNPROVED, NOWHERE, ABSENT = "kept", "unproved", "nowhere", "absent"
HOUR = timedelta(hours=1)
# What was left elsewhere longer ago is not what the customer writes about now.
CARRY_WITHIN = timedelta(hours=24)


class CodeTooOften(Refusal):
    """Refuse another code for now."""

    code = "rate_limited"


@dataclass(frozen=True)
class CodeResult:
    """Say what a code did: linked, wrong, over or none; where an intake was carried from."""

    kind: str
    phone: str = ""
    left: int = 0
    carried_from: str | None = None


def request_code(
    session: Session, rule: CodeRule, conversation: Conversation, phone: str, *, secret: str,
    now: datetime,
) -> str:
    """Return a fresh code for a phone, to be sent by SMS; raise `CodeTooOften`."""
    phone_hash = hash_phone(phone, secret=secret)
    lock_name(session, f"phone-code:{phone_hash}")
    for column, value in (
        (PhoneCode.phone_hash, phone_hash), (PhoneCode.conversation_id, conversation.id)
    ):
        newest, count = session.execute(
            select(func.max(PhoneCode.created_at), func.count()).where(
                column == value, PhoneCode.created_at > now - HOUR
            )
        ).one()
        if newest is not None and (now - newest < rule.again or count >= rule.per_hour):
            raise CodeTooOften("获取验证码较为频繁，请您稍后再试")
    _spend(session, conversation)
    code = "".join(secrets.choice("0123456789") for _ in range(rule.digits))
    session.add(
        PhoneCode(
            conversation_id=conversation.id, phone=phone, phone_hash=phone_hash, state=OPEN,
            code_hash=_hash_code(conversation.id, code, secret), created_at=now,
            expires_at=now + rule.life,
        )
    )
    session.flush()
    return code


def _hash_code(conversation_id: str, code: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"{conversation_id}:{code}".encode(), hashlib.sha256).hexdigest()


def _spend(session: Session, conversation: Conversation) -> None:
    session.execute(
        update(PhoneCode)
        .where(PhoneCode.conversation_id == conversation.id, PhoneCode.state == OPEN)
        .values(state=SPENT)
        .execution_options(synchronize_session="fetch")
    )


def awaits_code(session: Session, conversation: Conversation, *, now: datetime) -> bool:
    """Tell whether the conversation has an open code, so that digits may be one."""
    return _open_code(session, conversation, now) is not None


def _open_code(session: Session, conversation: Conversation, now: datetime) -> PhoneCode | None:
    return session.execute(
        select(PhoneCode)
        .where(
            PhoneCode.conversation_id == conversation.id, PhoneCode.state == OPEN,
            PhoneCode.expires_at > now,
        )
        .order_by(PhoneCode.id.desc())
        .limit(1)
        .with_for_update()
    ).scalar_one_or_none()


def confirm_code(
    session: Session, rule: CodeRule, conversation: Conversation, code: str, *, secret: str,
    now: datetime,
) -> CodeResult:
    """Check a code; the right one proves the phone and joins the conversation to its customer."""
    row = _open_code(session, conversation, now)
    if row is None:
        return CodeResult("none")
    row.tries += 1
    if not hmac.compare_digest(row.code_hash, _hash_code(conversation.id, code, secret)):
        if row.tries >= rule.tries:
            row.state = SPENT
            return CodeResult("over", row.phone)
        return CodeResult("wrong", row.phone, rule.tries - row.tries)
    row.state = USED
    customer = link_phone(session, conversation, row.phone, secret=secret, now=now)
    return CodeResult("linked", row.phone, carried_from=carry_over(session, customer, conversation))


def link_phone(
    session: Session, conversation: Conversation, phone: str, *, secret: str, now: datetime
) -> Customer:
    """Join the conversation, and its tickets, to the customer of a proved phone."""
    phone_hash = hash_phone(phone, secret=secret)
    lock_name(session, f"customer:{phone_hash}")
    customer = session.execute(
        select(Customer).where(Customer.phone_hash == phone_hash).order_by(Customer.id).limit(1)
    ).scalar_one_or_none()
    if customer is None:
        customer = Customer(phone=phone, phone_hash=phone_hash, created_at=now)
        session.add(customer)
        session.flush()
    customer.verified_at = now
    join_customer(session, conversation, customer)
    return customer


def join_customer(session: Session, conversation: Conversation, customer: Customer) -> None:
    """Join the conversation and the tickets that came by it to a customer."""
    conversation.customer_id = customer.id
    session.execute(
        update(Ticket)
        .where(Ticket.conversation_id == conversation.id)
        .values(customer_id=customer.id)
        .execution_options(synchronize_session="fetch")
    )
    session.flush()


def carry_on(
    session: Session, conversation: Conversation, *, before: datetime | None, now: datetime
) -> str | None:
    """Go on here with what was left unfinished elsewhere since the customer last wrote here, at `before`."""
    here = {ConversationState.BOT.value, ConversationState.ENDED.value}
    if conversation.customer_id is None or conversation.dialogue or conversation.state not in here:
        return None
    customer = session.get(Customer, conversation.customer_id)
    since = now - CARRY_WITHIN
    return carry_over(session, customer, conversation, since=max(since, before) if before else since)


def carry_over(
    session: Session, customer: Customer, conversation: Conversation, *, since: datetime | None = None
) -> str | None:
    """Go on here with an intake that the customer began elsewhere; return that channel."""
    if conversation.dialogue and conversation.dialogue.get("intake"):
        return None
    for other in _others(session, customer, conversation):
        if since is not None and (other.last_customer_at is None or other.last_customer_at <= since):
            continue
        intake = (other.dialogue or {}).get("intake")
        if intake and not intake.get("outcome") and other.state == ConversationState.BOT.value:
            conversation.dialogue, other.dialogue = other.dialogue, None
            session.flush()
            return other.channel
    return None


def _others(session: Session, customer: Customer, conversation: Conversation) -> list[Conversation]:
    return list(
        session.execute(
            select(Conversation)
            .where(Conversation.customer_id == customer.id, Conversation.id != conversation.id)
            .order_by(Conversation.last_customer_at.desc())
        ).scalars()
    )


def prefer_channel(
    session: Session, conversation: Conversation, channel: str | None, *,
    connected: Collection[str], now: datetime,
) -> str:
    """Keep the platform that a customer with a proved phone wants notices on; None: the one used last.

    Return `KEPT`, or why it cannot be promised: `UNPROVED`, `NOWHERE` where they
    never wrote, `ABSENT` where the desk is not connected.
    """
    customer = session.get(Customer, conversation.customer_id) if conversation.customer_id else None
    if customer is None or customer.verified_at is None:
        return UNPROVED
    if channel is not None:
        own = {each.channel for each in [*_others(session, customer, conversation), conversation]}
        reached = any(id_.split("-")[0] == channel for id_ in own & {*connected, "web"})
        by_sms = channel == "sms" and _open_sms(session, customer, connected, now) is not None
        if not reached and not by_sms:
            return NOWHERE if any(id_.split("-")[0] == channel for id_ in connected) else ABSENT
    customer.preferred_channel = channel
    session.flush()
    return KEPT


def _open_sms(
    session: Session, customer: Customer, connected: Collection[str], now: datetime
) -> Conversation | None:
    """Return the conversation by SMS with the proved phone, opened if need be; None: no such way."""
    gateway = next((id_ for id_ in sorted(connected) if id_.split("-")[0] == "sms"), None)
    if gateway is None or not customer.phone:
        return None
    conversation = open_conversation(session, channel=gateway, external_id=customer.phone, now=now)
    if conversation.customer_id not in {None, customer.id}:
        return None
    join_customer(session, conversation, customer)
    if session.get(ChannelAccount, conversation.id) is None:
        session.add(
            ChannelAccount(
                conversation_id=conversation.id, channel=gateway, external_id=customer.phone,
                address={}, used=0, updated_at=now,
            )
        )
    session.flush()
    return conversation


def is_connected(conversation: Conversation, connected: Collection[str] | None) -> bool:
    """Tell whether what is said in a conversation reaches the customer; None: all channels do."""
    return connected is None or conversation.channel in {*connected, "web"}


def reachable_conversation(
    session: Session, conversation: Conversation, *, connected: Collection[str] | None = None,
    now: datetime,
) -> Conversation:
    """Return where notices are read: the chosen channel, else the one used last, else this one.

    Where none of them is connected any more it is an SMS to the proved phone, if there is a gateway.
    """
    if conversation.customer_id is None:
        return conversation
    customer = session.get(Customer, conversation.customer_id)
    if customer is None or customer.verified_at is None:
        return conversation
    own = [
        each for each in [*_others(session, customer, conversation), conversation]
        if is_connected(each, connected)
    ]
    if not own:
        return _open_sms(session, customer, connected or (), now) or conversation
    # A platform may be connected more than once: wechat, wechat-north.
    chosen = [each for each in own if each.channel.split("-")[0] == customer.preferred_channel]
    used = [each for each in chosen or own if each.last_customer_at is not None]
    # One that was opened only to tell them things has no word of theirs.
    nowhere = chosen[0] if chosen else conversation if conversation in own else own[0]
    return max(used, key=lambda each: each.last_customer_at, default=nowhere)


def say_again(
    session: Session, message: Message, conversation: Conversation, *, external_id: str, now: datetime
) -> Message:
    """Say what did not arrive once more, in its own or in another conversation of the customer."""
    if message.conversation_id == conversation.id:
        message.state, message.epoch = "pending", conversation.epoch
        session.execute(
            update(ChannelDelivery)
            .where(ChannelDelivery.message_id == message.id)
            .values(
                state="queued", channel=conversation.channel, target=conversation.external_id,
                body=None, attempts=0, next_at=now,
            )
            .execution_options(synchronize_session="fetch")
        )
    else:
        message = Message(
            conversation_id=conversation.id, direction="out", author=message.author,
            staff_id=message.staff_id, text=message.text, payload=message.payload,
            external_id=external_id, epoch=conversation.epoch, state="pending",
            verdict_id=message.verdict_id, created_at=now,
        )
        session.add(message)
    session.flush()
    deliver(session, message, now=now)
    return message


def verified_phone(session: Session, conversation: Conversation) -> str | None:
    """Return the proved phone of the conversation's customer."""
    if conversation.customer_id is None:
        return None
    customer = session.get(Customer, conversation.customer_id)
    return customer.phone if customer is not None and customer.verified_at is not None else None


def conversations_of(session: Session, conversation: Conversation) -> list[str]:
    """Return the ids of all conversations of the same customer, this one included."""
    if conversation.customer_id is None:
        return [conversation.id]
    return list(
        session.execute(
            select(Conversation.id).where(Conversation.customer_id == conversation.customer_id)
        ).scalars()
    )
