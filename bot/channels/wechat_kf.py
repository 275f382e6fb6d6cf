"""WeChat customer service (微信客服): a hint, then the messages; states shared with the platform.

The callback only says that there is something; `sync_msg` hands it out from a stored cursor on.
Messages carry our id as `msgid`, so that a repetition is known. With `handover: wecom` a person in
WeCom serves the customer, with `console` our own console does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from bot.channels.adapter import (
    Answer,
    Delivery,
    Hook,
    Inbound,
    Line,
    Outbound,
    Page,
    Read,
    Rejected,
    is_fresh,
)
from bot.channels.calls import Unreachable
from bot.channels.outside import ENDED, FAILED, REPLY, TAKEN
from bot.channels.wechat_api import (
    Credentials,
    call_api,
    code_of,
    delivery_of,
    fetch_media,
    upload_picture,
)
from bot.channels.wechat_crypto import check_signature, decrypt, key_of
from bot.channels.xml_body import fields
from bot.handbook.channels import Limits

FRESH, BOT, POOL, PERSON, OVER = 0, 1, 2, 3, 4
# What the platform allows; from 4 only the customer's next message leads on.
MOVES = {FRESH: {BOT, POOL, PERSON, OVER}, BOT: {POOL, PERSON, OVER}, POOL: {PERSON, OVER}, PERSON: {OVER}, OVER: set()}
CUSTOMER, SYSTEM, SERVICER = 3, 4, 5
PAGE = 1000
# At the first look: customers who wrote longer ago do not wait for an answer from here.
FIRST_LOOK = timedelta(minutes=10)
CHANGE_TAKEN, CHANGE_MOVED, CHANGE_ENDED, CHANGE_AGAIN = 1, 2, 3, 4


@dataclass(frozen=True)
class WechatKf:
    """Connect one company's WeChat customer service."""

    id: str
    limits: Limits
    corp_id: str
    secret: str
    token: str
    aes_key: str
    accounts: Sequence[str]
    handover: str = "console"
    servicer: str = ""
    api: str = "https://qyapi.weixin.qq.com"
    native_buttons: int = 10
    sends_pictures: bool = True
    ways: tuple[str, ...] = ()
    fetch_minutes: float = 5

    def __post_init__(self) -> None:
        key_of(self.aes_key)
        if self.handover not in {"console", "wecom"}:
            raise ValueError("handover: expected console or wecom")

    @property
    def credentials(self) -> Credentials:
        """Return how to get the token."""
        params = {"corpid": self.corp_id, "corpsecret": self.secret}
        return Credentials(f"kf:{self.corp_id}", self.api, "GET", "/cgi-bin/gettoken", params=params)

    @property
    def fetch_every(self) -> timedelta:
        """Return how often to look without a hint: one may have been lost."""
        return timedelta(minutes=self.fetch_minutes)

    def wishes(self) -> list[dict[str, Any]]:
        """Return every account to be looked at."""
        return [{"name": account, "token": ""} for account in self.accounts]

    def read(self, hook: Hook, *, now: datetime) -> Read:
        """Verify a callback; its content is only the hint to fetch."""
        message = read_encrypted(hook, self.limits, self.token, self.aes_key, self.corp_id, now)
        if isinstance(message, str):
            return Read(answer=Answer(message))
        if message.get("Event") != "kf_msg_or_event":
            return Read(answer=Answer("success"))
        account = message.get("OpenKfId", "")
        if account not in self.accounts:
            # One of the company's that others serve: refused, the platform would come again.
            return Read(answer=Answer("success"))
        return Read(answer=Answer("success"), fetch={"name": account, "token": message.get("Token", "")})

    async def pages(self, wish: Mapping[str, Any], line: Line) -> AsyncIterator[Page]:
        """Fetch from the stored cursor on until the platform has nothing more.

        Without a cursor the platform hands out three days: what was written before the desk was
        connected is left alone, and nothing is stored before the newest is reached.
        """
        name = f"{self.id}:{wish['name']}"
        cursor = await line.cursor(name)
        oldest = None if cursor else line.now() - FIRST_LOOK
        messages: list[Inbound] = []
        outside: list[dict[str, Any]] = []
        while True:
            body = {"cursor": cursor, "limit": PAGE, "voice_format": 0, "open_kfid": wish["name"]}
            if wish.get("token"):
                body["token"] = wish["token"]
            answer = await call_api(line, self.credentials, "/cgi-bin/kf/sync_msg", body=body)
            if code_of(answer):
                raise Unreachable(f"sync_msg: errcode {code_of(answer)}")
            cursor = str(answer.get("next_cursor") or cursor)
            listed = [m for m in answer.get("msg_list") or [] if isinstance(m, dict)]
            found = sorted_out([m for m in listed if oldest is None or sent_at(m) >= oldest])
            messages += found[0]
            outside += found[1]
            if oldest is None or not answer.get("has_more"):
                yield Page(tuple(messages), name, cursor, tuple(outside))
                messages, outside = [], []
            if not answer.get("has_more"):
                return

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        """Send a text, a menu or a picture under our own message id."""
        address = outbound.address
        body: dict[str, Any] = {
            "touser": outbound.target, "open_kfid": address.get("account") or self.accounts[0],
            "msgid": outbound.id,
        }
        if outbound.picture is not None:
            media_id = await upload_picture(line, self.credentials, outbound.picture, "/cgi-bin/media/upload")
            body |= {"msgtype": "image", "image": {"media_id": media_id}}
        elif outbound.buttons or outbound.card is not None:
            shown = [button["title"] for button in outbound.buttons]
            items = [
                {"type": "click", "click": {"id": str(number), "content": title[:128]}}
                for number, title in enumerate(shown or [outbound.card.says], start=1)
            ]
            body |= {"msgtype": "msgmenu", "msgmenu": {"head_content": outbound.text, "list": items}}
        else:
            body |= {"msgtype": "text", "text": {"content": outbound.text}}
        return delivery_of(await call_api(line, self.credentials, "/cgi-bin/kf/send_msg", body=body))

    async def media(self, media: Mapping[str, Any], line: Line) -> tuple[str, bytes]:
        """Return a picture that a customer sent."""
        return "图片", await fetch_media(line, self.credentials, "/cgi-bin/media/get", str(media["id"]))

    def wanted(self, state: str, current: int) -> int:
        """Return the platform's state that our conversation's state asks for."""
        if state == "ended":
            return OVER
        if state == "bot":
            # A person on the platform can only end; the customer's next word begins anew.
            return OVER if current in {POOL, PERSON} else BOT
        if self.handover == "console":
            return BOT
        return PERSON if state == "staff" or self.servicer else POOL

    async def follow(
        self, state: str, current: int | None, address: Mapping[str, Any], line: Line
    ) -> int:
        """Bring the platform's state in line; what it refuses is asked for and kept."""
        who = {"open_kfid": address.get("account"), "external_userid": address.get("user")}
        if not all(who.values()):
            return FRESH if current is None else current
        at = await self._state(who, line) if current is None or current == OVER else current
        if current is None and at in {POOL, PERSON}:
            # Somebody served this customer before the desk was connected: it does not interfere.
            return at
        target = self.wanted(state, at)
        if target == at or target not in MOVES[at] or (target == PERSON and not self.servicer):
            return at
        body: dict[str, Any] = {**who, "service_state": target}
        if target == PERSON:
            body["servicer_userid"] = self.servicer
        answer = await call_api(line, self.credentials, "/cgi-bin/kf/service_state/trans", body=body)
        return target if code_of(answer) == 0 else await self._state(who, line)

    async def _state(self, who: Mapping[str, Any], line: Line) -> int:
        answer = await call_api(line, self.credentials, "/cgi-bin/kf/service_state/get", body=dict(who))
        state = answer.get("service_state")
        if code_of(answer) or state not in MOVES:
            raise Unreachable(f"service_state: errcode {code_of(answer)}")
        return int(state)


def read_encrypted(
    hook: Hook, limits: Limits, token: str, aes_key: str, receiver: str, now: datetime
) -> dict[str, str] | str:
    """Verify and decrypt a callback of WeCom; return the echo of a GET, the fields of a POST."""
    query = hook.query
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if not is_fresh(timestamp, limits, now):
        raise Rejected("时间戳过期")
    encrypted = query.get("echostr", "") if hook.method == "GET" else fields(hook.body).get("Encrypt", "")
    check_signature(query.get("msg_signature", ""), token, timestamp, nonce, encrypted)
    plain = decrypt(encrypted, key=key_of(aes_key), receiver=receiver)
    return plain.decode("utf-8", "replace") if hook.method == "GET" else fields(plain)


def sent_at(message: Mapping[str, Any]) -> datetime:
    """Return when a message was written."""
    return datetime.fromtimestamp(int(message.get("send_time") or 0), timezone.utc)


def sorted_out(listed: Sequence[Mapping[str, Any]]) -> tuple[list[Inbound], list[dict[str, Any]]]:
    """Return the customers' messages, and what the platform's staff and the platform did."""
    messages: list[Inbound] = []
    outside: list[dict[str, Any]] = []
    for each in listed:
        at = sent_at(each)
        if each.get("msgtype") == "event":
            _read_event(each, at, messages, outside)
        elif each.get("origin") == CUSTOMER:
            messages.append(_message(each, at))
        elif each.get("origin") == SERVICER:
            shown = _message(each, at)
            outside.append(
                {
                    "what": REPLY, "sender": shown.sender, "id": shown.external_id, "at": at,
                    "text": shown.text or f"（{each.get('msgtype')}）",
                    "servicer": str(each.get("servicer_userid", "")),
                }
            )
    return messages, outside


def _message(each: Mapping[str, Any], at: datetime) -> Inbound:
    kind, sender = str(each.get("msgtype")), str(each.get("external_userid", ""))
    part = each.get(kind)
    content: Mapping[str, Any] = part if isinstance(part, dict) else {}
    shared: dict[str, Any] = {
        "external_id": str(each.get("msgid", "")), "sender": sender, "at": at,
        "address": {"account": each.get("open_kfid"), "user": sender},
    }
    if kind == "text":
        return Inbound("text", text=str(content.get("content", "")), **shared)
    if kind == "image":
        return Inbound("image", text="", payload={"media": {"id": content.get("media_id", "")}}, **shared)
    if kind == "location":
        place = {"lat": content.get("latitude"), "lon": content.get("longitude")}
        label = f"{content.get('name', '')} {content.get('address', '')}".strip()
        return Inbound("location", text=f"我的位置：{label}", payload={"location": place}, **shared)
    if kind == "voice":
        return Inbound("voice", text="", **shared)
    return Inbound("image" if kind in {"video", "file"} else "event", text="", **shared)


def _read_event(
    each: Mapping[str, Any], at: datetime, messages: list[Inbound], outside: list[dict[str, Any]]
) -> None:
    event = each.get("event")
    event = event if isinstance(event, dict) else {}
    name, sender = event.get("event_type"), str(event.get("external_userid", ""))
    if name == "enter_session":
        messages.append(
            Inbound(
                "event", str(each.get("msgid", "")), sender, "", at, event="enter",
                address={"account": event.get("open_kfid"), "user": sender},
                payload={"scene": event.get("scene", "")},
            )
        )
    elif name == "session_status_change":
        change = event.get("change_type")
        if change in {CHANGE_TAKEN, CHANGE_MOVED, CHANGE_AGAIN}:
            outside.append({"what": TAKEN, "sender": sender, "service_state": PERSON})
        elif change == CHANGE_ENDED:
            outside.append({"what": ENDED, "sender": sender, "service_state": OVER})
    elif name == "msg_send_fail":
        why = f"fail_type {event.get('fail_type')}"
        outside.append({"what": FAILED, "sender": sender, "id": event.get("fail_msgid", ""), "why": why})
