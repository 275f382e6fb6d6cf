"""Chapter 4.4: every kind of refusal is in the audit log, and a flood cannot fill it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.console.refusals import MOST_OF_STRANGERS
from tests.console.conftest import LocalDesk


@pytest.fixture(autouse=True)
def nothing_noted(local: LocalDesk) -> None:
    """Forget what the tests before were refused: the desk is the same for all."""
    local.app.ctx.__dict__.pop("noted_refusals", None)


@pytest.fixture
def leader(local: LocalDesk) -> httpx.Client:
    return local.person("leader")


def lines(leader: httpx.Client, **wanted: Any) -> list[dict[str, Any]]:
    query = {"action": "refused", "limit": 500}
    entries = leader.get("/audit", params=query).json()["data"]["entries"]
    found = [{**e, **e["data"]} for e in entries]
    return [e for e in found if all(e.get(k) == v for k, v in wanted.items())]


@pytest.mark.parametrize("path", ["/tickets", "/stream"])
def test_a_cookie_that_is_not_good_is_recorded(
    local: LocalDesk, leader: httpx.Client, path: str
) -> None:
    client, address = local.browser(), f"192.0.2.{len(path)}"
    client.headers["X-Real-IP"] = address
    client.cookies.set("intake_staff", "made-up")

    assert [401] * 5 == [client.get(path).status_code for _ in range(5)]
    [line] = lines(leader, address=address)
    assert ("unauthorized", f"GET {path}", "") == (line["code"], line["subject"], line["staff"])


def test_a_caller_without_a_cookie_is_not_recorded(local: LocalDesk, leader: httpx.Client) -> None:
    client = local.browser()
    client.headers["X-Real-IP"] = "192.0.2.200"
    client.get("/tickets")

    assert [] == lines(leader, address="192.0.2.200")


def test_who_must_change_the_password_is_recorded_there_and_at_the_stream(
    local: LocalDesk, leader: httpx.Client
) -> None:
    admin = local.person("admin")
    made = admin.post("/accounts", json={"name": "fresh1", "role": "staff"}).json()["data"]
    client = local.sign_in("fresh1", made["password"])
    client.get("/tickets"), client.get("/stream")

    found = lines(leader, staff="fresh1", code="password_change_required")
    assert {"GET /tickets", "GET /stream"} == {line["subject"] for line in found}


def test_each_door_that_a_role_tries_is_recorded_once(
    local: LocalDesk, leader: httpx.Client
) -> None:
    client = local.person("staff", "billing")
    name = client.headers["X-Test-Name"]
    for path in ("/audit", "/accounts", "/audit"):
        assert 403 == client.get(path).status_code

    found = [line["subject"] for line in lines(leader, staff=name)]
    assert ["GET /accounts", "GET /audit"] == found


def test_a_slowed_down_address_is_recorded_once_a_minute_with_how_many_were_left_out(
    local: LocalDesk, leader: httpx.Client
) -> None:
    client = local.browser()
    client.headers["X-Real-IP"] = "192.0.2.77"
    body = {"name": "nobody-here", "password": "wrong-password"}
    codes = Counter(client.post("/sign-in", json=body).status_code for _ in range(25))
    assert {401: 20, 429: 5} == codes
    local.offset = timedelta(minutes=2)
    client.post("/sign-in", json=body)

    found = lines(leader, address="192.0.2.77", code="rate_limited")
    assert [4, None] == [line.get("left_out") for line in found]


def test_an_unfit_approval_is_recorded(local: LocalDesk, leader: httpx.Client) -> None:
    number = local.ticket(local.waiting(), "bill_query")
    body = {"kind": "refund", "amount": 5000, "reason": "退费"}
    [asked] = leader.post(f"/tickets/{number}/approvals", json=body).json()["data"]["approvals"]
    own = leader.post(f"/approvals/{asked['id']}/approve")

    assert 403 == own.status_code
    assert lines(leader, code="approval_refused", staff=leader.headers["X-Test-Name"])


def test_many_addresses_cannot_fill_the_log(local: LocalDesk, leader: httpx.Client) -> None:
    local.offset = timedelta(minutes=10)
    client = local.browser()
    client.cookies.set("intake_staff", "made-up")
    for n in range(MOST_OF_STRANGERS + 20):
        client.get("/tickets", headers={"X-Real-IP": f"198.18.0.{n}"})

    found = [e for e in lines(leader) if str(e.get("address")).startswith("198.18.")]
    assert MOST_OF_STRANGERS == len(found)
