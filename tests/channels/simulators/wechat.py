"""A WeChat official account: XML callbacks plain or encrypted, tokens, quota, templates."""

from __future__ import annotations

import re
import secrets
import string
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from bot.channels.wechat_crypto import encrypt, key_of, signature
from tests.channels.simulators.platform import Posted, Sent, Simulator

# What the fields of a template take, by the beginning of their names.
FIELDS = {
    "character_string": re.compile(r"[\x21-\x7e]{1,32}"), "thing": re.compile(r".{1,20}"),
    "time": re.compile(r"(\d{4}年\d{1,2}月\d{1,2}日 )?\d{1,2}:\d{2}"),
}
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000000000005000"
    "1a5f645400000000049454e44ae426082"
)


def error(code: int, text: str = "") -> web.Response:
    return web.json_response({"errcode": code, "errmsg": text or f"error {code}"})


class TokenServer(Simulator):
    """The token part that WeChat and WeCom share."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.token = ""
        self.tokens_given = 0

    def new_token(self) -> web.Response:
        self.token = "".join(secrets.choice(string.ascii_letters) for _ in range(32))
        self.tokens_given += 1
        return web.json_response(
            {"errcode": 0, "errmsg": "ok", "access_token": self.token, "expires_in": 7200}
        )

    def bad_token(self, request: web.Request) -> web.Response | None:
        if request.query.get("access_token") != self.token or not self.token:
            return error(40001, "invalid credential, access_token is invalid or not latest")
        return None

    def is_sending(self, request: web.Request) -> bool:
        return "send" in request.path

    def is_ack(self, content: str) -> bool:
        return content in {"success", ""}


class WechatSimulator(TokenServer):
    name = "wechat"
    proof = ("signature", "msg_signature")
    app_id, secret, hook_token = "wx0123456789abcdef", "app-secret", "hook-token"

    def __init__(self, *args: Any, aes: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        self.aes = aes
        # Per customer: when the window opened, what it allows, what was used.
        self.windows: dict[str, list[float]] = {}
        self.templates: list[dict[str, Any]] = []

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "wechat", "app_id": self.app_id, "secret": self.secret,
            "token": self.hook_token, "aes_key": AES_KEY if self.aes else "", "api": self.url,
            "menu": {"PROGRESS": "查询工单进度"}, "template_id": "TEMPLATE",
            "template_fields": {"number": "character_string1", "text": "thing2", "time": "time3"},
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/cgi-bin/stable_token", self._token),
            web.post("/cgi-bin/message/custom/send", self._send),
            web.post("/cgi-bin/message/template/send", self._template),
            web.post("/cgi-bin/media/upload", self._upload),
            web.get("/cgi-bin/media/get", self._media),
        ]

    def busy(self) -> web.Response:
        return error(45009, "reach max api daily quota limit")

    async def _token(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (body.get("appid"), body.get("secret")) != (self.app_id, self.secret):
            return error(40125, "invalid appsecret")
        return self.new_token()

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append(("send", body))
        if (bad := self.bad_token(request)) is not None:
            return bad
        window = self.windows.get(body["touser"])
        if window is None:
            return error(40003, "invalid openid")
        if self.clock() - window[0] > window[1]:
            return error(45015, "response out of time limit")
        if window[3] >= window[2]:
            return error(45047, "out of response count limit")
        text = body.get("text", {}).get("content", "")
        if len(text.encode()) > 2048:
            return error(45002, "content size out of limit")
        window[3] += 1
        self.sent.append(Sent(body["touser"], text, extra={"type": body["msgtype"]}))
        return error(0, "ok")

    async def _template(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (bad := self.bad_token(request)) is not None:
            return bad
        if any(old["client_msg_id"] == body["client_msg_id"] for old in self.templates):
            return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": 1})
        if not all(FIELDS[name.rstrip("0123456789")].fullmatch(each["value"]) for name, each in body["data"].items()):
            return error(47003, "argument invalid")
        self.templates.append(body)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": len(self.templates)})

    async def _upload(self, request: web.Request) -> web.Response:
        if (bad := self.bad_token(request)) is not None:
            return bad
        part = await (await request.multipart()).next()
        content = await part.read()
        self.calls.append(("upload", content))
        return web.json_response({"type": "image", "media_id": f"M{len(content)}"})

    async def _media(self, request: web.Request) -> web.Response:
        if (bad := self.bad_token(request)) is not None:
            # As the platform does it: an error in a file's clothes.
            return web.Response(body=bad.body, content_type="text/plain")
        return web.Response(body=PNG, content_type="image/png")

    def open_window(self, customer: str, seconds: float = 48 * 3600, messages: int = 5) -> None:
        self.windows[customer] = [self.clock(), seconds, messages, 0]

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        self.open_window(sender)
        number = id or str(10**15 + next(self.numbers))
        inner = (
            f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
            f"<MsgId>{number}</MsgId>"
        )
        return self.posted(sender, inner, at=at)

    def event(self, sender: str, name: str, key: str = "", *, at: float | None = None) -> Posted:
        if name in {"subscribe", "CLICK", "SCAN"}:
            self.open_window(sender, 60, 3)
        inner = (
            f"<MsgType>event</MsgType><Event><![CDATA[{name}]]></Event>"
            f"<EventKey><![CDATA[{key}]]></EventKey>"
        )
        return self.posted(sender, inner, at=at)

    def posted(self, sender: str, inner: str, *, at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        xml = (
            f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{escape(sender)}]]>"
            f"</FromUserName><CreateTime>{int(at)}</CreateTime>{inner}</xml>"
        )
        return self.signed(xml.encode(), at=at)

    def sealed(self, raw: bytes) -> Posted:
        return self.signed(raw)

    def signed(self, xml: bytes, *, at: float | None = None) -> Posted:
        timestamp, nonce = str(int(self.clock() if at is None else at)), secrets.token_hex(5)
        query = {
            "timestamp": timestamp, "nonce": nonce, "openid": "o",
            "signature": signature(self.hook_token, timestamp, nonce),
        }
        if not self.aes:
            return Posted(query, {"Content-Type": "text/xml"}, xml)
        encrypted = encrypt(xml, key=key_of(AES_KEY), receiver=self.app_id)
        query |= {
            "encrypt_type": "aes",
            "msg_signature": signature(self.hook_token, timestamp, nonce, encrypted),
        }
        body = f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        return Posted(query, {"Content-Type": "text/xml"}, body.encode())
