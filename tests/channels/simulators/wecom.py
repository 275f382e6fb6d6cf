"""WeCom: an application of a company, and WeChat customer service with cursor and states."""

from __future__ import annotations

import re
import secrets
from typing import Any

from aiohttp import web

from bot.channels.wechat_crypto import encrypt, key_of, signature
from bot.channels.wecom import UNSEEN
from tests.channels.simulators.platform import Posted, Sent, Simulator
from tests.channels.simulators.wechat import AES_KEY, PNG, TokenServer, error

CORP = "ww0123456789abcdef"


class WecomServer(TokenServer):
    hook_token = "corp-token"

    async def _gettoken(self, request: web.Request) -> web.Response:
        if request.query.get("corpid") != CORP:
            return error(40013, "invalid corpid")
        return self.new_token()

    async def _media(self, request: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    def busy(self) -> web.Response:
        return error(45009, "api freq out of limit")

    def encrypted(self, xml: bytes, *, at: float | None = None) -> Posted:
        timestamp, nonce = str(int(self.clock() if at is None else at)), secrets.token_hex(5)
        content = encrypt(xml, key=key_of(AES_KEY), receiver=CORP)
        query = {
            "timestamp": timestamp, "nonce": nonce,
            "msg_signature": signature(self.hook_token, timestamp, nonce, content),
        }
        body = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt><![CDATA[{content}]]></Encrypt></xml>"
        return Posted(query, {"Content-Type": "text/xml"}, body.encode())

    def sealed(self, raw: bytes) -> Posted:
        return self.encrypted(raw)

    def echo(self, text: str) -> Posted:
        timestamp, nonce = str(self.now()), secrets.token_hex(5)
        content = encrypt(text.encode(), key=key_of(AES_KEY), receiver=CORP)
        query = {
            "timestamp": timestamp, "nonce": nonce, "echostr": content,
            "msg_signature": signature(self.hook_token, timestamp, nonce, content),
        }
        return Posted(query, method="GET")


class WecomSimulator(WecomServer):
    name = "wecom"
    proof = ("msg_signature",)
    refuses_cards = False
    # Members whom the platform leaves out though it says that all went well.
    left_out = ""

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "wecom", "corp_id": CORP, "agent_id": 1000002, "secret": "s",
            "token": self.hook_token, "aes_key": AES_KEY, "api": self.url,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/cgi-bin/gettoken", self._gettoken),
            web.post("/cgi-bin/message/send", self._send),
            web.get("/cgi-bin/media/get", self._media),
        ]

    def press(self, sent: Sent) -> Posted:
        """Return the callback of a press on the card's button."""
        card = sent.extra["template_card"]
        xml = (
            f"<xml><ToUserName>{CORP}</ToUserName><FromUserName><![CDATA[{sent.to}]]></FromUserName>"
            f"<CreateTime>{self.now()}</CreateTime><MsgType>event</MsgType>"
            f"<Event>template_card_event</Event><EventKey>{card['button_list'][0]['key']}</EventKey>"
            f"<TaskId>{card['task_id']}</TaskId><CardType>button_interaction</CardType>"
            f"<ResponseCode>r{next(self.numbers)}</ResponseCode><AgentID>1000002</AgentID></xml>"
        )
        return self.encrypted(xml.encode())

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append(("send", body))
        if (bad := self.bad_token(request)) is not None:
            return bad
        if body["touser"] == self.left_out:
            return web.json_response({"errcode": 0, "errmsg": "ok", "unlicenseduser": self.left_out})
        card = body.get("template_card", {})
        if self.refuses_cards and card:
            return error(40008, "invalid message type")
        if card and not re.fullmatch(r"[\w@-]{1,128}", card.get("task_id", "")):
            return error(42014, "invalid task_id")
        text = body.get("text", {}).get("content", "") or card.get("sub_title_text", "")
        if len(text.encode()) > 2048:
            return error(45002, "content size out of limit")
        content = {k: v for k, v in body.items() if "duplicate" not in k}
        since = self.clock() - min(body.get("duplicate_check_interval", 1800), 4 * 3600)
        same = [s for s in self.sent if s.extra["content"] == content and s.extra["at"] >= since]
        if same and body.get("enable_duplicate_check"):
            return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": same[0].id})
        number = f"m{next(self.numbers)}"
        shown = "".join(each for each in text if each not in UNSEEN)
        extra = {**body, "content": content, "at": self.clock()}
        self.sent.append(Sent(body["touser"], shown, number, extra=extra))
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": number})

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        number = id or str(10**15 + next(self.numbers))
        xml = (
            f"<xml><ToUserName>{CORP}</ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
            f"<CreateTime>{int(at)}</CreateTime><MsgType>text</MsgType>"
            f"<Content><![CDATA[{text}]]></Content><MsgId>{number}</MsgId><AgentID>1000002</AgentID></xml>"
        )
        return self.encrypted(xml.encode(), at=at)


class KfSimulator(WecomServer):
    """Messages wait to be fetched; states 0 to 4; five messages after each of the customer."""

    name = "wechat_kf"
    proof = ("msg_signature",)
    account = "wkAJ2GCAAAZSfhHCt7IFSvLKtMPxyJTw"
    page = 1000

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log: list[dict[str, Any]] = []
        self.states: dict[str, int] = {}
        self.used: dict[str, int] = {}
        self.moves: list[tuple[str, int]] = []
        self.unknown: set[str] = set()
        self.asked: list[str] = []
        self.handover = "console"

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "wechat_kf", "corp_id": CORP, "secret": "s", "token": self.hook_token,
            "aes_key": AES_KEY, "accounts": [self.account], "handover": self.handover,
            "api": self.url,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/cgi-bin/gettoken", self._gettoken),
            web.post("/cgi-bin/kf/sync_msg", self._sync),
            web.post("/cgi-bin/kf/send_msg", self._send),
            web.post("/cgi-bin/kf/service_state/get", self._get_state),
            web.post("/cgi-bin/kf/service_state/trans", self._trans),
            web.get("/cgi-bin/media/get", self._media),
        ]

    def is_sending(self, request: web.Request) -> bool:
        return request.path.endswith("send_msg")

    async def _sync(self, request: web.Request) -> web.Response:
        if (bad := self.bad_token(request)) is not None:
            return bad
        body = await request.json()
        start = int(body.get("cursor") or 0)
        listed = self.log[start : start + min(self.page, body.get("limit", 1000))]
        end = start + len(listed)
        return web.json_response(
            {
                "errcode": 0, "errmsg": "ok", "next_cursor": str(end),
                "has_more": int(end < len(self.log)), "msg_list": listed,
            }
        )

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append(("send", body))
        if (bad := self.bad_token(request)) is not None:
            return bad
        user, number = body["touser"], body["msgid"]
        if not re.fullmatch(r"[0-9a-zA-Z_-]{1,32}", number):
            return error(40058, "invalid msgid")
        if any(sent.id == number for sent in self.sent):
            return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": number})
        if self.states.get(user, 0) not in {0, 1}:
            return error(95018, "send msg session status invalid")
        if self.used.get(user, 5) >= 5:
            return error(95001, "send msg count limit")
        self.used[user] += 1
        menu = body.get("msgmenu", {})
        if len(menu.get("head_content", "").encode()) > 1024 or (menu and not menu["list"]):
            return error(40058, "invalid msgmenu")
        text = body.get("text", {}).get("content") or menu.get("head_content", "")
        self.sent.append(Sent(user, text, number, extra=body))
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": number})

    async def _get_state(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body["external_userid"])
        if body["external_userid"] in self.unknown:
            return error(95006, "invalid external_userid")
        return web.json_response(
            {"errcode": 0, "errmsg": "ok", "service_state": self.states.get(body["external_userid"], 0)}
        )

    async def _trans(self, request: web.Request) -> web.Response:
        body = await request.json()
        user, target = body["external_userid"], body["service_state"]
        legal = {0: {1, 2, 3, 4}, 1: {2, 3, 4}, 2: {3, 4}, 3: {3, 4}, 4: set()}
        if target not in legal[self.states.get(user, 0)]:
            return error(95016, "not allowed to change service state")
        self.states[user] = target
        self.moves.append((user, target))
        return error(0, "ok")

    def write(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> dict[str, Any]:
        """Let a customer write; the message waits to be fetched."""
        self.used[sender] = 0
        if self.states.get(sender, 0) == 4:
            self.states[sender] = 0
        return self.append(
            msgid=id or f"kf{next(self.numbers)}", open_kfid=self.account, external_userid=sender,
            send_time=int(self.clock() if at is None else at), origin=3, msgtype="text",
            text={"content": text},
        )

    def press(self, sent: Sent) -> Posted:
        """Return the hint after a press on the menu's first entry: its words are written."""
        return self.message(sent.to, sent.extra["msgmenu"]["list"][0]["click"]["content"])

    def append(self, **message: Any) -> dict[str, Any]:
        self.log.append(message)
        return message

    def servicer_says(self, customer: str, text: str) -> None:
        self.append(
            msgid=f"kf{next(self.numbers)}", open_kfid=self.account, external_userid=customer,
            send_time=self.now(), origin=5, servicer_userid="zhangsan", msgtype="text",
            text={"content": text},
        )

    def changed(self, customer: str, change: int) -> None:
        """Tell of a change of state: 1 taken out of the pool, 3 ended."""
        self.states[customer] = {1: 3, 2: 3, 3: 4, 4: 3}[change]
        self.append(
            msgid=f"kf{next(self.numbers)}", send_time=self.now(), origin=4, msgtype="event",
            event={
                "event_type": "session_status_change", "open_kfid": self.account,
                "external_userid": customer, "change_type": change, "new_servicer_userid": "zhangsan",
            },
        )

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        self.write(sender, text, id=id, at=at)
        return self.hint(at=at)

    def hint(self, *, at: float | None = None) -> Posted:
        """Return the callback that says only that there is something."""
        xml = (
            f"<xml><ToUserName>{CORP}</ToUserName><CreateTime>{self.now()}</CreateTime>"
            "<MsgType>event</MsgType><Event>kf_msg_or_event</Event><Token>ENCApHxnGDNAVNY4AaSJKj4Tb5mwsEMzxhFmHVGcra996NR</Token>"
            f"<OpenKfId>{self.account}</OpenKfId></xml>"
        )
        return self.encrypted(xml.encode(), at=at)


__all__ = ["KfSimulator", "Simulator", "WecomSimulator"]
