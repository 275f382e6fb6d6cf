"""Chapter 4.4: tries at a password are counted, also those of one burst and of a changed password."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from bot.storage.staff import Staff
from tests.console.conftest import PASSWORD, LocalDesk


def guess(local: LocalDesk, name: str, address: str) -> int:
    body = {"name": name, "password": "wrong-password"}
    url = f"{local.url}/api/v1/staff/sign-in"
    return httpx.post(url, json=body, headers={"X-Real-IP": address}, timeout=60).status_code


def test_a_burst_from_many_addresses_has_no_more_tries_than_one_after_the_other(
    local: LocalDesk,
) -> None:
    local.add("burst")
    with ThreadPoolExecutor(16) as pool:
        found = Counter(pool.map(lambda n: guess(local, "burst", f"198.51.100.{n}"), range(32)))

    # A try that is still at its hash when the lock falls is refused as locked.
    assert {401, 423} == set(found)
    assert (32, True) == (found.total(), found[401] <= 5)


def test_a_burst_from_one_address_is_slowed_down_at_the_limit(local: LocalDesk) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = Counter(pool.map(lambda n: guess(local, f"none{n}", "203.0.113.77"), range(40)))

    assert {401: 20, 429: 20} == found


def test_a_team_that_signs_in_at_once_from_one_address_is_not_slowed_down(
    local: LocalDesk,
) -> None:
    names = [f"shift{n}" for n in range(24)]
    for name in names:
        local.add(name)
    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(local.sign_in, names))

    assert len(found) == 24


def test_wrong_old_passwords_lock_the_account_and_are_recorded(local: LocalDesk) -> None:
    client, leader = local.person(), local.person("leader")
    name = client.headers["X-Test-Name"]
    body = {"old": "wrong-password", "new": "Another-Horse-8"}
    answers = [client.post("/password", json=body).status_code for _ in range(6)]

    signing = local.browser().post("/sign-in", json={"name": name, "password": PASSWORD})
    entries = leader.get("/audit?action=sign_in_failed").json()["data"]["entries"]
    assert ([401] * 5 + [423], 423) == (answers, signing.status_code)
    assert [True, True] + [False] * 4 == [
        e["data"]["locked"] for e in entries if e["data"]["at"] == "password"
    ]


def test_a_right_password_begins_the_count_anew(local: LocalDesk) -> None:
    local.add("again")
    for _ in range(2):
        for _ in range(4):
            guess(local, "again", "192.0.2.4")
        client = local.sign_in("again")
        assert 200 == client.get("/me").status_code
    with local.desk.sessions() as session:
        assert 0 == session.query(Staff).filter_by(name="again").one().failures
