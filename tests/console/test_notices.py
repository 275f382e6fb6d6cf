"""Chapter 5.3: notices are marked as read by those they are for, each for themselves."""

from __future__ import annotations

import itertools

import httpx
import pytest

from bot.desk.notices import notify_staff
from tests.console.conftest import LocalDesk

KEYS = itertools.count(1)


@pytest.fixture
def warning(local: LocalDesk) -> int:
    """Return a warning to the leaders of billing."""
    with local.desk.sessions.begin() as session:
        notice = notify_staff(
            session, key=f"warning-{next(KEYS)}", kind="breach", level="urgent", role="leader",
            team="billing", text="工单将超时", now=local.now(),
        )  # fmt: skip
        return int(notice.id)


def unread(client: httpx.Client) -> list[int]:
    shown = client.get("/notices", params={"unread": True}).json()["data"]["notices"]
    return [notice["id"] for notice in shown]


@pytest.mark.parametrize("who", [("staff", "billing"), ("leader", "network")])
def test_whom_a_notice_is_not_for_cannot_take_it_away(
    local: LocalDesk, warning: int, who: tuple[str, str]
) -> None:
    leader, other = local.person("leader", "billing"), local.person(*who)
    answer = other.post(f"/notices/{warning}/read")

    assert 404 == answer.status_code
    assert warning in unread(leader)


def test_what_one_leader_has_read_the_other_still_sees(local: LocalDesk, warning: int) -> None:
    one, two = local.person("leader", "billing"), local.person("leader", "billing")
    first = one.post(f"/notices/{warning}/read").json()["data"]["read"]
    again = one.post(f"/notices/{warning}/read").json()["data"]["read"]

    shown = one.get("/notices").json()["data"]["notices"]
    assert (True, False) == (first, again)
    assert warning not in unread(one) and warning in unread(two)
    assert next(n for n in shown if n["id"] == warning)["read_at"]


@pytest.mark.parametrize(
    ("decision", "note", "words"),
    [
        ("approve", "", "申请的退费88.00元已批准。"),
        ("refuse", "账单没有重复，见13800000099的来电。", "申请的退费88.00元未批准：账单没有重复，见138****0099的来电。"),
    ],
)
def test_who_asked_for_a_sum_is_told_what_was_decided_and_why(
    local: LocalDesk, decision: str, note: str, words: str
) -> None:
    asker, colleague, leader = (local.person(role, "billing") for role in ("staff", "staff", "leader"))
    number = local.ticket(local.waiting(), "bill_dispute")
    body = {"kind": "refund", "amount": 88, "reason": "重复扣费"}
    [asked] = asker.post(f"/tickets/{number}/approvals", json=body).json()["data"]["approvals"]
    assert [] == unread(asker)
    leader.post(f"/approvals/{asked['id']}/{decision}", json={"note": note})

    [notice] = asker.get("/notices").json()["data"]["notices"]
    assert (f"您为工单{number}{words}", number) == (notice["text"], notice["ticket"])
    assert [] == unread(colleague)
