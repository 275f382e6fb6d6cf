"""The web channel's identity hand-over, phone proof, pictures and origins, over HTTP."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

from bot.channels.web.hand_over import hand_over_token
from tests.channels.simulators.wechat import PNG
from tests.pages.chromium import PATIENCE_S
from tests.stack import Customer, Stack, start_desk_alone

SECRET = "host-and-desk-know-this"
ORIGIN = "https://shop.example"
REQUEST = "我家宽带断网了，在城关区幸福小区3号楼"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = start_desk_alone(
        tmp_path_factory.mktemp("home"), INTAKE_HAND_OVER_SECRET=SECRET, INTAKE_WIDGET_ORIGINS=ORIGIN,
        INTAKE_MESSAGES_PER_MINUTE="0",
    )
    yield stack
    stack.stop()


@pytest.fixture
def customer(desk: Stack) -> Customer:
    return desk.customer()


def token_of(user: str = "u-1", **more: str) -> str:
    return hand_over_token(SECRET, user=user, nonce=secrets.token_hex(8), **more)


def take_over(desk: Stack, token: str, customer: Customer | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {customer.token}"} if customer else {}
    return httpx.post(f"{desk.url}/api/v1/sessions/hand-over", json={"token": token}, headers=headers)


def test_a_token_of_the_host_opens_the_users_own_conversation(desk: Stack) -> None:
    first, second = take_over(desk, token_of("u-7")), take_over(desk, token_of("u-7"))

    assert first.status_code == 201
    assert first.json()["data"]["conversation_id"] == second.json()["data"]["conversation_id"]


def test_a_token_is_used_once(desk: Stack) -> None:
    token = token_of()
    statuses = [take_over(desk, token).status_code for _ in range(2)]

    assert statuses == [201, 401]


BAD = {
    "another key": lambda: hand_over_token("another", user="u", nonce="n"),
    "without user": lambda: hand_over_token(SECRET, nonce="n"),
    "without nonce": lambda: hand_over_token(SECRET, user="u"),
    "not a token": lambda: "x.y.z",
    "another purpose": lambda: URLSafeTimedSerializer(SECRET, salt="other").dumps({"user": "u", "nonce": "n"}),
    "a list": lambda: URLSafeTimedSerializer(SECRET, salt="hand-over").dumps([1]),
}


@pytest.mark.parametrize("make", BAD.values(), ids=list(BAD))
def test_what_the_host_did_not_sign_is_refused(desk: Stack, make: Any) -> None:
    assert take_over(desk, make()).status_code == 401


def test_an_old_token_is_refused(monkeypatch: pytest.MonkeyPatch, desk: Stack) -> None:
    past = time.time() - 301
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: past)
    old = token_of()
    monkeypatch.undo()

    assert take_over(desk, old).status_code == 401


def test_what_the_visitor_asked_before_is_theirs_afterwards(desk: Stack, customer: Customer) -> None:
    number = customer.say(REQUEST).ticket["number"]
    token = take_over(desk, token_of("u-9"), customer).json()["data"]["token"]
    seen = httpx.get(f"{desk.url}/api/v1/tickets/{number}", headers={"Authorization": f"Bearer {token}"})

    assert seen.json()["data"]["number"] == number


def test_a_session_that_has_ended_does_not_keep_the_user_out(desk: Stack) -> None:
    headers = {"Authorization": "Bearer ended.long.ago"}
    answer = httpx.post(f"{desk.url}/api/v1/sessions/hand-over", json={"token": token_of()}, headers=headers)

    assert answer.status_code == 201


def test_a_phone_that_the_host_has_verified_joins_devices(desk: Stack) -> None:
    for user in ("a", "b"):
        assert take_over(desk, token_of(user, phone="13900007777", name="测试")).status_code == 201

    rows = sqlite3.connect(desk.home / "desk.db").execute(
        "SELECT count(DISTINCT c.customer_id) FROM conversations c WHERE c.external_id IN ('host:a', 'host:b')"
    )
    assert rows.fetchone() == (1,)


def test_what_a_linked_customer_began_elsewhere_goes_on_at_the_first_word(desk: Stack) -> None:
    there, here = (Customer(desk.url) for _ in range(2))
    for customer, user in ((there, "c"), (here, "d")):
        customer.http.headers["Authorization"] = f"Bearer {take_over(desk, token_of(user, phone='13900005555')).json()['data']['token']}"
    there.say("嗯")
    intake = {"intake": {"type": "fault_broadband", "key": "k", "urgency": "general", "facts": {}, "words": ["断网"]}}
    with sqlite3.connect(desk.home / "desk.db") as database:
        database.execute("UPDATE conversations SET dialogue = ? WHERE external_id = 'host:c'", (json.dumps(intake),))
    here.say("在城关区幸福小区3号楼")

    assert any("已为您接续" in message["text"] for message in here.messages())


# -- phone ----------------------------------------------------------------------------------------


def code_in_log(desk: Stack) -> str:
    until = time.monotonic() + PATIENCE_S
    codes: list[str] = []
    while not codes and time.monotonic() < until:
        logs = "".join(path.read_text() for path in Path(desk.home, "logs").glob("*.log"))
        codes = re.findall(r"验证码是(\d{6})", logs)
        time.sleep(0.1)
    return codes[-1]


def test_a_phone_is_proved_by_its_code(desk: Stack, customer: Customer) -> None:
    sent = customer.http.post("/phone", json={"phone": "13900008888"})
    assert (sent.status_code, sent.json()["data"]["phone"]) == (202, "139****8888")

    wrong = customer.http.post("/phone/code", json={"code": "12"})
    right = customer.http.post("/phone/code", json={"code": code_in_log(desk)})
    assert (wrong.status_code, right.status_code) == (422, 200)


def test_a_second_code_at_once_is_refused(customer: Customer) -> None:
    answers = [customer.http.post("/phone", json={"phone": "13900006666"}).status_code for _ in range(2)]
    assert answers == [202, 429]


@pytest.mark.parametrize("phone", ["", "12345", "139000088889", "abc"])
def test_a_wrong_phone_is_named(customer: Customer, phone: str) -> None:
    assert customer.http.post("/phone", json={"phone": phone}).status_code == 422


# -- pictures -------------------------------------------------------------------------------------


def upload(customer: Customer, content: bytes, *, name: str = "a.png", id: str = "p1") -> httpx.Response:
    return customer.http.post("/pictures", files={"file": (name, content)}, data={"client_message_id": id})


def test_a_picture_is_kept_shown_and_answered(desk: Stack, customer: Customer) -> None:
    shown = upload(customer, PNG, name="../../光猫.exe").json()["data"]["message"]
    assert (shown["attachment"]["name"], shown["attachment"]["media_type"]) == ("光猫.png", "image/png")
    assert httpx.get(desk.url + shown["attachment"]["url"]).content == PNG

    assert "图片已收到" in customer.messages()[-1]["text"]
    kept = [path for path in (desk.home / "uploads").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [PNG]


def test_the_same_picture_again_is_one_message(customer: Customer) -> None:
    statuses = [upload(customer, PNG).status_code for _ in range(3)]

    assert statuses == [201, 200, 200]
    assert len([m for m in customer.messages() if m["author"] == "customer"]) == 1


REFUSED = [
    (b"MZ\x90\x00" + b"\x00" * 100, 415), (b"<svg onload=alert(1)>", 415), (b"", 415),
    (b"%PDF-1.7\n" + b"x" * 50, 415), (PNG + b"\x00" * (10 * 1024 * 1024), 415),
]


@pytest.mark.parametrize(("content", "status"), REFUSED, ids=["program", "svg", "empty", "pdf", "large"])
def test_what_is_no_picture_leaves_nothing(customer: Customer, content: bytes, status: int) -> None:
    assert upload(customer, content).status_code == status
    assert customer.messages() == []


def test_a_picture_needs_a_session_and_an_id(desk: Stack, customer: Customer) -> None:
    assert httpx.post(f"{desk.url}/api/v1/pictures", files={"file": ("a", PNG)}).status_code == 401
    assert customer.http.post("/pictures", files={"file": ("a", PNG)}).status_code == 422


def test_pictures_have_a_limit_per_minute(customer: Customer) -> None:
    statuses = [upload(customer, PNG, id=f"p{number}").status_code for number in range(12)]
    assert statuses == [201] * 10 + [429] * 2


# -- origins --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, True), ("https://evil.example", False), ("null", False)])
def test_only_named_origins_may_talk_to_the_desk(desk: Stack, origin: str, allowed: bool) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked = httpx.options(f"{desk.url}/api/v1/messages", headers=headers)
    answered = httpx.get(f"{desk.url}/api/v1/site", headers={"Origin": origin})

    assert (asked.headers.get("Access-Control-Allow-Origin") == origin) is allowed
    assert (answered.headers.get("Access-Control-Allow-Origin") == origin) is allowed


def test_the_staffs_interface_is_closed_to_every_other_origin(desk: Stack) -> None:
    answered = httpx.get(f"{desk.url}/api/v1/staff/tickets", headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in answered.headers


def test_the_widgets_files_may_be_loaded_by_any_page(desk: Stack) -> None:
    for path in ("/widget.js", "/widget/chat.js", "/widget/line.js", "/widget/style.js", "/widget/words.js"):
        answer = httpx.get(desk.url + path, headers={"Origin": "https://any.example"})
        assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert httpx.get(f"{desk.url}/widget/..%2fapi.py").status_code == 404
