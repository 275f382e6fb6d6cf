"""The six steps of bot/channels/README.md, followed for a messenger that does not exist."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from bot.channels import registry
from bot.channels.adapter import (
    SENT,
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
from bot.channels.calls import call
from bot.channels.json_body import moment, object_of, word
from bot.handbook.channels import Limits
from tests.channels import conftest, test_contract
from tests.channels.conftest import Office, OpenOffice
from tests.channels.simulators.platform import Posted, Sent, Simulator


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Pigeon:
    id: str
    limits: Limits
    secret: str
    api: str
    native_buttons: int = 0
    sends_pictures: bool = False
    ways: tuple[str, ...] = ()

    def read(self, hook: Hook, *, now: datetime) -> Read:
        timestamp = hook.headers.get("x-time", "")
        if not is_fresh(timestamp, self.limits, now):
            raise Rejected("时间戳过期")
        expected = signature(self.secret, timestamp, hook.body)
        if not hmac.compare_digest(expected.encode(), hook.headers.get("x-signature", "").encode()):
            raise Rejected("签名不正确")
        body = object_of(hook.body)
        inbound = Inbound("text", word(body, "id"), word(body, "from"), word(body, "text"), moment(body.get("time")))
        return Read((inbound,), Answer("ok"))

    async def send(self, outbound: Outbound, line: Line) -> Delivery:
        body = {"to": outbound.target, "text": outbound.text, "id": outbound.id}
        await call(line.http, "POST", f"{self.api}/send", body=body)
        return Delivery(SENT)


class PigeonSimulator(Simulator):
    name = "pigeon"
    proof = ("X-Signature",)

    def entry(self) -> dict[str, Any]:
        return {"platform": "pigeon", "secret": "s", "api": self.url}

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/send", self._send)]

    def busy(self) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "5"}, text="{}")

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        if all(sent.id != body["id"] for sent in self.sent):
            self.sent.append(Sent(body["to"], body["text"], body["id"]))
        return web.json_response({})

    def message(self, sender: str, text: str, *, id: str = "", at: float | None = None) -> Posted:
        at = self.clock() if at is None else at
        body = {"id": id or f"p{next(self.numbers)}", "from": sender, "text": text, "time": int(at)}
        return self.sealed(json.dumps(body).encode(), at=at)

    def sealed(self, raw: bytes, *, at: float | None = None) -> Posted:
        timestamp = str(int(self.clock() if at is None else at))
        return Posted({}, {"X-Time": timestamp, "X-Signature": signature("s", timestamp, raw)}, raw)


@pytest.fixture
async def office(monkeypatch: pytest.MonkeyPatch, open_office: OpenOffice) -> Office:
    limits = dataclasses.replace(conftest.TABLES.platforms["sms"], id="pigeon", title="飞鸽")
    tables = dataclasses.replace(
        conftest.TABLES, platforms={**conftest.TABLES.platforms, "pigeon": limits}
    )
    monkeypatch.setattr(registry, "load_channels", lambda: tables)
    monkeypatch.setitem(registry.KINDS, "pigeon", Pigeon)
    monkeypatch.setitem(conftest.BUILDERS, "pigeon", PigeonSimulator)
    return await open_office("pigeon")


CONTRACT = [
    test_contract.test_a_request_is_acknowledged_stored_and_answered,
    test_contract.test_a_bad_signature_is_refused,
    test_contract.test_a_replay_changes_nothing,
    test_contract.test_an_old_request_is_not_believed,
    test_contract.test_a_second_request_with_the_same_id_changes_nothing,
    test_contract.test_bubbles_that_overtook_each_other_are_read_in_order,
    test_contract.test_a_long_text_is_kept_as_far_as_the_desk_reads,
    test_contract.test_a_platform_that_fails_is_tried_again_until_the_answer_arrives,
    test_contract.test_a_platform_that_limits_us_gets_nothing_more_until_it_wants,
    test_contract.test_a_platform_that_stays_down_is_given_up_and_the_message_says_so,
]


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_the_new_channel_keeps_the_contract(office: Office, check: Any) -> None:
    await check(office)


@pytest.mark.parametrize("sealed", [False, True])
async def test_the_new_channel_withstands_what_is_malformed(office: Office, sealed: bool) -> None:
    await test_contract.test_what_is_malformed_is_refused_and_harms_nothing(office, sealed)
