"""Joining (合并发送): which waiting messages share one message of a platform, and what it then says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.channels.adapter import Adapter
from bot.channels.choices import as_numbers
from bot.handbook.channels import ChannelTables
from bot.storage.channels import ChannelDelivery
from bot.storage.conversations import Message


def is_card(payload: Mapping[str, Any], parts: Sequence[str], adapter: Adapter) -> bool:
    """Tell whether a customer's ticket goes out as a card: choices of its own stay numbers."""
    if not payload.get("ticket") or payload.get("buttons") or payload.get("attachment"):
        return False
    return len(parts) == 1 and len(parts[0]) <= adapter.limits.card_chars


def joinable(
    rows: Sequence[ChannelDelivery], messages: Mapping[int, Message]
) -> list[ChannelDelivery]:
    """Return the rows from the first on that may share a message: same way, no picture.

    Choices end a message: only its last text has them.
    """
    group: list[ChannelDelivery] = []
    for row in rows:
        payload = messages[row.message_id].payload or {}
        picture = bool(payload.get("attachment"))
        if group and (picture or row.body is not None or row.channel != rows[0].channel):
            break
        group.append(row)
        if picture or payload.get("buttons"):
            break
    return group


def text_of(message: Message, adapter: Adapter, tables: ChannelTables, *, last: bool) -> str:
    """Return a message's text; the last of those joined shows its choices as numbers where it must."""
    buttons = (message.payload or {}).get("buttons") or []
    if not last or native(message, adapter):
        return message.text
    return as_numbers(message.text, buttons, tables.said)


def native(message: Message, adapter: Adapter) -> list[Mapping[str, str]]:
    """Return the choices that the platform shows as buttons of its own."""
    buttons = (message.payload or {}).get("buttons") or []
    return buttons if 0 < len(buttons) <= adapter.native_buttons else []
