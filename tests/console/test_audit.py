"""Chapter 4.4: who held whose conversation is in the audit log; an export leaves nothing out unsaid."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from bot.console import people_api
from tests.console.conftest import LocalDesk


def test_claim_transfer_hand_back_and_end_are_in_the_log(
    local: LocalDesk, staff: httpx.Client
) -> None:
    leader, name = local.person("leader"), staff.headers["X-Test-Name"]
    one, two, three = (local.waiting() for _ in range(3))
    steps = [(one, "hand-back", {}), (two, "end", {}), (three, "transfer", {"team": "network"})]
    for id_, step, body in steps:
        assert 200 == staff.post(f"/conversations/{id_}/claim").status_code
        assert 200 == staff.post(f"/conversations/{id_}/{step}", json=body).status_code

    entries = leader.get("/audit", params={"limit": 500}).json()["data"]["entries"]
    found = [(e["action"], e["subject"]) for e in reversed(entries) if e["staff"] == name]
    kept = [each for each in found if each[0].startswith("conversation_")]
    assert [
        ("conversation_claimed", f"conversation:{one}"),
        ("conversation_handed_back", f"conversation:{one}"),
        ("conversation_claimed", f"conversation:{two}"),
        ("conversation_ended", f"conversation:{two}"),
        ("conversation_claimed", f"conversation:{three}"),
        ("conversation_transferred", f"conversation:{three}"),
    ] == kept


def test_adopted_rules_are_in_the_log(local: LocalDesk) -> None:
    entries = local.person("leader").get("/audit?action=rules_adopted").json()["data"]["entries"]

    assert [f"language:{local.desk.gate.checker.version}"] == [e["subject"] for e in entries]


def test_a_long_log_says_from_where_to_go_on(
    local: LocalDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = local.person("leader")
    for _ in range(8):
        leader.post("/presence", json={"presence": "duty"}), leader.get("/audit/export")
    monkeypatch.setattr(people_api, "EXPORT_LINES", 5)

    seen, before = [], None
    for _ in range(50):
        text = leader.get("/audit/export", params={"before": before} if before else {}).text
        _, *rows = csv.reader(io.StringIO(text))
        more = [row[4] for row in rows if row[3] == "more"]
        seen = [int(row[0]) for row in rows if row[3] != "more"] + seen
        if not more:
            break
        before = int(more[0].rpartition("=")[2])
    assert 1 == seen[0] and seen == list(range(1, seen[-1] + 1))
