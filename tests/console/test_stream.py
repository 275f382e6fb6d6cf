"""Chapter 1.3: consoles hear of every change, at once and after an absence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from threading import Thread

import httpx
import pytest

from tests.console.conftest import LocalDesk


def events(client: httpx.Client, cursor: str = "") -> Iterator[tuple[str, str, dict]]:
    with client.stream("GET", "/stream", params={"cursor": cursor}, timeout=30) as response:
        known: dict[str, str] = {}
        for line in response.iter_lines():
            line = line.strip()
            if not line and known:
                yield known["id"], known["event"], json.loads(known["data"])
                known = {}
            elif line:
                key, _, value = line.partition(": ")
                known[key] = value


def test_a_second_browser_hears_of_it_on_its_line(local: LocalDesk) -> None:
    acting, watching = local.person("staff", "billing"), local.person("leader")
    id_ = local.waiting()
    heard: list[str] = []

    def listen() -> None:
        for _, kind, data in events(watching):
            if kind == "ready":
                heard.append(kind)
            elif kind == "changes" and any(e["kind"] == "claimed" for e in data["events"]):
                heard.append(kind)
                return

    thread = Thread(target=listen)
    thread.start()
    while not heard:
        time.sleep(0.02)
    acting.post(f"/conversations/{id_}/claim")
    thread.join()

    assert heard == ["ready", "changes"]


def test_nothing_is_missed_while_away(local: LocalDesk) -> None:
    client = local.person("leader")
    stream = events(client)
    cursor, kind, _ = next(stream)
    stream.close()
    number = local.ticket(local.waiting())
    missed = client.get("/changes", params={"cursor": cursor}).json()["data"]

    again = client.get("/changes", params={"cursor": missed["cursor"]}).json()["data"]
    assert "ready" == kind
    assert number in missed["changes"]["tickets"]
    assert cursor != missed["cursor"] == again["cursor"]


def test_the_stream_ends_when_the_sign_in_does(
    local: LocalDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.console.stream.HEARTBEAT_S", 0.2)
    client = local.person("staff")
    kinds = []
    for _, kind, _ in events(client):
        kinds.append(kind)
        if kind == "ready":
            client.post("/sign-out")

    assert "signed_out" == kinds[-1]


def test_changes_of_other_teams_are_not_told(local: LocalDesk) -> None:
    client = local.person("staff", "field")
    cursor = client.get("/changes").json()["data"]["cursor"]
    local.ticket(local.waiting(team="billing"), "bill_query")
    changes = client.get("/changes", params={"cursor": cursor}).json()["data"]["changes"]

    assert not (changes and (changes["tickets"] or changes["conversations"]))
