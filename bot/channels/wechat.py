"""WeChat official account (微信公众号): plain and encrypted callbacks, customer-service messages.

The callback is acknowledged with `success` at once; what the desk says goes out by the
customer-service interface, within the quota of five messages in 48 hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bot.channels.adapter import (
    Answer,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Read,
    Rejected,
    is_fresh,
)
from bot.channels.wechat_api import (
    Credentials,
    call_api,
    delivery_of,
    fetch_media,
    upload_picture,
)
from bot.channels.wechat_crypto import check_signature, decrypt, key_of
from bot.channels.xml_body import fields
from bot.handbook.channels import Limits

SUCCESS = Answer("success")


@dataclass(frozen=True)
class Wechat:
    """Connect one official account; with `aes_key` only encrypted callbacks are believed."""

    id: str
    limits: Limits
    app_id: str
    secret: str
    token: str
    aes_key: str = ""
    api: str = "https://api.weixin.qq.com"
    # Words that stand for the keys of the account's menu.
    menu: Mapping[str, str] = field(default_factory=dict)
    template_id: str = ""
    # Fields of the template by what they show: number, state, text, time.
    template_fields: Mapping[str, str] = field(default_factory=dict)
    native_buttons: int = 0
    sends_pictures: bool = True

    def __post_init__(self) -> None:
        if self.aes_key:
            key_of(self.aes_key)

    @property
    def ways(self) -> tuple[str, ...]:
        """Return the template message, where one is configured."""
        return ("template",) if self.template_id else ()

    @property
    def credentials(self) -> Credentials:
        """Return how to get this account's token."""
        body = {"grant_type": "client_credential", "appid": self.app_id, "secret": self.secret}
        return Credentials(f"wechat:{self.app_id}", self.api, "POST", "/cgi-bin/stable_token", body=body)

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify and parse a callback."""
        query = hook.query
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not is_fresh(timestamp, self.limits, now):
            raise Rejected("时间戳过期")
        if hook.method == "GET" or not self.aes_key:
            check_signature(query.get("signature", ""), self.token, timestamp, nonce)
        if hook.method == "GET":
            return Read(answer=Answer(query.get("echostr", "")))
        message = fields(hook.body)
        if self.aes_key:
            encrypted = message.get("Encrypt", "")
            check_signature(query.get("msg_signature", ""), self.token, timestamp, nonce, encrypted)
            plain = decrypt(encrypted, key=key_of(self.aes_key), receiver=self.app_id)
            message = fields(plain)
        return Read(tuple(parse(message, self.menu)), SUCCESS)

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send by the customer-service interface, or by the template past the quota."""
        if outbound.way == "template":
            body = self._template(outbound)
            return delivery_of(await call_api(line, self.credentials, "/cgi-bin/message/template/send", body=body))
        if outbound.picture is not None:
            media_id = await upload_picture(
                line, self.credentials, outbound.picture, "/cgi-bin/media/upload"
            )
            body = {"touser": outbound.target, "msgtype": "image", "image": {"media_id": media_id}}
        else:
            body = {"touser": outbound.target, "msgtype": "text", "text": {"content": outbound.text}}
        answer = await call_api(line, self.credentials, "/cgi-bin/message/custom/send", body=body)
        return delivery_of(answer)

    def _template(self, outbound: Outbound) -> dict[str, Any]:
        ticket = outbound.ticket or {}
        values = {
            "number": str(ticket.get("number", "")), "state": str(ticket.get("state_title", "")),
            # A field of a template takes 20 characters.
            "text": outbound.text[:20], "time": _minute(str(ticket.get("resolve_by", ""))),
        }
        shown = {name: {"value": values[what]} for what, name in self.template_fields.items()}
        return {
            "touser": outbound.target, "template_id": self.template_id, "data": shown,
            "client_msg_id": outbound.id,
        }

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return a picture that a customer sent."""
        content = await fetch_media(line, self.credentials, "/cgi-bin/media/get", str(media["id"]))
        return "图片", content


def _minute(iso: str) -> str:
    """Return an instant as the field of a template takes it; ISO 8601 is refused there."""
    if not iso:
        return ""
    at = datetime.fromisoformat(iso)
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def parse(message: Mapping[str, str], menu: Mapping[str, str]) -> list[Inbound]:
    """Return the message or event of a callback; nothing for what means nothing to the desk."""
    sender, created, kind = (message.get(k, "") for k in ("FromUserName", "CreateTime", "MsgType"))
    if not sender or not created.isdigit() or len(created) > 12:
        raise Rejected("消息缺少发送者或时间", status=400)
    at = datetime.fromtimestamp(int(created), timezone.utc)
    if kind == "event":
        return _event(message, sender, at, menu)
    number = message.get("MsgId", "")
    if not number:
        raise Rejected("消息缺少 MsgId", status=400)
    shared = {"external_id": number, "sender": sender, "at": at}
    if kind == "text":
        return [Inbound("text", text=message.get("Content", ""), **shared)]
    if kind == "image":
        media = {"id": message.get("MediaId", ""), "url": message.get("PicUrl", "")}
        return [Inbound("image", text="", payload={"media": media}, **shared)]
    if kind == "voice":
        return [Inbound("voice", text=message.get("Recognition", "").strip(), **shared)]
    if kind == "location":
        place = {"lat": message.get("Location_X"), "lon": message.get("Location_Y")}
        text = f"我的位置：{message.get('Label', '')}"
        return [Inbound("location", text=text, payload={"location": place}, **shared)]
    if kind == "link":
        return [Inbound("text", text=f"{message.get('Title', '')} {message.get('Url', '')}", **shared)]
    return [Inbound("image" if "video" in kind else "event", text="", **shared)]


def _event(
    message: Mapping[str, str], sender: str, at: datetime, menu: Mapping[str, str]
) -> list[Inbound]:
    name, key = message.get("Event", "").lower(), message.get("EventKey", "")
    # Events have no id of their own; a retry has the same sender and second.
    external_id = f"{sender}:{message['CreateTime']}:{name}:{key}"
    shared = {"external_id": external_id, "sender": sender, "at": at}
    if name == "click":
        words = menu.get(key) or ("" if key.isascii() else key)
        kind = "text" if words else "event"
        return [Inbound(kind, text=words, event="click", payload={"menu": key}, **shared)]
    if name in {"subscribe", "unsubscribe", "scan"}:
        event = "subscribe" if name == "scan" else name
        kind = {"event": event, "payload": {"scene": key}}
        return [Inbound("event", text="", **kind, **shared)]
    return []
