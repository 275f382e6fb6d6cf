"""WeCom application (企业微信应用): members write to it and are answered; cards for staff."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bot.channels.adapter import (
    REFUSED,
    Answer,
    Card,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Read,
    Rejected,
)
from bot.channels.wechat import parse
from bot.channels.wechat_api import (
    Credentials,
    call_api,
    delivery_of,
    fetch_media,
    upload_picture,
)
from bot.channels.wechat_crypto import key_of
from bot.channels.wechat_kf import read_encrypted
from bot.handbook.channels import Limits

# The platform itself drops what is the same within this time: a repetition of ours comes sooner.
SAME_SECONDS = 1800
CLAIM_KEY, SAY_KEY = "claim:", "say:"
# Characters that nobody sees: the platform takes no id, and two answers may have the same words.
UNSEEN = "\u200b\u200c\u200d\u2060"


@dataclass(frozen=True)
class Wecom:
    """Connect one application of a company."""

    id: str
    limits: Limits
    corp_id: str
    agent_id: int
    secret: str
    token: str
    aes_key: str
    api: str = "https://qyapi.weixin.qq.com"
    menu: Mapping[str, str] = field(default_factory=dict)
    native_buttons: int = 0
    sends_pictures: bool = True
    ways: tuple[str, ...] = ()
    # Members and their accounts at the desk: they get warnings as cards, and claim by them.
    staff: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key_of(self.aes_key)

    @property
    def credentials(self) -> Credentials:
        """Return how to get the token."""
        params = {"corpid": self.corp_id, "corpsecret": self.secret}
        name = f"wecom:{self.corp_id}:{self.agent_id}"
        return Credentials(name, self.api, "GET", "/cgi-bin/gettoken", params=params)

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify, decrypt and parse a callback."""
        message = read_encrypted(hook, self.limits, self.token, self.aes_key, self.corp_id, now)
        if isinstance(message, str):
            return Read(answer=Answer(message))
        if message.get("Event") == "template_card_event":
            return Read(tuple(pressed(message)), Answer("success"))
        return Read(tuple(parse(message, self.menu)), Answer("success"))

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send a text, a picture or a card to a member."""
        body: dict[str, Any] = {
            "touser": outbound.target, "agentid": self.agent_id, "enable_duplicate_check": 1,
            "duplicate_check_interval": SAME_SECONDS,
        }
        if outbound.card is not None:
            body |= {"msgtype": "template_card", "template_card": template_card(outbound.card, outbound.id)}
        elif outbound.picture is not None:
            media_id = await upload_picture(line, self.credentials, outbound.picture, "/cgi-bin/media/upload")
            body |= {"msgtype": "image", "image": {"media_id": media_id}}
        else:
            body |= {"msgtype": "text", "text": {"content": outbound.text + unseen(outbound.id)}}
        answer = await call_api(line, self.credentials, "/cgi-bin/message/send", body=body)
        left_out = f"{answer.get('invaliduser') or ''}|{answer.get('unlicenseduser') or ''}"
        if outbound.target.lower() in left_out.lower().split("|"):
            # Success for nobody: the one receiver left the company, or has no licence.
            return Delivery(REFUSED, error=f"left out: {left_out}"[:120])
        return delivery_of(answer)

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return a picture that a member sent."""
        return "图片", await fetch_media(line, self.credentials, "/cgi-bin/media/get", str(media["id"]))


def template_card(card: Card, id_: str) -> dict[str, Any]:
    """Return a card whose button comes back with what it claims or says in its key."""
    shown: dict[str, Any] = {"main_title": {"title": card.title}, "sub_title_text": card.text}
    if card.link:
        shown["card_action"] = {"type": 1, "url": card.link}
    if card.says:
        button = {"text": card.says, "style": 1, "key": f"{SAY_KEY}{card.says}"}
    elif card.claims:
        button = {"text": "认领", "style": 1, "key": f"{CLAIM_KEY}{card.claims}"}
    else:
        return {"card_type": "text_notice", **shown}
    return {"card_type": "button_interaction", **shown, "task_id": id_, "button_list": [button]}


def pressed(message: Mapping[str, str]) -> list[Inbound]:
    """Return the claim or the words of a press on a card's button; nothing for other buttons."""
    sender, key, created = (message.get(k, "") for k in ("FromUserName", "EventKey", "CreateTime"))
    if not sender or not created.isdigit() or len(created) > 12:
        raise Rejected("消息缺少发送者或时间", status=400)
    at = datetime.fromtimestamp(int(created), timezone.utc)
    number = f"{sender}:{created}:{message.get('TaskId', '')}:{key}"
    if key.startswith(SAY_KEY):
        return [Inbound("text", number, sender, key[len(SAY_KEY) :], at)]
    if not key.startswith(CLAIM_KEY):
        return []
    payload = {"claim": key[len(CLAIM_KEY) :]}
    return [Inbound("event", number, sender, "", at, payload=payload, event="claim")]


def unseen(id_: str) -> str:
    """Return a mark that the same message always has, and another message hardly ever."""
    digest = hashlib.sha256(id_.encode()).digest()[0:4]
    return "".join(UNSEEN[byte % 4] for byte in digest)
