"""DingTalk robot in HTTP mode (钉钉机器人): signed posts in, session webhook or robot message out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp

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
from bot.channels.staff_claims import claim_words
from bot.handbook.channels import Limits

# The session webhook is left alone shortly before its end.
MARGIN = timedelta(seconds=30)
TOKEN_ENDED = {40014, 42001}
# A card is Markdown: words with its marks go as plain text, so that none is lost.
_MARKS = re.compile(r"[*_#`~<>|\\\[\]]|^\s*[-+]\s", re.MULTILINE)
ONE_TO_ONE = "1"
TOO_MANY = {130101, 130102, 410100, 90018}


@dataclass(frozen=True)
class Dingtalk:
    """Connect one robot."""

    id: str
    limits: Limits
    app_key: str
    app_secret: str
    robot_code: str = ""
    api: str = "https://api.dingtalk.com"
    # Session webhooks lead there and nowhere else.
    webhook_prefix: str = "https://oapi.dingtalk.com/"
    native_buttons: int = 0
    sends_pictures: bool = True
    ways: tuple[str, ...] = ()
    # People and their accounts at the desk: they get warnings as cards, and claim by them.
    staff: Mapping[str, str] = field(default_factory=dict)
    media_api: str = "https://oapi.dingtalk.com"

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify and parse a post."""
        timestamp = hook.headers.get("timestamp", "")
        if not is_fresh(timestamp, self.limits, now, per_second=1000):
            raise Rejected("时间戳过期")
        expected = sign(self.app_secret, timestamp)
        if not hmac.compare_digest(expected.encode(), hook.headers.get("sign", "").encode()):
            raise Rejected("签名不正确")
        inbound = parse(object_of(hook.body), self.webhook_prefix)
        return Read(tuple(inbound), Answer("{}", media_type="application/json"))

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Answer through the session webhook while it lives, else as a message of the robot."""
        address = outbound.address
        ends = int(address.get("webhook_ends") or 0) / 1000
        if outbound.card is not None and outbound.card.says and _MARKS.search(outbound.text):
            outbound = replace(outbound, card=None)
        lives = address.get("webhook") and ends > (line.now() + MARGIN).timestamp()
        if outbound.picture is None and lives:
            body: dict[str, Any] = {"msgtype": "text", "text": {"content": outbound.text}}
            if outbound.card is not None:
                body = {"msgtype": "actionCard", "actionCard": action_card(outbound.card)}
            _, answer = await call(line.http, "POST", str(address["webhook"]), body=body)
            return delivery_of(answer)
        return await self._robot_message(outbound, line)

    async def _robot_message(self, outbound: Outbound, line: Line) -> Delivery:
        token = await self._token(line)
        kind, shown = "sampleText", {"content": outbound.text}
        if outbound.card is not None:
            kind, shown = "sampleActionCard", action_card(outbound.card)
        elif outbound.picture is not None:
            kind, shown = "sampleImageMsg", {"photoURL": await self._upload(outbound.picture, token, line)}
        body = {
            "robotCode": self.robot_code or self.app_key, "userIds": [outbound.target],
            "msgKey": kind, "msgParam": to_json(shown).decode(),
        }
        status, answer = await call(
            line.http, "POST", f"{self.api}/v1.0/robot/oToMessages/batchSend", body=body,
            headers={"x-acs-dingtalk-access-token": token},
        )
        if status == 401:
            await self._token(line, failed=token)
            return Delivery(RETRY, error="token ended")
        if status == 200 and not answer.get("invalidStaffIdList") and not answer.get("flowControlledStaffIdList"):
            return Delivery(SENT, platform_id=word(answer, "processQueryKey"))
        if answer.get("flowControlledStaffIdList") or "Qps" in word(answer, "code"):
            return Delivery(RETRY, error="rate limit", retry_after=timedelta(seconds=60))
        return Delivery(REFUSED, error=f"HTTP {status} {word(answer, 'code')}")

    async def _upload(self, picture: Picture, token: str, line: Line) -> str:
        form = aiohttp.FormData()
        form.add_field(
            "media", picture.path.read_bytes(), filename=picture.name, content_type=picture.media_type
        )
        _, answer = await call(
            line.http, "POST", f"{self.media_api}/media/upload", form=form,
            params={"access_token": token, "type": "image"},
        )
        if answer.get("errcode") in TOKEN_ENDED:
            await self._token(line, failed=token)
        if answer.get("errcode") or not word(answer, "media_id"):
            raise Unreachable(f"upload: errcode {answer.get('errcode')}")
        return word(answer, "media_id")

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return a picture that a person sent: its code is exchanged for an address that soon ends."""
        url = await with_token(
            lambda failed: self._token(line, failed=failed),
            lambda token: self._address_of(media, token, line),
            lambda error: error.status == 401,
        )
        return "图片", await download(line.http, url)

    async def _address_of(self, media: Mapping[str, Any], token: str, line: Line) -> str:
        body = {
            "downloadCode": media["id"],
            "robotCode": media.get("robot") or self.robot_code or self.app_key,
        }
        status, answer = await call(
            line.http, "POST", f"{self.api}/v1.0/robot/messageFiles/download", body=body,
            headers={"x-acs-dingtalk-access-token": token},
        )
        if status != 200 or not word(answer, "downloadUrl"):
            raise Unreachable(f"no file: HTTP {status} {word(answer, 'code')}", status=status)
        return word(answer, "downloadUrl")

    async def _token(self, line: Line, *, failed: str = "") -> str:
        async def renew() -> tuple[str, timedelta]:
            body = {"appKey": self.app_key, "appSecret": self.app_secret}
            _, answer = await call(line.http, "POST", f"{self.api}/v1.0/oauth2/accessToken", body=body)
            if not isinstance(answer.get("accessToken"), str):
                raise Unreachable("no token")
            return answer["accessToken"], timedelta(seconds=int(answer.get("expireIn", 7200)))

        return await line.tokens.get(f"dingtalk:{self.app_key}", renew, failed=failed)


def sign(secret: str, timestamp: str) -> str:
    """Return the signature over a timestamp in milliseconds."""
    content = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()


def parse(body: dict[str, Any], webhook_prefix: str) -> list[Inbound]:
    """Return the message of a post; nothing for groups, whose members would all read the answer."""
    sender = word(body, "senderStaffId") or word(body, "senderId")
    number, kind = word(body, "msgId"), word(body, "msgtype")
    if not sender or not number:
        raise Rejected("消息缺少发送者或编号", status=400)
    if word(body, "conversationType") != ONE_TO_ONE:
        return []
    webhook = word(body, "sessionWebhook")
    address = {}
    if webhook.startswith(webhook_prefix):
        # An address out of a message is followed only to the platform itself.
        address = {"webhook": webhook, "webhook_ends": word(body, "sessionWebhookExpiredTime")}
    content = part(body, "content")
    listed = content.get("richText")
    rich = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict)]
    text = {
        "text": word(part(body, "text"), "content").strip(),
        "audio": word(content, "recognition").strip(),
        "richText": "".join(word(each, "text") for each in rich).strip(),
    }.get(kind, "")
    code = next((code for each in [content, *rich] if (code := word(each, "downloadCode"))), "")
    is_picture = kind in {"picture", "richText"} and code
    payload = {"media": {"id": code, "robot": word(body, "robotCode")}} if is_picture else {}
    # A video or a file cannot be looked at: its sender is told so.
    name = {
        "text": "text", "richText": "text", "audio": "voice",
        "picture": "image", "video": "image", "file": "image",
    }.get(kind, "event")
    if is_picture and not text:
        name = "image"
    at = moment(body.get("createAt"), per_second=1000)
    return [Inbound(name, number, sender, text, at, payload=payload, address=address)]


def action_card(card: Card) -> dict[str, str]:
    """Return a card whose button writes to the robot for its reader, or opens the console."""
    link, label = card.link, "打开工作台"
    words = card.says or (claim_words(card.claims) if card.claims else "")
    if words:
        # What the platform then posts is signed, and names who pressed.
        link = f"dtmd://dingtalkclient/sendMessage?content={quote(words)}"
        label = card.says or "认领"
    # One line break is none in Markdown.
    shown = card.text.replace("\n", "\n\n")
    text = f"### {card.title}\n\n{shown}"
    return {"title": card.title, "text": text, "singleTitle": label, "singleURL": link}


def delivery_of(answer: dict[str, Any]) -> Delivery:
    """Return what an answer of the session webhook means."""
    code = answer.get("errcode", 0)
    if code == 0:
        return Delivery(SENT)
    error = f"errcode {code}: {word(answer, 'errmsg')[:120]}"
    if code in TOO_MANY:
        return Delivery(RETRY, error=error, retry_after=timedelta(seconds=60), pause_all=True)
    return Delivery(RETRY if code == -1 else REFUSED, error=error)
