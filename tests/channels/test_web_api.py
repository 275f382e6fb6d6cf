"""The customer's HTTP interface on both databases, with no engine behind the desk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.load.databases import database
from tests.stack import Customer, Stack, start_desk_alone

REQUEST = "我家宽带断网了，在城关区幸福小区，电话13900001111"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environ = {"INTAKE_MESSAGES_PER_MINUTE": "40", "INTAKE_BURST_WAIT": "0.8"}
    with ExitStack() as open_:
        if request.param == "postgresql":
            # Its own: what the desk's clock and night write must not meet other tests.
            request.getfixturevalue("postgres_server")
            environ["INTAKE_DATABASE_URL"] = open_.enter_context(database("postgresql"))
        stack = start_desk_alone(tmp_path_factory.mktemp("home"), **environ)
        open_.callback(stack.stop)
        yield stack


@pytest.fixture
def customer(desk: Stack) -> Customer:
    return desk.customer()


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_message_becomes_a_ticket_even_without_an_engine(customer: Customer) -> None:
    answer = customer.say(REQUEST)

    assert answer.ticket is not None
    assert (answer.ticket["type"], answer.ticket["deadline_class"]) == ("fault_broadband", "general")
    assert answer.ticket["number"] in answer.text


def test_the_same_id_again_answers_the_first_result_and_does_nothing_else(customer: Customer) -> None:
    first, again = customer.say(REQUEST, id="same"), customer.say("别的话", id="same")

    assert first.replies == again.replies
    assert len([m for m in customer.messages() if m["author"] == "customer"]) == 1


def test_twenty_retries_at_once_open_one_ticket(customer: Customer) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: customer.say(REQUEST, id="retry"), range(20)))

    assert len({answer.ticket["number"] for answer in answers if answer.ticket}) == 1


def test_what_follows_belongs_to_the_ticket(customer: Customer) -> None:
    first = customer.say("我家宽带断网了")
    second = customer.say("地址是和平路12号")

    assert second.ticket["number"] == first.ticket["number"]


def test_a_person_can_be_had_without_an_engine(customer: Customer) -> None:
    answer = customer.say("转人工")

    assert "人工" in answer.text
    state = customer.http.get("/messages").json()["data"]["conversation"]["state"]
    assert state == "waiting"


def test_bubbles_in_a_row_are_joined_in_their_order(customer: Customer) -> None:
    for number, text in enumerate(["我家", "宽带", "从昨天起", "上不了网了"]):
        customer.post(text, id=f"b{number}", wait=False)
    answer = customer.say("快点", id="last")

    own = [m["text"] for m in customer.messages() if m["author"] == "customer"]
    assert own == ["我家", "宽带", "从昨天起", "上不了网了", "快点"]
    replies = [m for m in customer.messages() if m["author"] == "bot"]
    assert 1 <= len(replies) <= 3
    assert answer.replies


BAD_BODIES = [
    (b"{", "bad_request"),
    (b"[]", "bad_request"),
    (b"{}", "invalid"),
    (b'{"text": 5, "client_message_id": "a"}', "invalid"),
    (b'{"text": "a"}', "invalid"),
    (b'{"text": "a", "client_message_id": ""}', "invalid"),
    (b"\xff\xfe", "bad_request"),
    (json.dumps({"text": "长" * 5001, "client_message_id": "a"}).encode(), "too_long"),
    (json.dumps({"text": "长" * 100_000, "client_message_id": "a"}).encode(), "too_long"),
    (json.dumps({"text": "a", "client_message_id": "i" * 101}).encode(), "too_long"),
]


@pytest.mark.parametrize(("body", "code"), BAD_BODIES)
def test_a_bad_body_gets_a_clear_error(customer: Customer, body: bytes, code: str) -> None:
    response = customer.http.post("/messages", content=body)

    assert response.json()["ok"] is False
    assert error_of(response)[1] == code
    assert customer.messages() == []


ODD_TEXTS = ["", " ", "😀😀", "5" * 300, "长" * 5000, "/restart", "\x00坏", "Hello, my network is down",
             "我家寬帶斷了", "<script>alert(1)</script>", "' OR 1=1 --"]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_odd_text_is_answered_and_kept(customer: Customer, text: str) -> None:
    answer = customer.say(text)

    assert answer.replies
    [kept] = [m for m in customer.messages() if m["author"] == "customer"]
    assert kept["text"] == text.replace("\x00", "")


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x.y.z", "Basic abc", "Bearer " + "a" * 5000])
def test_without_a_valid_token_nothing_is_answered(desk: Stack, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    response = httpx.get(f"{desk.url}/api/v1/messages", headers=headers)

    assert error_of(response) == (401, "unauthorized")


def test_a_strangers_ticket_looks_like_none(desk: Stack, customer: Customer) -> None:
    number = customer.say(REQUEST).ticket["number"]
    stranger = desk.customer()

    assert customer.http.get(f"/tickets/{number}").status_code == 200
    assert error_of(stranger.http.get(f"/tickets/{number}")) == (404, "not_found")


def test_too_many_messages_in_a_minute_are_refused_and_leave_no_row(customer: Customer) -> None:
    statuses = [customer.post("喂", wait=False).status_code for _ in range(45)]

    assert statuses[:40].count(202) == 40
    assert set(statuses[40:]) == {429}
    assert len([m for m in customer.messages() if m["author"] == "customer"]) == 40


@pytest.mark.parametrize("cursor", ["-1", "x", "1" * 30])
def test_a_wrong_cursor_is_named(customer: Customer, cursor: str) -> None:
    assert error_of(customer.http.get("/messages", params={"after": cursor})) == (400, "bad_request")


def events_of(customer: Customer, after: int, want: int) -> list[dict[str, Any]]:
    """Read `want` messages from the stream."""
    found: list[dict[str, Any]] = []
    with customer.http.stream("GET", "/stream", params={"after": after}, timeout=10) as response:
        kind = ""
        for line in response.iter_lines():
            line = line.strip()
            if line.startswith("event:"):
                kind = line[6:].strip()
            elif line.startswith("data:") and kind == "message":
                found.append(json.loads(line[5:]))
                if len(found) == want:
                    return found
    return found


def test_the_stream_tells_what_comes_and_continues_from_a_cursor(customer: Customer) -> None:
    timer = threading.Timer(0.3, lambda: customer.post(REQUEST, id="streamed"))
    timer.start()
    found = events_of(customer, 0, 2)
    timer.join()

    assert [m["author"] for m in found] == ["customer", "bot"]
    assert [m["id"] for m in events_of(customer, found[0]["id"], 1)] == [found[1]["id"]]


def test_unknown_paths_and_methods_use_the_envelope(desk: Stack) -> None:
    assert error_of(httpx.get(f"{desk.url}/api/v1/nothing")) == (404, "not_found")
    assert error_of(httpx.put(f"{desk.url}/api/v1/sessions"))[0] == 405


def test_no_raw_number_is_in_the_logs(desk: Stack, customer: Customer) -> None:
    customer.say("我的电话是13912345678，宽带断了")

    logs = "".join(path.read_text() for path in Path(desk.home, "logs").glob("*.log"))
    assert "13912345678" not in logs
