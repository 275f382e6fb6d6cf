"""Warnings as cards in the staff's groups."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.channels import dingtalk
from bot.channels.staff_chat import StaffChat, StaffChats, card
from bot.desk.outbox import DeliveryError, Outgoing

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=timezone.utc)
NOTICE = {"kind": "ladder", "level": "warning", "text": "工单T20260302-000001已到时限的75%", "team": "network", "ticket": "T20260302-000001"}


class Robots:
    """Three group robots on one port; each keeps what it was sent."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[dict[str, Any]] = []
        robots = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                robots.got.append((self.path, body))
                answer = robots.answers.pop(0) if robots.answers else {"errcode": 0}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                """Keep the output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def robots() -> Iterator[Robots]:
    robots = Robots()
    yield robots
    robots.server.shutdown()


def chats(robots: Robots) -> StaffChats:
    groups = [
        StaffChat("wecom", f"{robots.url}/wecom?key=1"),
        StaffChat("dingtalk", f"{robots.url}/dingtalk?access_token=1", secret="SEC1"),
        StaffChat("feishu", f"{robots.url}/feishu", secret="s", teams=["network"]),
    ]
    return StaffChats(groups, "https://desk.example")


def outgoing(**more: Any) -> Outgoing:
    return Outgoing("id-1", "webhook", "team:network:", {**NOTICE, **more}, 1, NOW)


def test_each_platform_gets_its_card_with_a_button_to_the_ticket(robots: Robots) -> None:
    chats(robots).send(outgoing(), now=NOW)

    assert [path.split("?")[0] for path, _ in robots.got] == ["/wecom", "/dingtalk", "/feishu"]
    for _, body in robots.got:
        text = json.dumps(body, ensure_ascii=False)
        assert "https://desk.example/console#/tickets/T20260302-000001" in text and "查看并认领" in text


def test_a_signed_group_is_signed_as_dingtalk_checks_it(robots: Robots) -> None:
    chats(robots).send(outgoing(), now=NOW)
    stamp = str(int(NOW.timestamp() * 1000))

    from urllib.parse import parse_qs, urlsplit

    query = parse_qs(urlsplit(robots.got[1][0]).query)
    assert (query["timestamp"], query["sign"]) == ([stamp], [dingtalk.sign("SEC1", stamp)])


def test_a_group_hears_only_of_its_teams(robots: Robots) -> None:
    chats(robots).send(outgoing(team="billing"), now=NOW)
    assert [path.split("?")[0] for path, _ in robots.got] == ["/wecom", "/dingtalk"]


def test_a_repetition_leaves_out_who_has_it(robots: Robots) -> None:
    robots.answers = [{"errcode": 0}, {"errcode": 130101}]
    sender = chats(robots)
    with pytest.raises(DeliveryError) as failed:
        sender.send(outgoing(), now=NOW)
    assert not failed.value.permanent

    sender.send(outgoing(), now=NOW)
    assert [path.split("?")[0] for path, _ in robots.got] == ["/wecom", "/dingtalk", "/feishu", "/dingtalk"]


class Webhook:
    """The next sender; it keeps what it was sent."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def send(self, outgoing: Outgoing, *, now: datetime) -> None:
        self.got.append(outgoing.id)


def test_a_robot_that_was_removed_silences_no_other(robots: Robots) -> None:
    sender, then = chats(robots), Webhook()
    sender.then = then
    robots.answers = [{"errcode": 93000}, {"errcode": 0}, {"code": 9499}]
    with pytest.raises(DeliveryError) as failed:
        sender.send(outgoing(), now=NOW)

    assert [path.split("?")[0] for path, _ in robots.got] == ["/wecom", "/dingtalk", "/feishu"]
    assert then.got == ["id-1"]
    # The last one was only too fast: another try helps it.
    assert not failed.value.permanent

    robots.answers = [{"errcode": 93000}]
    with pytest.raises(DeliveryError) as failed:
        sender.send(outgoing(), now=NOW)
    assert (failed.value.permanent, then.got) == (True, ["id-1"])


@pytest.mark.parametrize("code", [93000, 310000, 19021])
def test_a_wrong_key_is_final(robots: Robots, code: int) -> None:
    robots.answers = [{"code": code}]
    with pytest.raises(DeliveryError) as failed:
        chats(robots).send(outgoing(), now=NOW)
    assert failed.value.permanent


def test_a_digest_names_all_its_notices() -> None:
    body = card(StaffChat("feishu", "u"), {**NOTICE, "items": [{"text": "第二条"}]}, "", NOW)
    assert "第二条" in json.dumps(body, ensure_ascii=False)
