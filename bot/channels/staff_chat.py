"""Staff chats (客服群提醒): warnings as cards in a group of WeCom, DingTalk or Feishu.

A sender of the outbox. The card's button opens the ticket at the console, where whoever claims it
is signed in: a group robot cannot tell who pressed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import structlog

from bot.desk.outbox import DeliveryError, Outgoing, Sender
from bot.desk.senders import digest_text

log = structlog.get_logger()
# Stands for the next sender among those that were told.
NEXT = "next"
PLATFORMS = ("wecom", "dingtalk", "feishu")
LEVELS = {"info": "提醒", "warning": "预警", "urgent": "紧急"}
# The answers of the robots are JSON with a code; these mean: too fast, again later.
TOO_FAST = {45009, 130101, 11232, 9499}


@dataclass(frozen=True)
class StaffChat:
    """Connect one group robot; without `teams` it hears of all."""

    platform: str
    url: str
    secret: str = ""
    teams: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS:
            raise ValueError(f"platform: expected one of {', '.join(PLATFORMS)}")

    def hears(self, payload: Mapping[str, Any]) -> bool:
        """Tell whether a notice is for this group."""
        return not self.teams or payload.get("team") in self.teams


@dataclass
class StaffChats:
    """Send a notice to every group that hears of it, and on to the next sender."""

    chats: Sequence[StaffChat]
    public_url: str
    then: Sender | None = None
    timeout: float = 10.0
    _told: dict[str, set[str]] = field(default_factory=dict)

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        """Send once to each; a repetition leaves out those that have it.

        One robot that was removed silences no other: what failed is raised after all were tried.
        """
        told = self._told.setdefault(outgoing.id, set())
        failed: list[DeliveryError] = []
        for chat in self.chats:
            if chat.url not in told and chat.hears(outgoing.payload):
                try:
                    self._post(chat, card(chat, outgoing.payload, self.public_url, now))
                except DeliveryError as error:
                    log.warning("staff_chat.not_told", platform=chat.platform, error=str(error)[:120])
                    failed.append(error)
                else:
                    told.add(chat.url)
        if self.then is not None and NEXT not in told:
            try:
                self.then.send(outgoing, now=now)
            except DeliveryError as error:
                failed.append(error)
            else:
                told.add(NEXT)
        if failed:
            # Another try helps if it helps one of them.
            raise min(failed, key=lambda error: error.permanent)
        self._told.pop(outgoing.id, None)

    def _post(self, chat: StaffChat, body: Mapping[str, Any]) -> None:
        url = chat.url
        if chat.platform == "dingtalk" and chat.secret:
            url = f"{url}&timestamp={body['timestamp']}&sign={quote_plus(body['sign'])}"
            body = body["message"]
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's setting
            url, data=json.dumps(body, ensure_ascii=False).encode(), method="POST",
            headers={"Content-Type": "application/json; charset=utf-8"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                answer = json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            final = 400 <= error.code < 500 and error.code not in {408, 425, 429}
            raise DeliveryError("chat_refused", f"HTTP {error.code}", permanent=final) from None
        except (OSError, ValueError) as error:
            raise DeliveryError("chat_unreachable", str(error)[:100]) from None
        code = answer.get("errcode", answer.get("code", 0))
        if code:
            raise DeliveryError("chat_refused", f"code {code}", permanent=code not in TOO_FAST)


def card(
    chat: StaffChat, payload: Mapping[str, Any], public_url: str, now: datetime
) -> dict[str, Any]:
    """Return a notice as a card of the platform, with a button that leads to the ticket."""
    text = digest_text(payload)
    title = title_of(payload)
    number = payload.get("ticket")
    link = f"{public_url}/console#/tickets/{number}" if number and public_url else f"{public_url}/console"
    label = "查看并认领" if number else "打开工作台"
    if chat.platform == "wecom":
        return {
            "msgtype": "template_card",
            "template_card": {
                "card_type": "text_notice", "main_title": {"title": title}, "sub_title_text": text,
                "jump_list": [{"type": 1, "title": label, "url": link}],
                "card_action": {"type": 1, "url": link},
            },
        }
    if chat.platform == "dingtalk":
        message = {
            "msgtype": "actionCard",
            "actionCard": {
                "title": title, "text": f"### {title}\n\n{text}", "singleTitle": label, "singleURL": link,
            },
        }
        if not chat.secret:
            return message
        stamp = str(int(now.timestamp() * 1000))
        return {"message": message, "timestamp": stamp, "sign": _sign(chat.secret, f"{stamp}\n{chat.secret}")}
    body: dict[str, Any] = {
        "msg_type": "interactive",
        "card": {
            "header": {"title": {"tag": "plain_text", "content": title}},
            "elements": [
                {"tag": "div", "text": {"tag": "plain_text", "content": text}},
                {
                    "tag": "action",
                    "actions": [
                        {"tag": "button", "type": "primary", "url": link, "text": {"tag": "plain_text", "content": label}}
                    ],
                },
            ],
        },
    }
    if chat.secret:
        stamp = str(int(now.timestamp()))
        # Feishu signs an empty message with time and secret as the key.
        body |= {"timestamp": stamp, "sign": _sign(f"{stamp}\n{chat.secret}", "")}
    return body


def title_of(payload: Mapping[str, Any]) -> str:
    """Return what stands above a notice."""
    about = "会话" if payload.get("conversation") else "工单"
    return f"{about}{LEVELS.get(str(payload.get('level')), '提醒')}"


def _sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
