"""DingTalk, Feishu, Telegram and an SMS gateway, as their documents say."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from bot.channels import dingtalk, feishu, sms
from tests.channels.simulators.platform import Posted, Sent, Simulator


def packed(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


class DingtalkSimulator(Simulator):
    name = "dingtalk"
    proof = ("sign",)
    tries = 1

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.per_minute = 10_000
        self.webhook_life = 3600
        self.uploaded: dict[str, bytes] = {}
        self.token = "ding-token"
        self.files: dict[str, bytes] = {}

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "dingtalk", "app_key": "ding1", "app_secret": "ding-secret",
            "api": self.url, "webhook_prefix": self.url, "media_api": self.url,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/robot/sendBySession", self._by_session),
            web.post("/v1.0/oauth2/accessToken", self._token),
            web.post("/v1.0/robot/oToMessages/batchSend", self._batch),
            web.post("/media/upload", self._upload),
            web.post("/v1.0/robot/messageFiles/download", self._address),
            web.get("/files/{code}", self._file),
        ]

    def is_sending(self, request: web.Request) -> bool:
        return "send" in request.path.lower()

    def busy(self) -> web.Response:
        return web.json_response({"errcode": 130101, "errmsg": "send too fast"})

    async def _by_session(self, request: web.Request) -> web.Response:
        to, _, ends = request.query["session"].partition("|")
        if self.clock() * 1000 > int(ends):
            return web.json_response({"errcode": 300001, "errmsg": "session 过期"})
        recent = [s for s in self.sent if self.clock() - s.at < 60]
        if len(recent) >= self.per_minute:
            return self.busy()
        body = await request.json()
        if body["msgtype"] == "actionCard":
            card = body["actionCard"]
            if {"title", "text", "singleTitle", "singleURL"} - set(card):
                return web.json_response({"errcode": 40035, "errmsg": "缺少参数"})
            self.sent.append(Sent(to, card["text"], extra=card))
        else:
            self.sent.append(Sent(to, body["text"]["content"]))
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _token(self, request: web.Request) -> web.Response:
        return web.json_response({"accessToken": self.token, "expireIn": 7200})

    async def _address(self, request: web.Request) -> web.Response:
        if request.headers.get("x-acs-dingtalk-access-token") != self.token:
            return web.json_response({"code": "InvalidAuthentication"}, status=401)
        body = await request.json()
        if body.get("robotCode") != "ding1" or body.get("downloadCode") not in self.files:
            return web.json_response({"code": "invalidParameter.downloadCode"}, status=400)
        return web.json_response({"downloadUrl": f"{self.url}/files/{body['downloadCode']}"})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["code"]], content_type="image/png")

    def picture(self, sender: str, content: bytes, *, words: str = "") -> Posted:
        """Return the request by which the platform tells of a picture, alone or among words."""
        code = f"code{len(self.files)}"
        self.files[code] = content
        body = json.loads(self.message(sender, "").body) | {"msgtype": "picture", "robotCode": "ding1"}
        del body["text"]
        shown = {"downloadCode": code, "type": "picture"}
        body["content"] = {"richText": [{"text": words}, shown]} if words else {"downloadCode": code}
        body["msgtype"] = "richText" if words else "picture"
        return self.sealed(packed(body))

    async def _batch(self, request: web.Request) -> web.Response:
        if request.headers.get("x-acs-dingtalk-access-token") != self.token:
            return web.json_response({"code": "InvalidAuthentication"}, status=401)
        body = await request.json()
        shown = json.loads(body["msgParam"])
        needed = {
            "sampleText": {"content"}, "sampleImageMsg": {"photoURL"},
            "sampleActionCard": {"title", "text", "singleTitle", "singleURL"},
        }.get(body["msgKey"])
        if needed is None or needed - set(shown):
            return web.json_response({"code": "invalidParameter.msgParam"}, status=400)
        if "photoURL" in shown and shown["photoURL"] not in self.uploaded:
            return web.json_response({"code": "invalidParameter.mediaId"}, status=400)
        extra = {"way": "robot", "key": body["msgKey"], **shown}
        text = shown.get("content") or shown.get("text", "")
        self.sent += [Sent(user, text, extra=extra) for user in body["userIds"]]
        return web.json_response(
            {"processQueryKey": "key", "invalidStaffIdList": [], "flowControlledStaffIdList": []}
        )

    async def _upload(self, request: web.Request) -> web.Response:
        if request.query.get("access_token") != self.token or request.query.get("type") != "image":
            return web.json_response({"errcode": 40014, "errmsg": "不合法的access_token"})
        media_id = f"@media{len(self.uploaded)}"
        self.uploaded[media_id] = (await request.post())["media"].file.read()
        return web.json_response({"errcode": 0, "errmsg": "ok", "media_id": media_id, "type": "image"})

    def press(self, sent: Sent) -> Posted:
        """Return what the platform posts when the reader presses: it writes for them to the robot."""
        opened = urlsplit(sent.extra["singleURL"])
        assert (opened.scheme, opened.netloc, opened.path) == ("dtmd", "dingtalkclient", "/sendMessage")
        return self.message(sent.to, parse_qs(opened.query)["content"][0])

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        ends = int((at + self.webhook_life) * 1000)
        body = {
            "msgtype": "text", "text": {"content": f" {text}"}, "senderStaffId": sender,
            "msgId": id or f"msg{next(self.numbers)}", "createAt": int(at * 1000),
            "conversationType": "1", "conversationId": "cid",
            "sessionWebhook": f"{self.url}/robot/sendBySession?session={sender}%7C{ends}",
            "sessionWebhookExpiredTime": ends,
        }
        return self.sealed(packed(body), at=at)

    def sealed(self, raw: bytes, *, at: float | None = None) -> Posted:
        timestamp = str(int((self.clock() if at is None else at) * 1000))
        headers = {"timestamp": timestamp, "sign": dingtalk.sign("ding-secret", timestamp)}
        return Posted({}, headers, raw)


class FeishuSimulator(Simulator):
    name = "feishu"
    proof = ("X-Lark-Signature",)
    ack_seconds = 3.0
    tries = 4
    key, verification = "encrypt-key", "verification-token"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.uploaded: dict[str, bytes] = {}
        self.token = "t-1"
        self.pictures: dict[str, bytes] = {}

    async def _upload(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"code": 99991663, "msg": "Invalid access token"}, status=400)
        form = await request.post()
        if form["image_type"] != "message":
            return web.json_response({"code": 234001, "msg": "Invalid request param"}, status=400)
        key = f"img_v2_{len(self.uploaded)}"
        self.uploaded[key] = form["image"].file.read()
        return web.json_response({"code": 0, "msg": "success", "data": {"image_key": key}})

    async def _picture(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"code": 99991663, "msg": "Invalid access token"}, status=400)
        return web.Response(body=self.pictures[request.match_info["key"]], content_type="image/png")

    def press(self, sent: Sent) -> Posted:
        """Return the callback of a press on the card's button."""
        [button] = sent.extra["shown"]["elements"][1]["actions"]
        at = self.clock()
        return self.event(
            {
                "schema": "2.0",
                "header": {
                    "event_id": secrets.token_hex(8), "event_type": "card.action.trigger",
                    "token": self.verification, "create_time": str(int(at * 1_000_000)),
                },
                "event": {
                    "operator": {"open_id": sent.to}, "host": "im_message",
                    "action": {"tag": "button", "value": button["value"]},
                    "context": {"open_message_id": sent.id},
                },
            },
            at=at,
        )

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "feishu", "app_id": "cli_1", "app_secret": "s", "encrypt_key": self.key,
            "verification_token": self.verification, "api": self.url,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/open-apis/auth/v3/tenant_access_token/internal", self._token),
            web.post("/open-apis/im/v1/messages", self._send),
            web.post("/open-apis/im/v1/images", self._upload),
            web.get("/open-apis/im/v1/messages/{message}/resources/{key}", self._picture),
        ]

    def is_sending(self, request: web.Request) -> bool:
        return request.path.endswith("/messages")

    def busy(self) -> web.Response:
        return web.json_response({"code": 99991400, "msg": "request trigger frequency limit"}, status=400)

    async def _token(self, request: web.Request) -> web.Response:
        return web.json_response({"code": 0, "tenant_access_token": self.token, "expire": 7200})

    async def _send(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"code": 99991663, "msg": "Invalid access token"}, status=400)
        body = await request.json()
        known = next((s for s in self.sent if s.extra.get("uuid") == body["uuid"]), None)
        if known is None:
            content = json.loads(body["content"])
            if body["msg_type"] == "image" and content["image_key"] not in self.uploaded:
                return web.json_response({"code": 230001, "msg": "invalid image_key"}, status=400)
            text = {"text": content.get("text", ""), "image": ""}.get(body["msg_type"])
            if text is None:
                text = content["elements"][0]["text"]["content"]
            known = Sent(body["receive_id"], text, f"om_{next(self.numbers)}", extra={**body, "shown": content})
            self.sent.append(known)
        return web.json_response({"code": 0, "data": {"message_id": known.id}})

    def picture(self, sender: str, content: bytes) -> Posted:
        key = f"img_{len(self.pictures)}"
        self.pictures[key] = content
        return self.message(sender, "", content={"image_key": key}, kind="image")

    def message(
        self, sender: str, text: str, *, id: str = "", at: float | None = None,
        content: dict[str, Any] | None = None, kind: str = "text",
    ) -> Posted:
        at = self.clock() if at is None else at
        return self.event(
            {
                "schema": "2.0",
                "header": {
                    "event_id": secrets.token_hex(8), "event_type": "im.message.receive_v1",
                    "token": self.verification, "create_time": str(int(at * 1000)),
                },
                "event": {
                    "sender": {"sender_id": {"open_id": sender}, "sender_type": "user"},
                    "message": {
                        "message_id": id or f"om_in_{next(self.numbers)}", "chat_type": "p2p",
                        "create_time": str(int(at * 1000)), "message_type": kind,
                        "content": json.dumps(content or {"text": text}, ensure_ascii=False),
                    },
                },
            },
            at=at,
        )

    def event(self, event: dict[str, Any], *, at: float) -> Posted:
        return self.sealed(packed(event), at=at)

    def sealed(self, raw: bytes, *, at: float | None = None) -> Posted:
        body = packed({"encrypt": feishu.encrypt(raw, self.key, secrets.token_bytes(16))})
        timestamp, nonce = str(int(self.clock() if at is None else at)), secrets.token_hex(5)
        headers = {
            "X-Lark-Request-Timestamp": timestamp, "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": feishu.signature(self.key, timestamp, nonce, body),
        }
        return Posted({}, headers, body)

    def verification_request(self) -> Posted:
        event = {"type": "url_verification", "challenge": "c-1", "token": self.verification}
        body = packed({"encrypt": feishu.encrypt(packed(event), self.key, secrets.token_bytes(16))})
        return Posted({}, {}, body)


class TelegramSimulator(Simulator):
    name = "telegram"
    proof = ("X-Telegram-Bot-Api-Secret-Token",)
    ack_seconds = 10.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.blocked_by: set[str] = set()

    def entry(self) -> dict[str, Any]:
        return {"platform": "telegram", "bot_token": "1:a", "secret": "webhook-secret", "api": self.url}

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/bot1:a/sendMessage", self._send)]

    def busy(self) -> web.Response:
        body = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}
        return web.json_response(body, status=429)

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        if str(body["chat_id"]) in self.blocked_by:
            answer = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
            return web.json_response(answer, status=403)
        if len(body["text"]) > 4096:
            return web.json_response({"ok": False, "description": "message is too long"}, status=400)
        self.sent.append(Sent(str(body["chat_id"]), body["text"], extra=body))
        return web.json_response({"ok": True, "result": {"message_id": len(self.sent)}})

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        number = int(id) if id.isdigit() else (hash(id) % 10**9 if id else next(self.numbers))
        body = {
            "update_id": number,
            "message": {
                "message_id": number, "date": int(at), "text": text,
                "chat": {"id": sender, "type": "private"}, "from": {"id": sender},
            },
        }
        return self.sealed(packed(body))

    def sealed(self, raw: bytes) -> Posted:
        return Posted({}, {"X-Telegram-Bot-Api-Secret-Token": "webhook-secret"}, raw)


class SmsSimulator(Simulator):
    name = "sms"
    proof = ("X-Signature",)

    def entry(self) -> dict[str, Any]:
        return {
            "platform": "sms", "url": f"{self.url}/send", "secret": "sms-secret",
            "busy_values": ["42"],
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/send", self._send)]

    def busy(self) -> web.Response:
        return web.json_response({"code": 42})

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not any(sent.id == body["id"] for sent in self.sent):
            self.sent.append(Sent(body["phone"], body["text"], body["id"]))
        return web.json_response({"code": 0, "id": body["id"]})

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        body = packed({"id": id or f"s{next(self.numbers)}", "from": sender, "text": text, "time": int(at)})
        return self.signed(body, at=at)

    def sealed(self, raw: bytes) -> Posted:
        return self.signed(raw, at=self.clock())

    def signed(self, body: bytes, *, at: float) -> Posted:
        timestamp = str(int(at))
        headers = {"X-Timestamp": timestamp, "X-Signature": sms.signature("sms-secret", timestamp, body)}
        return Posted({}, headers, body)


Builder = Callable[[], Simulator]
