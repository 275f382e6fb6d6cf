"""Chapter 2.2: what two processes write at once is written once, and both are answered."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from bot.desk import presence, serving
from tests.console.conftest import LocalDesk

BODY = {"text": "您好，已为您查询，请稍候。", "client_message_id": "once"}


def test_a_reply_that_comes_twice_at_once_is_answered_with_the_first(
    local: LocalDesk, staff: httpx.Client, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = staff.post(f"/conversations/{held}/reply", json=BODY)
    found, calls = serving._sent_before, []

    def blind_once(*given: Any) -> Any:
        # As on PostgreSQL, where the other transaction has not committed yet.
        calls.append(given)
        return found(*given) if len(calls) > 1 else None

    monkeypatch.setattr(serving, "_sent_before", blind_once)
    second = staff.post(f"/conversations/{held}/reply", json=BODY)

    assert (201, 201) == (first.status_code, second.status_code), second.text
    assert first.json()["data"]["message"]["id"] == second.json()["data"]["message"]["id"]


def test_any_other_double_is_told_and_no_error_of_the_server(
    local: LocalDesk, staff: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_given: Any, **_values: Any) -> None:
        raise IntegrityError("INSERT", {}, Exception("unique"))

    monkeypatch.setattr(presence, "set_presence", taken)
    answer = staff.post("/presence", json={"presence": "duty"})

    assert (409, "changed_meanwhile") == (answer.status_code, answer.json()["error"]["code"])
