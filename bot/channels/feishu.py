"""Feishu application with HTTP events (飞书): signed and encrypted events in, messages out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.channels.adapter import (
    REFUSED,
    RETRY,
    SENT,
    Answer,
    Card,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Picture,
    Read,
    Rejected,
    is_fresh,
)
from bot.channels.calls import Unreachable, call, download, to_json, with_token
from bot.channels.json_body import moment, object_of, part, word
from bot.handbook.channels import Limits

OK = Answer("{}", media_type="application/json")
TOKEN_ENDED = {99991663, 99991661, 99991668}
TOO_MANY = {99991400, 230020}


@dataclass(frozen=True)
class Feishu:
    """Connect one self-built application; only encrypted, signed events are believed."""

    id: str
    limits: Limits
    app_id: str
    app_secret: str
    encrypt_key: str
    verification_token: str
    api: str = "https://open.feishu.cn"
    native_buttons: int = 0
    sends_pictures: bool = True
    ways: tuple[str, ...] = ()
    # People (open_id) and their accounts at the desk: warnings as cards, claimed by their button.
    staff: Mapping[str, str] = field(default_factory=dict)

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify, decrypt and parse an event."""
        body = object_of(hook.body)
        event = object_of(decrypt(word(body, "encrypt"), self.encrypt_key))
        if event.get("type") == "url_verification":
            # The one request that comes unsigned; the token inside proves it.
            self._check_token(word(event, "token"))
            answer = to_json({"challenge": word(event, "challenge")}).decode()
            return Read(answer=Answer(answer, media_type="application/json"))
        timestamp = hook.headers.get("x-lark-request-timestamp", "")
        if not is_fresh(timestamp, self.limits, now):
            raise Rejected("时间戳过期")
        nonce, given = (hook.headers.get(f"x-lark-{name}", "") for name in ("request-nonce", "signature"))
        expected = signature(self.encrypt_key, timestamp, nonce, hook.body)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise Rejected("签名不正确")
        self._check_token(word(part(event, "header"), "token"))
        return Read(tuple(parse(event)), OK)

    def _check_token(self, given: str) -> None:
        if not hmac.compare_digest(self.verification_token.encode(), given.encode()):
            raise Rejected("校验令牌不正确")

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send a text, picture or card; the platform drops our id's repetition within an hour."""
        token = await self._token(line)
        kind, content = "text", {"text": outbound.text}
        if outbound.card is not None:
            kind, content = "interactive", interactive(outbound.card)
        elif outbound.picture is not None:
            kind, content = "image", {"image_key": await self._upload(outbound.picture, token, line)}
        body = {
            "receive_id": outbound.target, "msg_type": kind, "uuid": outbound.id,
            "content": to_json(content).decode(),
        }
        status, answer = await call(
            line.http, "POST", f"{self.api}/open-apis/im/v1/messages",
            params={"receive_id_type": "open_id"}, body=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        code = answer.get("code")
        if code == 0:
            return Delivery(SENT, platform_id=word(part(answer, "data"), "message_id"))
        error = f"HTTP {status} code {code}: {word(answer, 'msg')[:120]}"
        if code in TOKEN_ENDED:
            await self._token(line, failed=token)
            return Delivery(RETRY, error=error)
        if code in TOO_MANY:
            return Delivery(RETRY, error=error, retry_after=timedelta(seconds=5), pause_all=True)
        return Delivery(REFUSED, error=error)

    async def _upload(self, picture: Picture, token: str, line: Line) -> str:
        form = aiohttp.FormData()
        form.add_field("image_type", "message")
        form.add_field(
            "image", picture.path.read_bytes(), filename=picture.name, content_type=picture.media_type
        )
        _, answer = await call(
            line.http, "POST", f"{self.api}/open-apis/im/v1/images", form=form,
            headers={"Authorization": f"Bearer {token}"},
        )
        key = word(part(answer, "data"), "image_key")
        if answer.get("code") in TOKEN_ENDED:
            await self._token(line, failed=token)
        if not key:
            raise Unreachable(f"upload: code {answer.get('code')}")
        return key

    async def _token(self, line: Line, *, failed: str = "") -> str:
        async def renew() -> tuple[str, timedelta]:
            body = {"app_id": self.app_id, "app_secret": self.app_secret}
            _, answer = await call(
                line.http, "POST", f"{self.api}/open-apis/auth/v3/tenant_access_token/internal", body=body
            )
            if answer.get("code") or not isinstance(answer.get("tenant_access_token"), str):
                raise Unreachable(f"no token: code {answer.get('code')}")
            return answer["tenant_access_token"], timedelta(seconds=int(answer.get("expire", 7200)))

        return await line.tokens.get(f"feishu:{self.app_id}", renew, failed=failed)

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return a picture that a customer sent."""
        url = f"{self.api}/open-apis/im/v1/messages/{media['message']}/resources/{media['id']}"
        content = await with_token(
            lambda failed: self._token(line, failed=failed),
            lambda token: download(
                line.http, url, params={"type": "image"}, headers={"Authorization": f"Bearer {token}"}
            ),
            lambda error: error.answer.get("code") in TOKEN_ENDED,
        )
        return "图片", content


def signature(key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the signature of an event: a plain SHA-256, in hexadecimal."""
    return hashlib.sha256(f"{timestamp}{nonce}{key}".encode() + body).hexdigest()


def decrypt(encrypted: str, key: str) -> bytes:
    """Return the event inside; the key is hashed, the first block is the IV."""
    try:
        data = base64.b64decode(encrypted, validate=True)
        cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(data[:16]))
        decryptor = cipher.decryptor()
        plain = decryptor.update(data[16:]) + decryptor.finalize()
    except (binascii.Error, ValueError):
        raise Rejected("密文无法解密", status=400) from None
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= 16 or plain[-padding:] != bytes([padding]) * padding:
        raise Rejected("密文填充不正确", status=400)
    return plain[:-padding]


def parse(event: Mapping[str, Any]) -> list[Inbound]:
    """Return the message or the claim of an event; nothing for other events and for group chats."""
    header, message = part(event, "header"), part(event, "event", "message")
    if word(header, "event_type") == "card.action.trigger":
        return pressed(event)
    if word(header, "event_type") != "im.message.receive_v1":
        return []
    sender = word(part(event, "event", "sender", "sender_id"), "open_id")
    number = word(message, "message_id") or word(header, "event_id")
    if not sender or not number:
        raise Rejected("消息缺少发送者或编号", status=400)
    if word(message, "chat_type") not in {"p2p", ""}:
        return []
    kind = word(message, "message_type")
    content = object_of(word(message, "content") or "{}")
    shared: dict[str, Any] = {
        "external_id": number, "sender": sender,
        "at": moment(message.get("create_time"), per_second=1000),
    }
    if kind == "text":
        return [Inbound("text", text=word(content, "text"), **shared)]
    if kind == "post":
        text, keys = _rich_text(content), _parts(content, "image_key")
        payload = {"media": {"id": keys[0], "message": number}} if keys else {}
        return [Inbound("image" if keys and not text else "text", text=text, payload=payload, **shared)]
    if kind == "image":
        media = {"id": word(content, "image_key"), "message": number}
        return [Inbound("image", text="", payload={"media": media}, **shared)]
    if kind == "location":
        place = {"lat": content.get("latitude"), "lon": content.get("longitude")}
        text = f"我的位置：{word(content, 'name')}"
        return [Inbound("location", text=text, payload={"location": place}, **shared)]
    # A video or a file cannot be looked at: its sender is told so. A sticker needs no answer.
    name = {"audio": "voice", "media": "image", "file": "image"}.get(kind, "event")
    return [Inbound(name, text="", **shared)]


def pressed(event: Mapping[str, Any]) -> list[Inbound]:
    """Return the claim or the words of a press on a card's button; nothing for other buttons."""
    header, value = part(event, "header"), part(event, "event", "action", "value")
    sender, number = word(part(event, "event", "operator"), "open_id"), word(header, "event_id")
    if not sender or not number:
        raise Rejected("卡片回调缺少操作者或编号", status=400)
    at = moment(header.get("create_time"), per_second=1_000_000)
    if word(value, "say"):
        return [Inbound("text", number, sender, word(value, "say"), at)]
    if not word(value, "claim"):
        return []
    payload = {"claim": word(value, "claim")}
    return [Inbound("event", number, sender, "", at, payload=payload, event="claim")]


def interactive(card: Card) -> dict[str, Any]:
    """Return a card; its button comes back with what it claims or says, or opens the console."""
    button: dict[str, Any] = {"tag": "button", "type": "primary"}
    if card.says:
        button |= {"text": {"tag": "plain_text", "content": card.says}, "value": {"say": card.says}}
    elif card.claims:
        button |= {"text": {"tag": "plain_text", "content": "认领"}, "value": {"claim": card.claims}}
    else:
        button |= {"text": {"tag": "plain_text", "content": "打开工作台"}, "url": card.link}
    return {
        "header": {"title": {"tag": "plain_text", "content": card.title}},
        "elements": [
            {"tag": "div", "text": {"tag": "plain_text", "content": card.text}},
            {"tag": "action", "actions": [button]},
        ],
    }


def _rich_text(content: Mapping[str, Any]) -> str:
    return " ".join([word(content, "title"), *_parts(content, "text")]).strip()


def _parts(content: Mapping[str, Any], key: str) -> list[str]:
    """Return what stands under a key in the lines of a rich text."""
    lines = content.get("content")
    return [
        found
        for line in (lines if isinstance(lines, list) else [])
        for each in (line if isinstance(line, list) else [])
        if isinstance(each, dict) and (found := word(each, key))
    ]


def encrypt(plain: bytes, key: str, iv: bytes) -> str:
    """Return an event encrypted as the platform does."""
    padding = 16 - len(plain) % 16
    plain += bytes([padding]) * padding
    encryptor = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(iv)).encryptor()
    return base64.b64encode(iv + encryptor.update(plain) + encryptor.finalize()).decode()
