"""Numbers for buttons (按钮编号): choices as numbered lines, a typed number read as its button."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.storage.conversations import Message

_NUMBER = re.compile(r"(?:选|第)?\s*([0-9０-９]{1,2}|[一二三四五六七八九十])\s*(?:个|项|号)?[。.、!！]?")
_CHINESE = {char: number for number, char in enumerate("一二三四五六七八九十", start=1)}


def as_numbers(text: str, buttons: Sequence[Mapping[str, str]], said: Mapping[str, str]) -> str:
    """Return the text with its buttons as numbered lines."""
    if not buttons:
        return text
    lines = [
        said["choose_one"].format(number=number, title=button["title"])
        for number, button in enumerate(buttons, start=1)
    ]
    return "\n".join([text, said["choose"], *lines])


def number_in(text: str) -> int | None:
    """Return the number when the text is one and nothing else."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    found = match.group(1)
    return _CHINESE[found] if found in _CHINESE else int(found)


def chosen(session: Session, conversation_id: str, text: str, *, titles: bool = False) -> str | None:
    """Return the payload of the button that a number means, if buttons were shown last.

    With `titles` so does a title: a platform's own buttons write theirs; on the web the payload
    is sent, and may say more.
    """
    number, title = number_in(text), text.strip()
    if number is None and not titles:
        return None
    shown = _shown(session, conversation_id)
    meant = [each for each in shown if each["title"] == title] if number is None else shown[number - 1 : number]
    return str(meant[0].get("payload") or meant[0]["title"]) if meant else None


def _shown(session: Session, conversation_id: str) -> Sequence[Mapping[str, Any]]:
    """Return the buttons of what was said since the customer's last message, newest first.

    A number after a person's words answers the person.
    """
    rows = session.execute(
        select(Message.direction, Message.author, Message.payload)
        .where(
            Message.conversation_id == conversation_id,
            (Message.direction == "in") | (Message.state == "sent"),
        )
        .order_by(Message.id.desc())
        .limit(10)
    )
    for direction, author, payload in rows:
        if direction == "in" or author == "staff":
            break
        if payload and payload.get("buttons"):
            return payload["buttons"]
    return ()
