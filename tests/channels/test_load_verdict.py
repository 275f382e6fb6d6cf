"""The load on the channels fails for what was lost or doubled, on the way in and on the way out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.channels import verdict

GOOD: dict[str, Any] = {
    "lost": 0, "doubled_in_ledger": 0, "tickets_doubled": 0, "handed_over_twice": 0,
    "deliveries": {"sent": 90, "merged": 5, "held": 2}, "ack_limit_ms": {"sms": 5000}, "ack_p99_ms": {"sms": 200},
}
BAD = [
    {"lost": 1}, {"doubled_in_ledger": 1}, {"tickets_doubled": 1}, {"handed_over_twice": 1},
    {"deliveries": {"sent": 90, "failed": 1}}, {"deliveries": {"expired": 1}}, {"ack_p99_ms": {"sms": 5001}},
]


def test_a_run_in_which_everything_arrived_once_is_good() -> None:
    assert verdict(GOOD) == []


@pytest.mark.parametrize("change", BAD, ids=str)
def test_each_loss_and_each_double_is_a_fault(change: dict[str, Any]) -> None:
    assert len(verdict({**GOOD, **change})) == 1
