"""Telegram bot (Telegram): webhook with a secret header in, Bot API out, buttons of its own."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from bot.channels.adapter import (
    CLOSED,
    REFUSED,
    SENT,
    Answer,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Read,
    Rejected,
)
from bot.channels.calls import Unreachable, call, download
from bot.channels.json_body import moment, object_of, part, word
from bot.handbook.channels import Limits

LONGEST_BUTTON = 60
# What nobody at the desk can look at; a picture may be among them, sent as a file.
FILES = ("document", "video", "video_note", "animation", "audio")


@dataclass(frozen=True)
class Telegram:
    """Connect one bot; `secret` is what `setWebhook` was given as `secret_token`."""

    id: str
    limits: Limits
    bot_token: str
    secret: str
    api: str = "https://api.telegram.org"
    native_buttons: int = 10
    sends_pictures: bool = True
    ways: tuple[str, ...] = ()

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify and parse an update."""
        given = hook.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(self.secret.encode(), given.encode()):
            raise Rejected("密钥不正确")
        return Read(tuple(parse(object_of(hook.body), now)), Answer("ok"))

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send a text with buttons, or a picture."""
        if outbound.picture is not None:
            form = aiohttp.FormData({"chat_id": outbound.target, "caption": outbound.text[:1024]})
            form.add_field(
                "photo", outbound.picture.path.read_bytes(), filename=outbound.picture.name,
                content_type=outbound.picture.media_type,
            )
            return delivery_of(*await call(line.http, "POST", self._url("sendPhoto"), form=form))
        body: dict[str, Any] = {"chat_id": outbound.target, "text": outbound.text}
        if outbound.buttons:
            rows = [[{"text": button["title"][:LONGEST_BUTTON]}] for button in outbound.buttons]
            body["reply_markup"] = {
                "keyboard": rows, "one_time_keyboard": True, "resize_keyboard": True
            }
        return delivery_of(*await call(line.http, "POST", self._url("sendMessage"), body=body))

    def _url(self, method: str) -> str:
        return f"{self.api}/bot{self.bot_token}/{method}"

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return a picture that a customer sent."""
        _, answer = await call(line.http, "GET", self._url("getFile"), params={"file_id": str(media["id"])})
        path = word(part(answer, "result"), "file_path")
        if not path or ".." in path:
            raise Unreachable("no file")
        return "图片", await download(line.http, f"{self.api}/file/bot{self.bot_token}/{path}")


def parse(update: Mapping[str, Any], now: datetime) -> list[Inbound]:
    """Return the message of an update; nothing for edits, groups and what else there is."""
    number, message = word(update, "update_id"), part(update, "message")
    if not number:
        raise Rejected("更新缺少编号", status=400)
    chat = part(message, "chat")
    if word(chat, "type") != "private" or not word(chat, "id"):
        return []
    shared: dict[str, Any] = {
        "external_id": number, "sender": word(chat, "id"), "at": moment(message.get("date"))
    }
    if word(message, "text"):
        return _text(word(message, "text"), shared)
    if message.get("location"):
        place = part(message, "location")
        text = f"我的位置：{place.get('latitude')},{place.get('longitude')}"
        payload = {"location": {"lat": place.get("latitude"), "lon": place.get("longitude")}}
        return [Inbound("location", text=text, payload=payload, **shared)]
    photos = [each for each in message.get("photo") or [] if isinstance(each, dict)]
    file = part(message, "document")
    if word(file, "mime_type").startswith("image/"):
        photos = [file]
    if photos:
        # The last one is the largest.
        media = {"id": word(photos[-1], "file_id")}
        return [Inbound("image", text=word(message, "caption"), payload={"media": media}, **shared)]
    if any(message.get(kind) for kind in FILES):
        return [Inbound("image", text=word(message, "caption"), **shared)]
    return [Inbound("voice" if message.get("voice") else "event", text="", **shared)]


def _text(text: str, shared: dict[str, Any]) -> list[Inbound]:
    if text == "/start" or text.startswith("/start "):
        return [Inbound("event", text="", event="subscribe", **shared)]
    return [Inbound("text", text=text, **shared)]


def delivery_of(status: int, answer: Mapping[str, Any]) -> Delivery:
    """Return what an answer of the Bot API means."""
    if answer.get("ok") is True:
        return Delivery(SENT, platform_id=word(part(answer, "result"), "message_id"))
    error = f"HTTP {status}: {word(answer, 'description')[:120]}"
    return Delivery(CLOSED if status == 403 else REFUSED, error=error)
