"""Chapter 4.4: who may sign in, and what an account may do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.console.api import endpoints
from bot.console.routing import Endpoint
from bot.handbook.reception_tables import load_access
from tests.console.conftest import PASSWORD, LocalDesk

ROLES = tuple(load_access().roles)


INPUT = {"X-Intake-Input": "1"}


def path_of(endpoint: Endpoint) -> str:
    for part in ("<id:str>", "<number:str>", "<duty:str>", "<step:str>", "<decision:str>"):
        endpoint_path = endpoint.path.replace(part, "none")
        endpoint = Endpoint(endpoint.method, endpoint_path, "", None)
    return endpoint.path.replace("<id:int>", "999999")


def test_a_sign_in_gives_a_cookie_and_a_token(local: LocalDesk) -> None:
    local.add("zhang", "staff", "billing")
    client = local.browser()

    answer = client.post("/sign-in", json={"name": "zhang", "password": PASSWORD})

    cookie = answer.headers["set-cookie"].lower()
    assert answer.json()["data"]["csrf_token"]
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))


@pytest.mark.parametrize(("name", "password"), [("zhang", "wrong-password"), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_look_the_same(
    local: LocalDesk, name: str, password: str
) -> None:
    answer = local.browser().post("/sign-in", json={"name": name, "password": password})

    assert (401, "sign_in_refused") == (answer.status_code, answer.json()["error"]["code"])


def test_five_failures_lock_the_account_for_a_quarter_of_an_hour(local: LocalDesk) -> None:
    local.add("locked")
    wrong = {"name": "locked", "password": "wrong-password"}
    for _ in range(5):
        local.browser().post("/sign-in", json=wrong)

    right = {"name": "locked", "password": PASSWORD}
    during = local.browser().post("/sign-in", json=right)
    local.offset = timedelta(minutes=16)
    after = local.browser().post("/sign-in", json=right)

    assert (423, 200) == (during.status_code, after.status_code)


@pytest.mark.parametrize(
    ("rest", "status"), [(timedelta(minutes=59), 200), (timedelta(minutes=61), 401)]
)
def test_an_idle_sign_in_expires_after_an_hour(
    local: LocalDesk, rest: timedelta, status: int
) -> None:
    client = local.person()
    local.offset = rest

    assert status == client.get("/me").status_code


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (INPUT, 200)])
def test_what_a_page_reads_by_itself_keeps_no_sign_in_alive(
    local: LocalDesk, headers: dict[str, str], status: int
) -> None:
    client = local.person()
    for minutes in (20, 40, 55):
        local.offset = timedelta(minutes=minutes)
        assert 200 == client.get("/conversations", headers=headers).status_code
    local.offset = timedelta(minutes=70)

    assert status == client.get("/conversations", headers=headers).status_code


def test_a_change_keeps_the_sign_in_alive(local: LocalDesk) -> None:
    client = local.person()
    local.offset = timedelta(minutes=50)
    client.post("/presence", json={"presence": "duty"})
    local.offset = timedelta(minutes=100)

    assert 200 == client.get("/me").status_code


def test_a_sign_in_expires_after_twelve_hours_however_busy(local: LocalDesk) -> None:
    client = local.person()
    statuses = []
    for minutes in (*range(55, 12 * 60, 55), 12 * 60 + 1):
        local.offset = timedelta(minutes=minutes)
        statuses.append(client.get("/me", headers=INPUT).status_code)

    assert [200] * 13 + [401] == statuses


def test_a_change_without_the_token_is_refused_and_recorded(local: LocalDesk) -> None:
    client, leader = local.person(), local.person("leader")
    client.headers.pop("X-CSRF-Token")

    answer = client.post("/presence", json={"presence": "duty"})

    entries = leader.get("/audit", params={"action": "refused"}).json()["data"]["entries"]
    assert (403, "csrf") == (answer.status_code, answer.json()["error"]["code"])
    assert "csrf" in [entry["data"]["code"] for entry in entries]


def test_twenty_failures_from_one_address_slow_it_down(local: LocalDesk) -> None:
    client = local.browser()
    client.headers["X-Real-IP"] = "203.0.113.9"
    guesses = [
        client.post("/sign-in", json={"name": f"guess{n}", "password": "x" * 12}) for n in range(21)
    ]

    assert [401] * 20 + [429] == [guess.status_code for guess in guesses]


def test_a_first_password_must_be_changed_before_anything_else(local: LocalDesk) -> None:
    admin = local.person("admin")
    opened = admin.post("/accounts", json={"name": "newcomer", "role": "staff"}).json()["data"]
    client = local.sign_in("newcomer", opened["password"])

    before = client.get("/tickets").json()["error"]["code"]
    client.post("/password", json={"old": opened["password"], "new": "Another-Horse-8"})
    after = client.get("/tickets").status_code

    assert ("password_change_required", 200) == (before, after)


@pytest.mark.parametrize("password", ["short", "password123", "aaaaaaaaaaaa", "zz-{name}-2026"])
def test_a_weak_password_is_refused(local: LocalDesk, password: str) -> None:
    client = local.person()
    new = password.format(name=client.headers["X-Test-Name"])
    answer = client.post("/password", json={"old": PASSWORD, "new": new})

    assert 422 == answer.status_code


def test_signing_out_everywhere_ends_the_other_browser(local: LocalDesk) -> None:
    local.add("twice")
    one, two = local.sign_in("twice"), local.sign_in("twice")
    one.post("/sign-out", json={"everywhere": True})

    assert 401 == two.get("/me").status_code


def test_a_closed_account_is_out_at_once(local: LocalDesk) -> None:
    admin, client = local.person("admin"), local.person()
    mine = client.get("/me").json()["data"]["staff"]["id"]
    admin.post(f"/accounts/{mine}", json={"disabled": True})

    assert 401 == client.get("/me").status_code


@pytest.fixture(scope="module")
def people(local: LocalDesk) -> dict[str, object]:
    """Sign one person of each role in."""
    return {role: local.person(role, "care") for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda e: f"{e.method} {e.path}")
def test_every_endpoint_admits_exactly_the_roles_of_the_table(
    local: LocalDesk, people: dict[str, object], endpoint: Endpoint, role: str
) -> None:
    if endpoint.path in {"/sign-in", "/sign-out", "/password"}:
        pytest.skip("open to whoever has an account")
    allowed = endpoint.permission is None or endpoint.permission in load_access().roles[role].may

    answer = people[role].request(endpoint.method, path_of(endpoint))

    assert allowed == (answer.status_code != 403), answer.text
    assert answer.status_code < 500


@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda e: f"{e.method} {e.path}")
def test_no_endpoint_answers_a_stranger(local: LocalDesk, endpoint: Endpoint) -> None:
    if not endpoint.signed_in:
        pytest.skip("the sign-in itself")
    answer = local.browser().request(endpoint.method, path_of(endpoint))

    assert 401 == answer.status_code
