"""Words that join channels (渠道绑定): 绑定手机, the code that follows, and 通知发到微信客服."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bot.desk.contact import (
    ABSENT,
    KEPT,
    NOWHERE,
    UNPROVED,
    CodeTooOften,
    awaits_code,
    carry_on,
    confirm_code,
    prefer_channel,
    request_code,
)
from bot.desk.messages import say, settle
from bot.handbook.channels import ChannelTables
from bot.handbook.privacy import find_phones, mask_phone
from bot.storage.conversations import Conversation, Message

_BIND = re.compile(r"^\s*(?:我要)?绑定(?:我的)?(?:手机|电话|号码|手机号码?)?\D{0,4}(?=[+\d])")
_PREFER = re.compile(r"^\s*(?:以后|今后)?(?:的)?(?:通知|进度|回访)(?:都)?(?:发到|用|走)\s*(\S{2,12}?)\s*[。！!]?$")
# What is said to the wish for a channel, by what became of it.
PREFER = {
    KEPT: "prefer", UNPROVED: "prefer_unproved", NOWHERE: "prefer_nowhere", ABSENT: "prefer_absent",
}
_ANY = {"最近使用的渠道", "都可以", "随便"}


@dataclass(frozen=True)
class CodeWish:
    """Hold a code to be sent by SMS after commit."""

    phone: str
    text: str


def answer_words(
    session: Session, desk: Any, tables: ChannelTables, conversation: Conversation,
    message: Message, *, connected: Collection[str], now: datetime,
) -> tuple[bool, CodeWish | None]:
    """Answer words about phone and channel; tell whether they were, and what to send by SMS."""
    text = message.text.strip()
    phones = [secret.digits for secret in find_phones(text)] if _BIND.match(text) else []
    wish = None
    if phones:
        words, wish = _send_code(session, desk, tables, conversation, phones[0], now)
    elif _is_code(text, tables) and awaits_code(session, conversation, now=now):
        words = _check_code(session, desk, tables, conversation, text, now)
    elif (wanted := _PREFER.match(text)) and (channel := _named(wanted.group(1), tables)) is not None:
        became = prefer_channel(session, conversation, channel or None, connected=connected, now=now)
        words = tables.said[PREFER[became]].format(channel=wanted.group(1))
    else:
        return False, None
    say(
        session, desk.gate, conversation, text=words, author="bot", now=now, reply_to=message.id,
    )
    settle(session, [message.id])
    return True, wish


def go_on(
    session: Session, desk: Any, tables: ChannelTables, conversation: Conversation,
    message: Message, *, before: datetime | None, now: datetime,
) -> None:
    """Let a known customer go on here with what they began elsewhere, and tell them so."""
    channel = carry_on(session, conversation, before=before, now=now)
    if channel is not None:
        say(
            session, desk.gate, conversation, author="bot", now=now, reply_to=message.id,
            text=tables.said["carried"].format(channel=tables.title_of(channel)),
        )


def _is_code(text: str, tables: ChannelTables) -> bool:
    return text.isascii() and text.isdigit() and len(text) == tables.code.digits


def _named(title: str, tables: ChannelTables) -> str | None:
    if title in _ANY:
        return ""
    for limits in tables.platforms.values():
        if title.lower() in {limits.title.lower(), limits.id}:
            return limits.id
    return None


def _send_code(
    session: Session, desk: Any, tables: ChannelTables, conversation: Conversation, phone: str,
    now: datetime,
) -> tuple[str, CodeWish | None]:
    try:
        code = request_code(
            session, tables.code, conversation, phone, secret=desk.settings.secret, now=now
        )
    except CodeTooOften:
        return tables.said["code_often"], None
    minutes = f"{tables.code.life.total_seconds() / 60:g}"
    words = tables.said["code_sent"].format(phone=mask_phone(phone), minutes=minutes)
    return words, CodeWish(phone, tables.said["code"].format(code=code, minutes=minutes))


def _check_code(
    session: Session, desk: Any, tables: ChannelTables, conversation: Conversation, code: str,
    now: datetime,
) -> str:
    result = confirm_code(
        session, tables.code, conversation, code, secret=desk.settings.secret, now=now
    )
    if result.kind == "wrong":
        return tables.said["code_wrong"].format(left=result.left)
    if result.kind != "linked":
        return tables.said["code_over"]
    words = tables.said["linked"].format(phone=mask_phone(result.phone))
    if result.carried_from:
        words += tables.said["carried"].format(channel=tables.title_of(result.carried_from))
    return words
