"""Chapter 2.2: what a person who has just come sees of customers, tickets and notices."""

from __future__ import annotations

import httpx

from tests.console.conftest import LocalDesk

GOOD = "您好，已为您查到账单明细，请问还有什么可以帮您？"


def listed(client: httpx.Client, id_: str) -> dict:
    shown = client.get("/conversations").json()["data"]["conversations"]
    return next(item for item in shown if item["id"] == id_)


def test_words_of_another_case_are_shown_and_never_put_into_a_reply(local: LocalDesk) -> None:
    staff = local.person("staff", "billing")
    said = "亲，这个问题我不知道，肯定给您弄好。"
    findings = staff.post("/lint", json={"text": said}).json()["data"]["findings"]
    ways = {f["rule"]: ("例如：" in f["suggestion"], "rewrite" in f) for f in findings}

    assert {"RSP-03": (True, False), "PRM-01": (True, False), "FBD-01": (False, True)} == {
        rule: ways[rule] for rule in ("RSP-03", "PRM-01", "FBD-01")
    }
